"""Variables of ``.env`` files are read as their writers mean them, or the line is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from headrace.core.errors import InvalidRequest
from headrace.local.env_file import read_variables, variables_from_texts, variables_of


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", {}),
        ("\n# a remark\n   \nA=1\n", {"A": "1"}),
        ("A=1\nA=2", {"A": "2"}),
        ("export A=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
        ("  A = some words  ", {"A": "some words"}),
        ("A=\nB=''\nC=\"\"", {"A": "", "B": "", "C": ""}),
        ("A=b#c # a remark", {"A": "b#c"}),
        ("A= # a remark\nB=#fff", {"A": "", "B": "#fff"}),
        ("A='b # c' # a remark", {"A": "b # c"}),
        ('A="b # c"# a remark', {"A": "b # c"}),
        (r"""A='x\n$B "y"'""", {"A": r'x\n$B "y"'}),
        (r'A="x\n\t\"y\" \\ \$B"', {"A": 'x\n\t"y" \\ $B'}),
        ("A='first\nsecond'\nB=1", {"A": "first\nsecond", "B": "1"}),
        ("A=https://a.example/?b=c&d=e'f", {"A": "https://a.example/?b=c&d=e'f"}),
        ("\ufeffA=é", {"A": "é"}),
    ],
)
def test_values_are_read(text: str, wanted: dict[str, str]) -> None:
    assert variables_of(text, ".env") == wanted


@pytest.mark.parametrize(
    ("text", "line"),
    [("A", 1), ("A=1\n\nB C=1", 3), ("1A=2", 1), ("A='x", 1), ("A=1\nB='x' y", 2), ("=x", 1)],
)
def test_a_line_that_sets_nothing_is_named(text: str, line: int) -> None:
    with pytest.raises(InvalidRequest, match=rf"^\.env, line {line} sets no variable"):
        variables_of(text, ".env")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="No such file"):
        read_variables(tmp_path / "none")
    (tmp_path / "latin").write_bytes(b"A=\xe9")
    with pytest.raises(InvalidRequest, match="latin"):
        read_variables(tmp_path / "latin")


def test_texts_of_the_command_line() -> None:
    assert variables_from_texts(["A=1", "B=x=y", "C="]) == {"A": "1", "B": "x=y", "C": ""}
    for wrong in ("A", "=1"):
        with pytest.raises(InvalidRequest, match="NAME=VALUE"):
            variables_from_texts([wrong])
