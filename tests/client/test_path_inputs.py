"""Paths as inputs of an endpoint, whose types a client does not know."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from headrace.client.uploads import file_part, is_file


@pytest.mark.parametrize(
    ("value", "is_sent_as_file"),
    [(Path("a"), True), (b"a", True), ("a", False), ({"path": "a"}, False), (None, False)],
)
def test_what_is_a_file_where_types_are_not_known(value: object, is_sent_as_file: bool) -> None:
    assert is_file(value) is is_sent_as_file


def test_a_path_is_sent_under_its_own_name(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_bytes(b"abc")
    with ExitStack() as opened:
        part = file_part("document", tmp_path / "note.txt", opened)
        assert (part.name, part.filename) == ("document", "note.txt")
