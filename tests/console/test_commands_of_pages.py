"""Commands that pages show can be typed."""

from __future__ import annotations

import json
import re
from importlib import resources

import pytest

PAGES = resources.files("headrace.console") / "pages"
HELP = json.loads((resources.files("headrace.cli") / "help.json").read_text())
COMMAND = re.compile(r"(?<!from )headrace ((?:[a-z]+ ?){1,2})([^<}\n]*)")
SHOWN = [
    (page.name, words.strip(), rest)
    for page in PAGES.iterdir()
    if page.name.endswith(".html")
    for words, rest in COMMAND.findall(page.read_text())
]


def test_pages_show_commands() -> None:
    assert len(SHOWN) >= 8


@pytest.mark.parametrize(("page", "words", "rest"), SHOWN)
def test_a_command_of_a_page_exists_with_its_options(page: str, words: str, rest: str) -> None:
    del page
    names = words.split()
    text = HELP.get(f"headrace {' '.join(names)}") or HELP[f"headrace {names[0]}"]
    for option in re.findall(r"(?:^|\s)(--?[a-z-]+)", rest):
        assert re.search(rf"(?<!\S){re.escape(option)}\b", text), (words, option)
    if "--name" in text and "[required]" in text.split("--name")[1][:80]:
        assert "--name" in rest
