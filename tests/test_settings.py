"""Settings: every wrong value is refused at load, saying what was expected, what was found and what to do."""

import os
import re
from pathlib import Path

import pytest

from clinical_assets.settings import Settings, SettingsError

README = Path(__file__).parents[1] / "README.md"


@pytest.fixture(autouse=True)
def _no_settings_around(monkeypatch, tmp_path):
    for name in [n for n in os.environ if n.startswith("CLINICAL_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_defaults_lie_below_the_home(tmp_path):
    settings = Settings.load()
    assert settings.home == tmp_path / ".clinical"
    assert settings.sources_root == str(tmp_path / ".clinical" / "sources")
    assert settings.lake_root == str(tmp_path / ".clinical" / "lake")
    assert settings.dagster_home == tmp_path / ".clinical" / "dagster"
    assert settings.subject_shards == 8


def test_environment_wins_over_the_env_file(tmp_path, monkeypatch):
    (tmp_path / ".env").write_text("CLINICAL_SUBJECT_SHARDS=16\nCLINICAL_LAKE=s3://bucket/lake/\n")
    assert Settings.load().subject_shards == 16
    assert Settings.load().lake_root == "s3://bucket/lake"
    monkeypatch.setenv("CLINICAL_SUBJECT_SHARDS", "4")
    assert Settings.load().subject_shards == 4


def test_relative_paths_and_file_uris_become_absolute_paths(tmp_path):
    assert Settings.load(sources="data").sources_root == str(tmp_path / "data")
    assert Settings.load(lake="file:///lake").lake_root == "/lake"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("subject_shards", "0", "expected a whole number from 1 to 1024"),
        ("subject_shards", "eight", "found 'eight'"),
        ("subject_shards", "5000", "expected a whole number from 1 to 1024"),
        ("sources", "http://somewhere/mimic", "expected a local path or s3://bucket/prefix"),
        ("lake", "s3://", "expected a local path or s3://bucket/prefix"),
        ("warehouse_url", "mysql://u:secret@h/db", "expected postgresql://user:password@host:port/database"),
        ("warehouse_url", "postgresql://u:secret@h", "no database name"),
        ("report_url", "http://0.0.0.0:3001/", "served to this machine only"),
        ("time_zone", "Chicago", "expected the IANA name of a time zone"),
        ("time_zone", "america/chicago", "such as America/Chicago; found 'america/chicago'"),
        ("time_zone", "-06:00", "expected the IANA name of a time zone"),
        ("time_zone", "../zoneinfo/UTC", "expected the IANA name of a time zone"),
        ("time_zone", "localtime", "expected the IANA name of a time zone"),
    ],
)
def test_a_wrong_value_says_what_was_expected_and_names_the_variable(monkeypatch, name, value, said):
    monkeypatch.setenv(f"CLINICAL_{name.upper()}", value)
    with pytest.raises(SettingsError, match=re.escape(said)) as refused:
        Settings.load()
    assert f"CLINICAL_{name.upper()}" in str(refused.value)
    assert "secret" not in str(refused.value)


def test_the_home_may_not_be_a_file(tmp_path):
    (tmp_path / "home").write_text("")
    with pytest.raises(SettingsError, match="found a file"):
        Settings.load(home=tmp_path / "home")


def test_the_warehouse_password_is_never_shown():
    settings = Settings.load(warehouse_url="postgresql://u:hunter2@h:5432/db")
    assert "hunter2" not in repr(settings)
    assert "hunter2" not in str(settings.model_dump())


@pytest.mark.parametrize(("written", "zone"), [("America/Chicago", "America/Chicago"), (" UTC ", "UTC"), ("", None)])
def test_a_time_zone_is_a_name_or_none(monkeypatch, written, zone):
    assert Settings.load().time_zone is None
    monkeypatch.setenv("CLINICAL_TIME_ZONE", written)
    assert Settings.load().time_zone == zone


def test_the_readme_documents_every_setting_with_its_description():
    text = README.read_text()
    for name, field in Settings.model_fields.items():
        row = next((line for line in text.splitlines() if line.startswith(f"| `CLINICAL_{name.upper()}`")), None)
        assert row is not None, f"README has no row for CLINICAL_{name.upper()}"
        assert str(field.description) in row
