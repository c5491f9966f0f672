"""Where things lie: a local folder or an S3 prefix, through the same interface.

S3 takes credentials, region and endpoint from the usual AWS_* variables.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pyarrow.fs as pafs


@lru_cache(maxsize=32)
def filesystem_of(root: str) -> tuple[pafs.FileSystem, str]:
    """File system and path of a root: a local path or `s3://bucket/prefix`.

    S3 takes its credentials, region and endpoint from the usual AWS_* variables.
    """
    if not root.startswith("s3://"):
        return pafs.LocalFileSystem(), str(Path(local_path(root)).absolute())
    parts = urlsplit(root)
    options: dict[str, Any] = {"region": os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")}
    endpoint = s3_endpoint()
    if endpoint:
        where = urlsplit(endpoint)
        options |= {"endpoint_override": where.netloc, "scheme": where.scheme}
        options["region"] = options["region"] or "us-east-1"
    filesystem = pafs.S3FileSystem(**{k: v for k, v in options.items() if v})
    return filesystem, f"{parts.netloc}{parts.path}".rstrip("/")


def local_path(root: str) -> str:
    """The path of a local root, which may be written as `file:///path`."""
    return unquote(urlsplit(root).path) if root.startswith("file://") else root


def s3_endpoint() -> str | None:
    """The S3 endpoint other than AWS's own, if one is set."""
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")


def polars_storage_options() -> dict[str, str]:
    """What polars' reader needs besides the credentials it finds in the environment."""
    endpoint = s3_endpoint()
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    if not endpoint:
        return {"aws_region": region}
    return {"aws_region": region, "aws_endpoint_url": endpoint, "aws_allow_http": "true"}
