"""Gzipped files of a store, unpacked piece by piece and never beyond a bound: bulk exports come packed.

Packed JSON or CSV is a tenth to a thirtieth of its size; what unpacks to a hundred times of it was made to fill a disk.
"""

from __future__ import annotations

import os
import tempfile
import threading
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import IO

from resources.document_store import DocumentStore

ENDING = ".gz"
MOST_TIMES = 100
"""How many times the packed size a file may unpack to."""
ALWAYS_ALLOWED = 256 * 1024 * 1024
"""Bytes that any file may unpack to: a short file of equal lines packs better than a hundredfold."""
_GZIP = 16 + zlib.MAX_WBITS
_PIECE = 1 << 20


class PackedError(OSError):
    """A gzipped file is cut off, damaged, or unpacks to more than is believed; the message says which."""


def is_packed(path: str) -> bool:
    """Whether a file is gzipped, by its name."""
    return path.endswith(ENDING)


def unpacked_pieces(store: DocumentStore, path: str) -> Iterator[bytes]:
    """The content of a file piece by piece: unpacked where the file is gzipped, else as it is.

    Raises:
        PackedError: it is gzipped and not whole, or unpacks beyond the bound.
        OSError: it cannot be read.
    """
    return unpacked(store.pieces(path)) if is_packed(path) else store.pieces(path)


def unpacked(pieces: Iterable[bytes], always_allowed: int | None = None) -> Iterator[bytes]:
    """Undo gzip (RFC 1952), of one member or of several one behind the other as parallel writers make them.

    Args:
        pieces: the packed file in order.
        always_allowed: bytes it may unpack to however small it is; by default `ALWAYS_ALLOWED`.

    Raises:
        PackedError: see there.
    """
    inflater = zlib.decompressobj(_GZIP)
    allowed = ALWAYS_ALLOWED if always_allowed is None else always_allowed
    taken = given = 0
    for piece in pieces:
        taken += len(piece)
        left, more = piece, False
        while left or more:
            if inflater.eof:
                left = left.lstrip(b"\0")  # a member may be padded
                if not left:
                    break
                inflater = zlib.decompressobj(_GZIP)
            try:
                made = inflater.decompress(left, _PIECE)
            except zlib.error:
                raise PackedError("expected a gzipped file; found bytes that are none") from None
            left = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
            more = len(made) == _PIECE and not inflater.eof
            given += len(made)
            if given > max(allowed, MOST_TIMES * taken):
                raise PackedError(f"expected at most {MOST_TIMES} times its packed size; found more")
            if made:
                yield made
    if not inflater.eof:
        raise PackedError("expected a whole gzipped file; found one that ends early")


@dataclass
class Unpacked:
    """Gzipped files as unnamed temporary files: a passage in the middle is then read as in any file.

    Each is unpacked once, the first time a passage of it is wanted. The system takes a file back when this object, or
    the process, is gone; nobody else can open it. They lie where `TMPDIR` says.
    """

    files: dict[str, IO[bytes]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def passage(self, store: DocumentStore, path: str, offset: int, length: int) -> bytes:
        """So many bytes of the unpacked file from an offset on.

        Raises:
            PackedError: the file is not whole, or unpacks beyond the bound.
            OSError: it cannot be read.
        """
        uri = store.uri(path)
        with self.lock:
            if uri not in self.files:
                self.files[uri] = _in_a_file(unpacked_pieces(store, path))
        return os.pread(self.files[uri].fileno(), length, offset)


def _in_a_file(pieces: Iterable[bytes]) -> IO[bytes]:
    file = tempfile.TemporaryFile(prefix="clinical-")  # noqa: SIM115 - kept as long as its passages are wanted
    try:
        for piece in pieces:
            file.write(piece)
        file.flush()
    except BaseException:
        file.close()
        raise
    return file
