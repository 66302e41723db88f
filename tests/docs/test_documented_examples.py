"""What the pages tell readers to type works, and prints what they say.

In a page, in order: a block after ``<!-- file: PATH -->`` is that file; ``bash`` blocks are run by
bash, ``python`` blocks in one interpreter, in a folder of the page's own with a server at hand; a
``text`` block right after one of them is what it prints, where ``…`` stands for anything. A block
after ``<!-- not run: REASON -->`` is only read.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import RunningServer

from headrace import HeadraceSdk

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
BLOCK = re.compile(
    r"(?:<!-- (?P<mark>file|not run): (?P<of>.*?) -->\n+)?"
    r"^```(?P<kind>\w+)\n(?P<text>.*?)^```$(?P<after>\n*)",
    re.MULTILINE | re.DOTALL,
)
RUN = ("bash", "python")

pytestmark = pytest.mark.system


@dataclass(frozen=True)
class Block:
    kind: str
    text: str
    mark: str | None
    of: str | None
    follows: bool


def blocks(page: str) -> list[Block]:
    found = []
    end = -1
    for match in BLOCK.finditer(page):
        follows = match.start() == end
        found.append(Block(match["kind"], match["text"], match["mark"], match["of"], follows))
        end = match.end()
    return found


def is_run(block: Block) -> bool:
    return block.kind in RUN and block.mark is None


@pytest.fixture
def reader(
    server: RunningServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[HeadraceSdk]:
    """A folder and an environment as a reader has them; what the page creates is deleted."""
    for name, value in server.client_environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    folder = tmp_path / "reader"
    folder.mkdir()
    monkeypatch.chdir(folder)
    with HeadraceSdk() as sdk:
        pipelines, variables = known(sdk)
        yield sdk
        more_pipelines, more_variables = known(sdk)
        for name in more_pipelines - pipelines:
            sdk.delete_pipeline(name)
        for name in more_variables - variables:
            sdk.delete_environment_variable(name)


def known(sdk: HeadraceSdk) -> tuple[set[str], set[str]]:
    """The names of the pipelines and of the environment variables."""
    pipelines = {pipeline["pipeline_name"] for pipeline in sdk.list_pipelines()}
    return pipelines, {variable["name"] for variable in sdk.list_environment_variables()}


def run(block: Block, names: dict[str, Any]) -> str:
    if block.kind == "bash":
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block.text],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == 0, f"{block.text}\n{done.stdout}"
        return done.stdout
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(block.text, "documentation", "exec"), names)  # noqa: S102 - the repository's own text
    return printed.getvalue()


def check_printed(expected: str, printed: str) -> None:
    pattern = ".*?".join(re.escape(part) for part in expected.strip().split("…"))
    lines = "\n".join(line.rstrip() for line in printed.strip().splitlines())
    assert re.fullmatch(pattern, lines, re.DOTALL), f"expected:\n{expected}\nprinted:\n{printed}"


@pytest.mark.parametrize(
    "path",
    [path for path in PAGES if any(map(is_run, blocks(path.read_text("utf-8"))))],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_the_examples_of_a_page_work(path: Path, reader: HeadraceSdk) -> None:
    names: dict[str, Any] = {}
    printed: str | None = None
    try:
        for block in blocks(path.read_text("utf-8")):
            if block.mark == "file":
                target = Path(str(block.of))
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(block.text)
            elif block.kind == "text" and block.follows and printed is not None:
                check_printed(block.text, printed)
            printed = run(block, names) if is_run(block) else None
    finally:
        for value in names.values():
            if isinstance(value, HeadraceSdk):
                value.close()


def test_the_tutorial_is_among_the_pages_that_are_run() -> None:
    pages = {path.name for path in PAGES if any(map(is_run, blocks(path.read_text("utf-8"))))}
    assert {"README.md", "tutorial.md", "files-and-types.md"} <= pages


def test_what_is_not_run_says_why() -> None:
    for path in PAGES:
        for block in blocks(path.read_text("utf-8")):
            assert block.mark != "not run" or block.of, f"{path.name}: {block.text}"
