"""What the pages tell readers to type works, and prints what they say.

In a page, in order: a block after ``<!-- file: PATH -->`` is that file; ``bash`` blocks are run by
bash, ``python`` blocks in one interpreter, ``javascript`` blocks by node with axios at hand, in a
folder of the page's own with a server; a ``text`` block right after one of them is what it prints,
where ``…`` stands for anything. A block after ``<!-- not run: REASON -->`` is only read: how many
there are is counted here, and each further one needs a reason that holds. ``mermaid`` blocks are
pictures, and ``docs/cli.md`` is written from the code.
"""

from __future__ import annotations

import contextlib
import io
import linecache
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.axios_module import NODE, axios_folder
from tests.conftest import RunningServer
from typer.core import TyperGroup
from typer.main import get_command

from headrace import HeadraceSdk
from headrace.cli.main import app
from headrace.cli.session import Session

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
BLOCK = re.compile(
    r"(?:<!-- (?P<mark>file|not run): (?P<of>.*?) -->\n+)?"
    r"^```(?P<kind>\w+)\n(?P<text>.*?)^```$(?P<after>\n*)",
    re.MULTILINE | re.DOTALL,
)
RUN = ("bash", "python", "javascript")
NOT_RUN = {
    # They set up the checkout, or run in the foreground until they are stopped.
    "README.md": 2,
    # It needs a container engine; tests/containers runs it where there is one.
    "docs/guides/dockerfile-pipelines.md": 1,
    # It serves in the foreground, and what it prints has times and a token.
    "docs/guides/developing-locally.md": 2,
    # It serves in the foreground.
    "docs/guides/endpoints.md": 1,
    # They change the machine.
    "docs/guides/as-a-service.md": 2,
    # They need a container engine and a registry of images, or a cluster.
    "docs/guides/in-containers.md": 4,
    # They need a bucket of the reader's; tests/system/test_files_in_a_bucket.py does all of it.
    "docs/guides/files-in-a-bucket.md": 2,
    "docs/guides/records-in-postgresql.md": 2,
    # They need several machines; tests/cluster has two nodes on one.
    "docs/guides/cluster.md": 1,
    # They change the reader's data directory or clock, or take long; other tests run each of them.
    "docs/guides/operating.md": 5,
    # It is for the data directory of the reader's own server.
    "docs/guides/people.md": 1,
    # It names an API that does not exist.
    "docs/guides/templates.md": 1,
    # It takes days to come about.
    "docs/guides/schedules.md": 1,
}
"""How many blocks of a page are only read."""

COMMAND = re.compile(r"(?:^|[/(])headrace ([a-z][^\n|;)>#]*)", re.MULTILINE)
"""What is typed after the name of the command."""

pytestmark = pytest.mark.system


COMMANDS: dict[str, list[str | Path]] = {
    "bash": ["bash", "-euo", "pipefail", "-c"],
    "javascript": [NODE / "node", "--input-type=module", "--eval"],
}


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


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server that only readers of pages use: they list whatever is there."""
    running = RunningServer(tmp_path_factory.mktemp("readers") / "data").start()
    yield running
    assert running.stop() == 0, running.log.read_text()


@pytest.fixture
def reader(
    server: RunningServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[HeadraceSdk]:
    """A folder and an environment as a reader has them; what the page creates is deleted."""
    for name, value in server.client_environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "reader"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / "node_modules").symlink_to(axios_folder() / "node_modules")
    with HeadraceSdk() as sdk:
        pipelines, variables = known(sdk)
        yield sdk
        more_pipelines, more_variables = known(sdk)
        for name in more_pipelines - pipelines:
            sdk.delete_pipeline(name, force_deployments_deletion=True)
        for name in more_variables - variables:
            sdk.delete_environment_variable(name)


def known(sdk: HeadraceSdk) -> tuple[set[str], set[str]]:
    """The names of the pipelines and of the environment variables."""
    pipelines = {pipeline["pipeline_name"] for pipeline in sdk.list_pipelines()}
    return pipelines, {variable["name"] for variable in sdk.list_environment_variables()}


def run(block: Block, names: dict[str, Any]) -> str:
    if block.kind != "python":
        done = subprocess.run(
            [*COMMANDS[block.kind], block.text],
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
    # As a notebook does it, so that functions can be asked for their source.
    cell = f"<block {len(linecache.cache)} of a page>"
    linecache.cache[cell] = (len(block.text), None, block.text.splitlines(keepends=True), cell)
    with contextlib.redirect_stdout(printed):
        exec(compile(block.text, cell, "exec"), names)  # noqa: S102 - the repository's own text
    return printed.getvalue()


def check_printed(expected: str, printed: str) -> None:
    wanted, lines = (
        "\n".join(line.rstrip() for line in text.strip().splitlines())
        for text in (expected, printed)
    )
    pattern = ".*?".join(re.escape(part) for part in wanted.split("…"))
    assert re.fullmatch(pattern, lines, re.DOTALL), f"expected:\n{expected}\nprinted:\n{printed}"


@pytest.mark.parametrize(
    "path",
    [path for path in PAGES if any(map(is_run, blocks(path.read_text("utf-8"))))],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_the_examples_of_a_page_work(path: Path, reader: HeadraceSdk) -> None:
    names: dict[str, Any] = {"__name__": "__main__"}
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


def test_every_block_is_run_or_counted() -> None:
    not_run: dict[str, int] = {}
    for path in PAGES:
        name = str(path.relative_to(ROOT))
        before: Block | None = None
        for block in blocks(path.read_text("utf-8")):
            shows = block.kind == "text" and block.follows and before is not None and is_run(before)
            is_checked = is_run(block) or block.mark == "file" or shows or block.kind == "mermaid"
            if block.mark == "not run":
                assert block.of, f"{name} does not say why it is not run: {block.text}"
                not_run[name] = not_run.get(name, 0) + 1
            elif name != "docs/cli.md":
                assert is_checked, f"{name} has a block that nothing runs: {block.text}"
            before = block
    assert not_run == NOT_RUN


def check_command_line(arguments: list[str]) -> None:
    """Check that the command takes these arguments; nothing is carried out."""
    command: Any = get_command(app)
    name, context = "headrace", None
    while True:
        context = command.make_context(name, arguments, context, obj=Session())
        if not isinstance(command, TyperGroup):
            return
        rest = [*context._protected_args, *context.args]
        found, command, arguments = command.resolve_command(context, rest)
        name = str(found)


def test_commands_that_are_only_read_can_be_typed() -> None:
    checked = []
    for path in PAGES:
        for block in blocks(path.read_text("utf-8")):
            if block.mark == "not run" and block.kind == "bash":
                for line in COMMAND.findall(block.text.replace("\\\n", " ")):
                    check_command_line(shlex.split(line))
                    checked.append(line.strip())
    assert {"serve", "check", "pause", "tokens create --name rescue --user ada"} <= set(checked)


def test_the_ledger_in_the_guide_has_the_columns_of_the_command() -> None:
    page = (ROOT / "docs" / "guides" / "schedules.md").read_text("utf-8")
    (shown,) = [block for block in blocks(page) if block.kind == "text" and block.mark == "not run"]
    columns = re.split(r"  +", shown.text.splitlines()[0])
    source = (ROOT / "src" / "headrace" / "cli" / "schedules.py").read_text("utf-8")
    (declared,) = re.findall(r'columns = \(([^=]*?"FATE"[^=]*?)\n? *current', source)
    assert columns == re.findall(r'"([A-Z ]+)"', declared)
