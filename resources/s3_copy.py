"""Copying one large object within S3, in parts.

One copy request takes objects of up to 5 GB; anything larger has to be copied part by part. The bytes stay in S3.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

COPY_IN_PARTS_ABOVE = 4 << 30
"""Bytes; S3's own limit for one request is 5 GB (5 * 10**9)."""
PART = 512 << 20
"""Bytes copied by one request; S3 wants at least 5 MiB of each part but the last, and at most 10,000 parts."""
AT_ONCE = 8


def copy_in_parts(source: str, target: str, size_bytes: int, endpoint: str | None) -> None:
    """Copy `bucket/key` to `bucket/key`; the target is there whole, or as it was before.

    A killed process leaves an unfinished upload, which no reader sees and which costs storage until the bucket's
    lifecycle rule for incomplete multipart uploads removes it.

    Args:
        source: what to copy.
        target: replaced when every part is there.
        size_bytes: of the source.
        endpoint: other than AWS's own, if one is set; credentials and region come from the usual AWS_* variables.

    Raises:
        OSError: S3 refused a request (the source changed or is gone, among others); the upload was given up.
    """
    import boto3  # type: ignore[import-untyped]  # half a second; most lakes are on a disk
    from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]

    client = boto3.client("s3", endpoint_url=endpoint)
    (from_bucket, _, from_key), (bucket, _, key) = source.partition("/"), target.partition("/")
    try:
        version = client.head_object(Bucket=from_bucket, Key=from_key)["ETag"]
        upload = client.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
    except (BotoCoreError, ClientError) as error:
        raise OSError(f"S3 would not begin to copy {source} to {target}: {error}") from None

    def copied(number: int) -> dict[str, Any]:
        first = (number - 1) * PART
        answer = client.upload_part_copy(
            Bucket=bucket,
            Key=key,
            UploadId=upload,
            PartNumber=number,
            CopySource={"Bucket": from_bucket, "Key": from_key},
            CopySourceIfMatch=version,
            CopySourceRange=f"bytes={first}-{min(first + PART, size_bytes) - 1}",
        )
        return {"PartNumber": number, "ETag": answer["CopyPartResult"]["ETag"]}

    try:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            parts = list(pool.map(copied, range(1, -(-size_bytes // PART) + 1)))
        client.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": parts})
    except BaseException as error:
        with suppress(BotoCoreError, ClientError):
            client.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload)
        if isinstance(error, BotoCoreError | ClientError):
            raise OSError(f"S3 would not copy {source} to {target}: {error}") from None
        raise
