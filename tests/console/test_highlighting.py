"""Code with its parts marked."""

from __future__ import annotations

import html
import re
import uuid
from pathlib import Path

import pytest

from headrace.console import highlighter
from headrace.console.highlighting import KINDS, MAX_CHARACTERS, kind_of, shown

PYTHON = f'''# {uuid.uuid4()}
@decorated
def predict(x: float = 1.5) -> "str":
    """Say <b>it</b>,

    & more."""
    return f"{{x}}" if x is not None else len("<script>")
'''


def plain(line: str) -> str:
    return html.unescape(re.sub(r"<[^>]*>", "", line))


def test_parts_are_marked_and_the_text_stays_what_it_is() -> None:
    (found,) = shown([("model.py", PYTHON)])
    assert [plain(line) for line in found.lines] == PYTHON.splitlines()
    assert found.why_plain == ""
    marked = "\n".join(found.lines)
    for part in (
        '<span class="k">def</span>',
        '<span class="f">predict</span>',
        '<span class="d">@decorated</span>',
        '<span class="n">1.5</span>',
        '<span class="b">len</span>',
        "&lt;script&gt;",
    ):
        assert part in marked
    # A text of several lines is marked on each of them.
    assert found.lines[5].startswith('<span class="s">')
    assert "<script>" not in marked


def test_every_kind_is_marked_by_a_lexer_of_its_own() -> None:
    kinds = {*KINDS, "txt"}
    assert kinds == set(highlighter._LEXERS)
    text = "a = 1 # one\n\n\tb: [true, 'x']\n"
    for kind in kinds:
        assert [plain(line) for line in highlighter.lines_of(kind, text)] == text.split("\n")
    assert [kind_of(name) for name in ("in/requirements-dev.txt", "notes.txt", "py", "a.PY")] == [
        "txt",
        "",
        "py",
        "",
    ]


@pytest.mark.parametrize("end", ["\r\n", "\n", "\n\n\n", ""])
def test_lines_are_those_of_the_text(end: str) -> None:
    text = f"x = '{uuid.uuid4()}'{end}y = 2{end}"
    (found,) = shown([("a.py", text)])
    assert [plain(line) for line in found.lines] == text.splitlines()
    assert not found.why_plain


def test_what_cannot_be_marked_is_shown_plain_and_that_is_said() -> None:
    large = f"# {uuid.uuid4()}\n" + "x = 1 < 2\n" * (MAX_CHARACTERS // 10)
    odd = f"x = '{uuid.uuid4()}\x0c\u2028'\n"
    hostile = "\n " * (MAX_CHARACTERS // 2)
    text = f"a < b {uuid.uuid4()}"
    found = shown([("a.py", large), ("b.py", odd), ("notes.txt", text)])
    assert [one.why_plain for one in found] == [
        f"it has more than {MAX_CHARACTERS:,} characters",
        "its parts are too many",
        "",
    ]
    assert found[0].lines[1] == "x = 1 &lt; 2"
    assert len(found[1].lines) == len(odd.splitlines())
    (broken,) = shown([("c.py", hostile)])
    assert broken.why_plain == "its parts are too many"
    # It is not tried again.
    assert shown([("c.py", hostile), ("d.py", hostile)])[1] == broken


def test_files_that_are_shown_twice_are_marked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    (first,) = shown([("a.py", PYTHON)])
    monkeypatch.setattr("headrace.console.highlighting.ask", None)
    assert shown([("other/a.py", PYTHON), ("a.py", PYTHON)]) == [first, first]


def test_colours_are_told_from_their_ground_by_everybody() -> None:
    style = Path(highlighter.__file__).parent / "assets"
    grounds = re.split(r"@media", (style / "base.css").read_text(), maxsplit=1)
    inks = re.split(r"@media", (style / "code.css").read_text(), maxsplit=1)
    for ground, ink in zip(grounds, inks, strict=True):
        colours = dict(re.findall(r"--([\w-]+): (#\w{6});", ground))
        found = re.findall(r"--code-\w+: (#\w{6});", ink)
        assert len(found) == 6
        for behind in ("code", "good-soft", "bad-soft"):
            assert all(contrast(one, colours[behind]) >= 4.5 for one in found)


def contrast(one: str, other: str) -> float:
    """The contrast of WCAG."""
    low, high = sorted(luminance(colour) for colour in (one, other))
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[begin : begin + 2], 16) / 255 for begin in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
