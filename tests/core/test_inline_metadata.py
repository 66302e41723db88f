"""The block of PEP 723 in a Python file."""

from __future__ import annotations

import pytest

from headrace.core.inline_metadata import inline_metadata


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("x = 1\n", None),
        ("# /// other\n# a = 1\n# ///\n", None),
        ("# /// script\n# a = 1\n#\n# b = 2\n# ///\nx = 1\n", "a = 1\n\nb = 2"),
        ("'Doc.'\n\n# /// script\r\n# a = 1\r\n# ///\r\n", "a = 1"),
        ("# /// script\n#   a = 1\n# ///", "  a = 1"),
    ],
)
def test_the_block_is_found(text: str, found: str | None) -> None:
    assert inline_metadata(text) == found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("# /// script\n# a = 1\n", "has no end"),
        ("# /// script\nx = 1\n# ///\n", "has no end"),
        ("# /// script\n# a = 1\n# ///\n\n# /// script\n# a = 1\n# ///\n", "more than one"),
        ("# /// script\n# a = 1\n# ///\n\n# /// script\n", "more than one"),
    ],
)
def test_a_broken_block_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        inline_metadata(text)
