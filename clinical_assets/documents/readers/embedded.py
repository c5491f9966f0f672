"""Documents inside documents: base64 bodies, their compression and checksums, and where their text lands.

Shared by C-CDA (`nonXMLBody`, entry text) and FHIR (attachments, Binary). Base64 is decoded strictly: a lenient
decoder drops what it does not know and hands on a different document.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import zlib

from clinical_assets.documents.readers.reading import Caution, ExtractionWarning, Limits, Reason, UnreadableError

# HL7 v3 CompressionAlgorithm: deflate (RFC 1951), gzip (RFC 1952), zlib (RFC 1950). Compress (Z) is obsolete and not
# read.
_WINDOW_BITS = {"DF": -zlib.MAX_WBITS, "GZ": 16 + zlib.MAX_WBITS, "ZL": zlib.MAX_WBITS}
_DIGESTS = {"SHA-1": "sha1", "SHA1": "sha1", "SHA-256": "sha256", "SHA256": "sha256"}


def decode_base64(text: str, limits: Limits) -> bytes:
    """The bytes of a base64 body; line breaks and spaces are allowed, anything else is not.

    Raises:
        UnreadableError: BAD_BASE64, EMPTY, or TOO_LARGE beyond `limits.max_bytes`.
    """
    packed = "".join(text.split())
    if not packed:
        raise UnreadableError(Reason.EMPTY, "an embedded body without content")
    if len(packed) // 4 * 3 > limits.max_bytes:
        raise UnreadableError(Reason.TOO_LARGE, f"an embedded body of about {len(packed) // 4 * 3} bytes")
    try:
        return base64.b64decode(packed, validate=True)
    except (binascii.Error, ValueError):
        raise UnreadableError(Reason.BAD_BASE64, f"{len(packed)} characters") from None


def decompress(data: bytes, algorithm: str, limits: Limits) -> bytes:
    """Undo an HL7 compression, never beyond `limits.max_bytes`.

    Raises:
        UnreadableError: UNSUPPORTED_TYPE for an algorithm not read, CORRUPT, TOO_LARGE.
    """
    bits = _WINDOW_BITS.get(algorithm.upper())
    if bits is None:
        raise UnreadableError(Reason.UNSUPPORTED_TYPE, "an embedded body in a compression that is not read")
    return inflated(data, bits, limits)


def inflated(data: bytes, window_bits: int, limits: Limits) -> bytes:
    """Inflate what zlib deflated, never beyond `limits.max_bytes`; what follows the end of the stream is left out.

    Raises:
        UnreadableError: TOO_LARGE beyond the limit, CORRUPT where it is not deflated or ends early.
    """
    inflater = zlib.decompressobj(window_bits)
    try:
        whole = inflater.decompress(data, limits.max_bytes + 1)
    except zlib.error:
        raise UnreadableError(Reason.CORRUPT, "compressed data that do not inflate") from None
    if len(whole) > limits.max_bytes:
        raise UnreadableError(Reason.TOO_LARGE, f"inflates to more than {limits.max_bytes} bytes")
    if not inflater.eof:
        raise UnreadableError(Reason.CORRUPT, "compressed data that end early")
    return whole


def verify(data: bytes, digest: str | None, algorithm: str | None, size: int | None = None) -> list[ExtractionWarning]:
    """Compare with the checksum (base64) and size the sender states; a difference is a caution."""
    found = []
    if size is not None and size != len(data):
        found.append(ExtractionWarning(Caution.CHECKSUM_MISMATCH, f"stated {size} bytes, found {len(data)}"))
    name = _DIGESTS.get((algorithm or "SHA-1").upper())
    if digest and name:
        # Both standards fix SHA-1 as the default; it guards against damage here, not against forgery.
        computed = hashlib.new(name, data, usedforsecurity=False).digest()
        stated = "".join(digest.split())
        if stated not in (base64.b64encode(computed).decode(), computed.hex()):
            found.append(ExtractionWarning(Caution.CHECKSUM_MISMATCH, name))
    return found
