"""Colours of terminals, as classes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.console.ansi import coloured


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain <b>", "plain &lt;b&gt;"),
        ("\x1b[31mred\x1b[0m not", '<span class="ansi-fg-1">red</span> not'),
        (
            "\x1b[1;92;44mx\x1b[22my",
            (
                '<span class="ansi-bold ansi-fg-10 ansi-bg-4">x</span>'
                '<span class="ansi-fg-10 ansi-bg-4">y</span>'
            ),
        ),
        (
            "\x1b[3;4mx\x1b[23my\x1b[24mz",
            (
                '<span class="ansi-italic ansi-underline">x</span>'
                '<span class="ansi-underline">y</span>z'
            ),
        ),
        (
            "\x1b[31;42mx\x1b[39my\x1b[49mz\x1b[m!",
            '<span class="ansi-fg-1 ansi-bg-2">x</span><span class="ansi-bg-2">y</span>z!',
        ),
        ("\x1b[38;5;196mx\x1b[0;2my", 'x<span class="ansi-dim">y</span>'),
        ("\x1b[38;2;1;31;4;1mx", '<span class="ansi-bold">x</span>'),
        ("\x1b[2K\x1b[1Gdone\x1b]0;title\x07!\x1b[", "done!"),
        ("\x1b[31m<script>\x1b[0m", '<span class="ansi-fg-1">&lt;script&gt;</span>'),
        ("\x1b[31", ""),
        ("a\x00b\x08c\x7f", "abc"),
    ],
)
def test_colours_become_classes_and_nothing_else_is_left(text: str, shown: str) -> None:
    assert str(coloured(text)) == shown


@given(st.text(alphabet="\x1b[]0123456789;m<>&\"'aK\x07é", max_size=60))
def test_whatever_is_written_it_is_escaped(text: str) -> None:
    shown = str(coloured(text))
    assert "\x1b" not in shown
    for piece in shown.split("<")[1:]:
        assert piece.startswith(('span class="ansi-', "/span>"))
