"""Calls that find the whole of Python's stack, however deep the caller is in it already.

Python gives every thread the same number of frames (`sys.getrecursionlimit`). What recurses with the depth of a
document would otherwise give one answer when it is called from a short program, and another from deep inside a test or
a framework.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

Answer = TypeVar("Answer")


def with_whole_stack(call: Callable[[], Answer]) -> Answer:
    """What `call` gives or raises; called a second time, on the empty stack of a new thread, where this one ran out.

    Raises:
        RecursionError: a whole stack is not enough either.
        MemoryError: there is none for another stack.
    """
    try:
        return call()
    except RecursionError:
        pass
    answers: list[Answer] = []
    errors: list[BaseException] = []

    def call_again() -> None:
        try:
            answers.append(call())
        except BaseException as error:  # raised again below, where it is waited for
            errors.append(error)

    thread = threading.Thread(target=call_again, daemon=True)
    try:
        thread.start()
    except RuntimeError:  # "can't start new thread"
        raise MemoryError from None
    thread.join()
    for error in errors:
        raise error
    return answers[0]
