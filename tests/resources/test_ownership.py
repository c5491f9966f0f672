"""Whose folder it is: dead only when there is no doubt."""

import os
import socket
import subprocess

import psutil
import pytest

from resources.ownership import owned_name, owner_is_dead

HOST = socket.gethostname()
STARTED = int(psutil.Process().create_time())


def test_a_living_process_owns_what_it_named():
    assert not owner_is_dead(owned_name())
    assert owned_name() != owned_name()


def test_a_killed_process_owns_nothing_even_before_its_parent_has_asked_for_it():
    process = subprocess.Popen(["sleep", "60"])
    name = f"{HOST}~{process.pid}~{int(psutil.Process(process.pid).create_time())}~00000000"
    assert not owner_is_dead(name)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert owner_is_dead(name), "killed, and its parent does not know yet"
    process.wait()
    assert owner_is_dead(name)


@pytest.mark.parametrize("seconds", [-1, 1])
def test_a_clock_that_was_set_does_not_make_a_living_process_dead(seconds):
    assert not owner_is_dead(f"{HOST}~{os.getpid()}~{STARTED + seconds}~00000000")


def test_a_process_number_given_out_again_is_another_process():
    assert owner_is_dead(f"{HOST}~{os.getpid()}~{STARTED - 3_600}~00000000")


@pytest.mark.parametrize("name", ["another-machine~1~1~00000000", "subject_shard=00", "notes", f"{HOST}~x~1~0", ""])
def test_a_name_of_unknown_origin_is_never_called_dead(name):
    assert not owner_is_dead(name)
