"""The pages that tell what there is name everything that there is."""

from __future__ import annotations

import importlib
import pkgutil
import re
import subprocess
import sys
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any, cast

import pytest
from scripts.document import commands, error_tree
from starlette.routing import Route

import headrace.core
from headrace.core.errors import HeadraceError
from headrace.core.rights import AT_IMPORT, EVERYTHING, GRANTABLE, IN_EXECUTIONS, Right
from headrace.core.variables import SERVERS_OWN, STARTING
from headrace.server.application import HANDLERS, application
from headrace.server.setting_fields import variable_of
from headrace.server.settings import Settings
from headrace.wire.problems import STATUSES
from headrace.wire.routes import FRONT

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text("utf-8")


def headings(path: Path) -> set[str]:
    """The anchors of a page's headings, as they are made for links."""
    titles = re.findall(r"^#+ (.*)$", path.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_the_generated_pages_are_up_to_date() -> None:
    command: list[str | Path] = [sys.executable, ROOT / "scripts" / "document.py", "--check"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_every_setting_is_documented() -> None:
    for setting in fields(Settings):
        assert f"## {variable_of(setting.name)}\n" in page("settings.md")


def test_every_error_is_documented_with_its_status() -> None:
    text = page("errors.md")
    for kind, _ in error_tree(HeadraceError):
        assert f"**{kind.__name__}**" in text
    for kind, status in STATUSES.items():
        assert f"**{kind.__name__}** ({status})" in text


def test_every_route_is_documented() -> None:
    served = {
        route.path for route in application(cast("Any", None)).routes if isinstance(route, Route)
    }
    pages = {route.path for route in HANDLERS if route.is_page and route is not FRONT}
    documented = re.findall(r"^### `[A-Z]+ (\S+)`$", page("api.md"), re.MULTILINE)
    assert served - pages == set(documented)


@pytest.mark.parametrize(
    "name", ["architecture.md", "reading-the-code.md", "../CONTRIBUTING.md", "dependencies.md"]
)
def test_pages_name_files_that_exist(name: str) -> None:
    text = page(name)
    for path in re.findall(r"`((?:\w+/)+\w+\.py)\b", text):
        roots = (ROOT, ROOT / "src", ROOT / "src" / "headrace")
        assert any((root / path).exists() for root in roots), f"{name} names {path}"


def test_every_command_is_documented() -> None:
    names = [name for name, _ in commands()]
    assert {"headrace serve", "headrace tokens create", "headrace run"} <= set(names)
    for name in names:
        assert f"## {name}\n" in page("cli.md")


def test_every_class_of_the_core_is_in_the_glossary() -> None:
    words = set(re.findall(r"^- \*\*(\w+)\*\*", page("glossary.md"), re.MULTILINE))
    for found in pkgutil.iter_modules(headrace.core.__path__):
        module = importlib.import_module(f"headrace.core.{found.name}")
        for name, value in vars(module).items():
            is_own = isinstance(value, type) and value.__module__ == module.__name__
            if is_own and not name.startswith("_") and not issubclass(value, HeadraceError):
                assert name in words, f"{name} of {module.__name__} is not in docs/glossary.md"


def test_the_rights_of_code_are_those_in_the_guide() -> None:
    table = re.findall(
        r"^\| `([a-z-]+)` \| (yes|no) \| (yes|no|on request) \|",
        page("guides/executions.md"),
        re.MULTILINE,
    )
    assert {Right(name) for name, _, _ in table} == EVERYTHING
    for name, at_import, in_call in table:
        right = Right(name)
        granted = "on request" if right in GRANTABLE else "no"
        assert at_import == ("yes" if right in AT_IMPORT else "no")
        assert in_call == ("yes" if right in IN_EXECUTIONS else granted)


def test_the_variables_that_are_refused_are_those_in_the_guide() -> None:
    text = page("guides/executions.md").partition("### Variables that are refused")[2]
    listed = re.findall(r"^- of (.+?): (.+?)(?=^- |^$)", text, re.MULTILINE | re.DOTALL)
    found = {who: tuple(re.findall(r"`(\S+)`", names)) for who, names in listed}
    assert found.pop("the server") == tuple(f"{name}*" for name in SERVERS_OWN)
    assert found == STARTING


def test_every_direct_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    extras = project["project"]["optional-dependencies"].values()
    groups = project["dependency-groups"].values()
    asked = [
        *project["project"]["dependencies"],
        *(entry for group in [*extras, *groups] for entry in group),
    ]
    for requirement in asked:
        name = re.split(r"[\[<>=~! ]", requirement)[0]
        assert name == "headrace" or f"- **{name}**" in page("dependencies.md"), name


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    for link in LINK.findall(path.read_text("utf-8")):
        if "://" in link:
            continue
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        assert target.exists(), f"{link} leads nowhere"
        assert not anchor or anchor in headings(target), f"{link}: no such heading"


def test_limits_of_values_are_those_of_the_code() -> None:
    for guide in ("guides/endpoints.md", "guides/files-and-types.md"):
        for setting in ("max_input_bytes", "max_output_bytes"):
            default = next(found.default for found in fields(Settings) if found.name == setting)
            said = rf"`{variable_of(setting)}`[^.|]*?by default\s+{default:,}\b"
            assert re.search(said, page(guide)), (guide, setting)
