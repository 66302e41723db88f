"""Texts that callers send are UTF-8; nothing else is guessed, and nothing replaced."""

from __future__ import annotations

from collections.abc import Iterable

from headrace.core.errors import InvalidRequest

CHARSET_FIELD = "_charset_"
"""The field in which a browser names the charset of a form (HTML, 4.10.21.5)."""

_UTF8 = frozenset({"", "utf-8", "utf8"})


def text_of(data: bytes, what: str) -> str:
    """Return a text that a caller sent.

    Raises:
        InvalidRequest: It is not UTF-8.
    """
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise InvalidRequest(f"{what} is not UTF-8: send all text as UTF-8.") from None


def check_charset(charset: str | None, data: bytes, what: str) -> None:
    """Refuse a text that is said to be in another charset, unless it is the same in UTF-8.

    Raises:
        InvalidRequest: It is not.
    """
    if (charset or "").strip("\"' ").lower() not in _UTF8 and not data.isascii():
        raise InvalidRequest(f"{what} is sent as {charset}: send all text as UTF-8.")


def without_charset(fields: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the fields of a form without the one that names its charset.

    Raises:
        InvalidRequest: It names another one than UTF-8, and not all of the texts are ASCII.
    """
    found = list(fields)
    for name, charset in found:
        if name == CHARSET_FIELD:
            texts = "".join(text for pair in found for text in pair).encode()
            check_charset(charset, texts, "The form")
    return [field for field in found if field[0] != CHARSET_FIELD]
