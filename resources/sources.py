"""Where source files come from: a PhysioNet-style tree on disk or below an S3 prefix, read as streams."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

import dagster as dg
import pyarrow.fs as pafs

from resources.places import filesystem_of


class Sources(dg.ConfigurableResource[Any]):
    """The tree at `root`, a local path or `s3://bucket/prefix`. Read only."""

    root: str

    @property
    def _place(self) -> tuple[pafs.FileSystem, str]:
        return filesystem_of(self.root)

    def sizes(self, folder: str) -> dict[str, int]:
        """Size in bytes of each file directly in a folder, by path below the root; empty where there is no such folder.

        Not of its subfolders: below an image release's tables lie hundreds of thousands of images.
        """
        filesystem, base = self._place
        selector = pafs.FileSelector(f"{base}/{folder}", allow_not_found=True)
        found = filesystem.get_file_info(selector)
        return {f.path.removeprefix(f"{base}/"): f.size for f in found if f.type == pafs.FileType.File}

    def subfolders(self, folder: str = "") -> list[str]:
        """Names of the folders directly below a folder, in order."""
        filesystem, base = self._place
        selector = pafs.FileSelector(f"{base}/{folder}".rstrip("/"), allow_not_found=True)
        return sorted(f.base_name for f in filesystem.get_file_info(selector) if f.type == pafs.FileType.Directory)

    @contextmanager
    def open(self, path: str) -> Iterator[BinaryIO]:
        """A file's bytes; from S3 in ranged reads, never as a local copy."""
        filesystem, base = self._place
        with filesystem.open_input_file(f"{base}/{path}") as file:
            yield cast(BinaryIO, file)

    def read_text(self, path: str) -> str | None:
        """A small file's text, or None where there is no such file."""
        filesystem, base = self._place
        if filesystem.get_file_info(f"{base}/{path}").type != pafs.FileType.File:
            return None
        with self.open(path) as file:
            return file.read().decode()
