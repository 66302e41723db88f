"""The bucket that holds the objects, read from a URL."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qsl, urlsplit

from headrace.core.errors import InvalidRequest
from headrace.core.objects import check_object_path

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_OPTIONS = {"endpoint", "region", "links"}


@dataclass(frozen=True, slots=True)
class BucketPlace:
    """A bucket, or the part of one below a prefix.

    Attributes:
        bucket: Its name.
        prefix: What the keys of all objects begin with: empty, or a path that ends in ``/``.
        endpoint: Root URL of the server that holds it; None for Amazon's.
        region: Its region; None for the one of the environment.
        has_links: Whether callers are sent to the bucket itself, by links that it checks.
    """

    bucket: str
    prefix: str = ""
    endpoint: str | None = None
    region: str | None = None
    has_links: bool = True

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}"


def read_place(text: str) -> BucketPlace:
    """Return the place that ``s3://bucket/prefix?endpoint=…&region=…&links=direct`` names.

    Raises:
        ValueError: It is no such URL; the message says what is wrong with it.
    """
    url = urlsplit(text)
    if url.scheme != "s3" or not _BUCKET.fullmatch(url.netloc):
        raise ValueError(_wrong_start(url))
    options = dict(parse_qsl(url.query, keep_blank_values=True))
    unknown = sorted(options.keys() - _OPTIONS)
    if unknown or url.fragment:
        wrong = unknown[0] if unknown else "#"
        raise ValueError(f"{wrong} is no option; there are {', '.join(sorted(_OPTIONS))}")
    links = options.get("links", "direct")
    if links not in {"direct", "server"}:
        raise ValueError(f"links is direct or server, not {links!r}")
    return BucketPlace(
        url.netloc,
        _prefix(url.path),
        _endpoint(options.get("endpoint")),
        options.get("region") or None,
        has_links=links == "direct",
    )


def _wrong_start(url: SplitResult) -> str:
    if "@" in url.netloc:
        return (
            "credentials do not belong in it: give them as AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY"
        )
    return "it must be s3:// and the name of a bucket, such as s3://my-bucket/headrace"


def _prefix(path: str) -> str:
    folder = path.strip("/")
    if not folder:
        return ""
    try:
        return check_object_path(folder) + "/"
    except InvalidRequest as error:
        raise ValueError(error.message) from None


def _endpoint(text: str | None) -> str | None:
    if text is None:
        return None
    url = urlsplit(text)
    if url.scheme not in {"http", "https"} or not url.hostname or url.path.strip("/") or url.query:
        raise ValueError(
            f"endpoint must be a root URL such as https://s3.example.com, not {text!r}"
        )
    if "@" in url.netloc:
        raise ValueError("credentials do not belong into endpoint")
    return text.rstrip("/")
