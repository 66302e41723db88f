"""Signed links: URLs that allow one thing with one object until a time, without credentials.

Pure functions; the caller chooses the key, the clock and how paths become URLs.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from enum import StrEnum
from xml.sax.saxutils import escape

from headrace.core.errors import HeadraceError, NotFound, PermissionDenied, TooLarge

EXPIRES = "expires"
PURPOSE = "purpose"
SIGNATURE = "signature"
UPLOAD_ID = "upload_id"
PART_NUMBER = "part_number"

CODES: Mapping[type[HeadraceError], str] = {NotFound: "NoSuchKey", TooLarge: "EntityTooLarge"}
"""Codes that clients of signed links know; all other errors go by their own names."""

_RESERVED = {EXPIRES, SIGNATURE}
_CONTEXT = b"headrace signed link 1"
# What XML 1.0 cannot hold, even escaped.
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Purpose(StrEnum):
    """What a link is for; put it in ``extra`` under :data:`PURPOSE`."""

    UPLOAD = "upload"
    PART = "part"
    DOWNLOAD = "download"
    CODE = "code"
    """A form about a folder that was sent, or fetched, before its pipeline is created."""


def sign(
    key: bytes, method: str, path: str, expires_at: int, extra: Mapping[str, str]
) -> dict[str, str]:
    """Return the query parameters (or form fields) that allow one request.

    Args:
        key: Secret of the server, 32 random bytes.
        method: The HTTP method that is allowed.
        path: The object's path.
        expires_at: Seconds since the epoch from which on the link is void.
        extra: What else the link is bound to: its :data:`PURPOSE`; for a part also its
            :data:`UPLOAD_ID` and :data:`PART_NUMBER`.

    Returns:
        ``extra``, the time and the signature. The path is not among them.

    Raises:
        ValueError: ``extra`` has no purpose, or uses a name that the link needs itself.
    """
    if PURPOSE not in extra or _RESERVED & extra.keys():
        raise ValueError("a link needs a purpose, and names of its own for its time and signature")
    params = {**extra, EXPIRES: str(expires_at)}
    return {**params, SIGNATURE: _signature(key, method, path, params)}


def verify(
    key: bytes, method: str, path: str, params: Mapping[str, str], *, purpose: Purpose, now: float
) -> dict[str, str]:
    """Return the ``extra`` of :func:`sign` if the link allows this request.

    Args:
        key: As for :func:`sign`.
        method: The method of the request.
        path: The path of the object that the request is about.
        params: All parameters of the request; one that was not signed makes the link void.
        purpose: What the request is about to do.
        now: Seconds since the epoch.

    Raises:
        PermissionDenied: It does not; ``details["code"]`` is ``SignatureDoesNotMatch``,
            ``ExpiredLink`` or ``AccessDenied``.
    """
    signed = {name: value for name, value in params.items() if name != SIGNATURE}
    expected = _signature(key, method, path, signed)
    given = params.get(SIGNATURE, "").encode("utf-8", "replace")
    if not hmac.compare_digest(expected.encode(), given):
        raise _denied("SignatureDoesNotMatch", "The link was not made by this server for this.")
    # Only a signed text gets here, so it is a number.
    if now >= int(signed.pop(EXPIRES)):
        raise _denied("ExpiredLink", "The link has expired: ask for a new one.")
    if signed[PURPOSE] != purpose:
        raise _denied("AccessDenied", f"The link is for {signed[PURPOSE]}, not for {purpose}.")
    return signed


def xml_error(code: str, message: str) -> bytes:
    """Return the body of an error answer to a signed link (wire contract, 5.7), as UTF-8."""
    inner = f"<Code>{code}</Code><Message>{_text(message)}</Message>"
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{inner}</Error>'.encode()


def xml_of(error: HeadraceError) -> bytes:
    """Return :func:`xml_error` of an error.

    Its code is ``details["code"]``, or the one of :data:`CODES`, or the name of its class.
    """
    code = error.details.get("code") or CODES.get(type(error), error.code)
    return xml_error(str(code), error.message)


def _signature(key: bytes, method: str, path: str, params: Mapping[str, str]) -> str:
    # JSON keeps the fields apart: no two different requests have the same text.
    text = json.dumps([method.upper(), path, sorted(params.items())])
    derived = hmac.digest(key, _CONTEXT, hashlib.sha256)
    digest = hmac.digest(derived, text.encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _denied(code: str, message: str) -> PermissionDenied:
    return PermissionDenied(message, details={"code": code})


def _text(value: str) -> str:
    # An XML reader turns a bare carriage return into a line feed.
    return escape(_ILLEGAL.sub("", value), {"\r": "&#13;"})
