"""Every setting of the project, in one typed place.

Read from the environment, else from `.env` in the working directory, else the default below. The README's table of
settings is written from the descriptions here (a test compares the two).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

MOST_SHARDS = 1024


class SettingsError(ValueError):
    """A setting has a value the project can't work with; the message says what was expected, found, and what to do."""


class Settings(BaseSettings):
    """The project's settings; `Settings.load()` reads them with errors a person can act on."""

    model_config = SettingsConfigDict(
        env_prefix="CLINICAL_", env_file=".env", env_file_encoding="utf-8", extra="ignore"
    )

    home: Annotated[
        Path,
        Field(
            description="Folder of everything the project keeps: lake, embedded PostgreSQL, DAGSTER_HOME, benchmarks."
        ),
    ] = Path(".clinical")
    sources: Annotated[
        str | None,
        Field(description="PhysioNet-style tree (`mimiciv/3.1/...`), a local path or `s3://bucket/prefix`."),
    ] = None
    documents: Annotated[
        str | None,
        Field(
            description="Store of documents (see `clinical_assets/documents/index/entries.py`), a path or `s3://bucket/prefix`."
        ),
    ] = None
    cohorts: Annotated[
        Path | None,
        Field(description="Folder of YAML files with further cohorts to cut into batches; see `documents/cohorts`."),
    ] = None
    batch_patients: Annotated[
        int, Field(description="Most patients of a batch; batches already cut stay as they are.", ge=1, le=1000)
    ] = 25
    note_profile: Annotated[
        str | None,
        Field(
            description="Which notes are worth reading: `oncology`, `general`, or a YAML file "
            "(see `documents/prioritised/site_profiles.py`)."
        ),
    ] = None
    time_zone: Annotated[
        str | None,
        Field(
            description="The hospital's IANA time zone, e.g. `America/Chicago`: documents' and events' times written "
            "with an offset are moved into it; empty: they stand as written."
        ),
    ] = None
    lake: Annotated[
        str | None, Field(description="Root of the Parquet lake, a local path or `s3://bucket/prefix`.")
    ] = None
    warehouse_url: Annotated[
        SecretStr | None,
        Field(description="PostgreSQL URL, `postgresql://user:password@host/database`; empty: the embedded server."),
    ] = None
    subject_shards: Annotated[
        int,
        Field(description=f"Hash buckets of patients, 1 to {MOST_SHARDS}; fixed for the life of a lake."),
    ] = 8

    report_url: Annotated[
        str,
        Field(description="Where `make ui` serves the quality report, and what the UI links to; this machine only."),
    ] = "http://127.0.0.1:3001/"

    @field_validator("report_url", mode="after")
    @classmethod
    def _local_url(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme != "http" or parts.hostname not in {"127.0.0.1", "localhost"} or not parts.port:
            raise ValueError(
                f"expected http://127.0.0.1:port/; found {value!r}; the report is served to this machine only"
            )
        return value

    @field_validator("home", mode="after")
    @classmethod
    def _home_is_a_folder(cls, home: Path) -> Path:
        home = home.expanduser().absolute()
        if home.exists() and not home.is_dir():
            raise ValueError(f"expected a folder (it is made when absent); found a file at {home}; name another path")
        return home

    @field_validator("cohorts", mode="after")
    @classmethod
    def _cohorts_is_a_folder(cls, folder: Path | None) -> Path | None:
        if folder is None or not str(folder).strip("."):
            return None
        folder = folder.expanduser().absolute()
        if not folder.is_dir():
            raise ValueError(f"expected a folder of YAML files; found none at {folder}; make it or leave this empty")
        return folder

    @field_validator("note_profile", mode="after")
    @classmethod
    def _blank_is_none(cls, value: str | None) -> str | None:
        return (value or "").strip() or None

    @field_validator("time_zone", mode="after")
    @classmethod
    def _a_known_zone(cls, value: str | None) -> str | None:
        name = (value or "").strip()
        if not name:
            return None
        # `localtime` is another zone on another machine.
        known = available_timezones() - {"localtime", "Factory"}
        if not known:
            raise ValueError("this machine has no time zone database; install the system's tzdata")
        if name not in known:
            meant = next((zone for zone in sorted(known) if zone.casefold() == name.casefold()), "America/Chicago")
            raise ValueError(
                f"expected the IANA name of a time zone, such as {meant}; found {name!r}; abbreviations and offsets do "
                "not say when summer time begins, so name the region and city, or leave it empty"
            )
        return name

    @field_validator("sources", "documents", "lake", mode="after")
    @classmethod
    def _path_or_s3(cls, value: str | None) -> str | None:
        if value is None or not value.strip():
            return None
        if "://" not in value:
            return str(Path(value).expanduser().absolute())
        parts = urlsplit(value)
        if parts.scheme == "file":
            return str(Path(parts.path).absolute())
        if parts.scheme != "s3" or not parts.netloc:
            raise ValueError(
                f"expected a local path or s3://bucket/prefix; found {value!r}; use one of those two forms"
            )
        return value.rstrip("/")

    @field_validator("warehouse_url", mode="after")
    @classmethod
    def _postgres_url(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or not value.get_secret_value().strip():
            return None
        parts = urlsplit(value.get_secret_value())
        if parts.scheme.split("+")[0] not in {"postgresql", "postgres"} or not parts.path.strip("/"):
            # The URL holds a password: say its form, never its value.
            raise ValueError(
                "expected postgresql://user:password@host:port/database; "
                f"found a URL of scheme {parts.scheme!r} with {'a' if parts.path.strip('/') else 'no'} database name; "
                "correct it, or leave it empty for the embedded server"
            )
        return value

    @field_validator("subject_shards", mode="before")
    @classmethod
    def _a_whole_number(cls, value: object) -> object:
        try:
            shards = int(str(value))
        except ValueError:
            shards = 0
        if not 1 <= shards <= MOST_SHARDS:
            raise ValueError(
                f"expected a whole number from 1 to {MOST_SHARDS}; found {value!r}; "
                "8 suits a laptop, 64 the full release over several machines"
            )
        return shards

    @property
    def sources_root(self) -> str:
        """Where the source files are looked for; by default where the synthetic hospital is written."""
        return self.sources or str(self.home / "sources")

    @property
    def documents_root(self) -> str:
        """Where documents are looked for; by default beside the source files."""
        return self.documents or f"{self.sources_root}/documents"

    @property
    def lake_root(self) -> str:
        """The lake's root, a local path or an `s3://` URI."""
        return self.lake or str(self.home / "lake")

    @property
    def dagster_home(self) -> Path:
        """Dagster's own state."""
        return self.home / "dagster"

    @classmethod
    def load(cls, **values: object) -> Settings:
        """Read the settings.

        Args:
            values: take precedence over environment and `.env` (for tests and commands).

        Raises:
            SettingsError: naming each wrong variable, what was expected, what was found and what to do.
        """
        try:
            return cls(**values)  # type: ignore[arg-type]
        except ValidationError as error:
            wrong = (
                f"CLINICAL_{'_'.join(map(str, e['loc'])).upper()}: {e['msg'].removeprefix('Value error, ')}"
                for e in error.errors(include_input=False, include_url=False)
            )
            raise SettingsError("\n".join(wrong)) from None
