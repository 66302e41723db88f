"""Writes the reference pages of ``docs/`` from the code; with ``--check``, only compares them.

Each page is what one function below returns. ``make docs`` calls this, and
``tests/docs/test_reference_pages.py`` keeps the pages true.
"""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from typer.core import TyperGroup
from typer.main import get_command

from headrace.cli.main import EPILOG, app
from headrace.core import errors
from headrace.core.errors import HeadraceError
from headrace.server.application import HANDLERS
from headrace.server.setting_fields import variable_of
from headrace.server.settings import Settings
from headrace.wire import routes
from headrace.wire.answers import MAX_HOLD_S
from headrace.wire.problems import STATUSES, status_of
from headrace.wire.route import PREFIX, Route

DOCS = Path(__file__).resolve().parent.parent / "docs"
WIDTH = 88
TERMINAL_WIDTH = 78
"""What Typer makes of a terminal of 80 columns, and of all that are wider."""
NOTE = "<!-- Written by scripts/document.py: change the code, then run `make docs`. -->\n"

OPTIONS = ("data_dir", "host", "port", "public_url")
"""Settings that ``headrace serve`` takes as options too."""

SETTINGS_INTRO = """\
# Settings

A server reads these environment variables when it starts. An option of `headrace serve` wins over
its variable. Bad values are refused before anything starts, all of them in one message.
`headrace check` prints what is in force.

Sizes are bytes, or a number with a unit: `KB`, `MB`, `GB` (powers of 1000), `KiB`, `MiB`, `GiB`
(powers of 1024). Times are seconds.
"""

CLI_INTRO = """\
# Command line

What each command prints for `--help`. Commands that talk to a server take `--json`, which prints
one JSON document on stdout and nothing else there; messages for people go to stderr.

Which server: `--url` and `--token`, else `HEADRACE_ENVIRONMENT_URL` and `HEADRACE_SDK_TOKEN`, else
the same names that begin with `CRAFT_AI`, else what `headrace login` kept.
"""

API_INTRO = """\
# HTTP API

Bodies are JSON, except where a form carries files. Times are ISO 8601 in UTC. `GET /openapi.json`
describes all of it to tools.

**Credentials.** `POST {refresh}` with `{{"refresh_token": "<SDK token>"}}` answers
`{{"access_token": …}}`, good for an hour. Send it as `Authorization: Bearer <access token>`. Routes
marked *public* need none, and those marked *endpoint token* take the token of the endpoint instead.
The holder of an SDK token has every right; code of pipelines has
[a few](guides/executions.md#what-the-code-may-do).

**Keys.** A client that calls itself `craft-ai-sdk` (header `craft-ai-client`) is sent the keys of
the contract alone; everybody else is sent all of them.

**Errors.** Every error answers with `{{"message", "name", "request_id", "additional_data"}}`; the
names are in [errors.md](errors.md).

**Waiting.** A request with `wait_for_completion=true` is held for at most {hold:.0f} seconds. If
the end has not come by then, a pipeline is answered as it is, and outputs are answered with a 307
to the same URL: ask again.

**Logs.** `POST …/logs` takes `{{"from", "to", "limit"}}`, all optional, times in milliseconds since
1970, and answers lines of `{{"timestamp", "message", "stream"}}`; for an execution, in an array of
one array. `GET …/log-lines` follows a log: it takes `cursor`, `limit` and `wait_s` (held for at
most {hold:.0f} seconds while there is nothing new). Send the `cursor` of the last answer to go on
where it ended, until `is_complete`.
"""

ERRORS_INTRO = """\
# Errors

The name is the `name` of the error object on the wire and the class that the SDK raises
(`from headrace import …` for those it exports). Catching a class catches the indented ones below
it. The status is that of the HTTP answer; errors without one are raised by the client alone.
"""


def settings_page() -> str:
    """Return the page of all settings."""
    parts = [NOTE, SETTINGS_INTRO]
    for setting in fields(Settings):
        default = setting.metadata["default_in_words"] or _shown(setting.default)
        parts += [f"\n## {variable_of(setting.name)}\n", setting.metadata["about"] + "\n"]
        if setting.name in OPTIONS:
            parts.append(f"Option: `--{setting.name.replace('_', '-')}`.")
        parts.append(f"Default: {default}.")
    return "\n".join(parts) + "\n"


def cli_page() -> str:
    """Return the page of all commands."""
    parts = [NOTE, CLI_INTRO, EPILOG.replace("; ", ";\n") + "\n"]
    for name, text in commands():
        parts += [f"\n## {name}\n", "```text", text, "```"]
    return "\n".join(parts) + "\n"


def help_texts() -> str:
    """Return the help of all commands, as `headrace` prints it without Typer."""
    texts = {name: text + "\n" for name, text in commands(TERMINAL_WIDTH)}
    return json.dumps(texts, indent=1, ensure_ascii=False) + "\n"


def api_page() -> str:
    """Return the page of all routes."""
    intro = API_INTRO.format(refresh=routes.REFRESH.url(), hold=MAX_HOLD_S)
    parts = [NOTE, intro]
    sections: dict[str, list[str]] = {}
    for route, handler in HANDLERS.items():
        if route.is_page and route is not routes.FRONT:
            continue
        entry = _route(route, inspect.getdoc(handler) or "")
        sections.setdefault(route.path.split("/")[1] or "root", []).append(entry)
    for noun, entries in sections.items():
        parts += [f"\n## {noun}\n", *entries]
    return "\n".join(parts).rstrip() + "\n"


def errors_page() -> str:
    """Return the page of all errors."""
    parts = [NOTE, ERRORS_INTRO]
    for kind, depth in error_tree(HeadraceError):
        status = status_of(kind("")) if any(k in STATUSES for k in kind.__mro__) else None
        shown = f" ({status})" if status else ""
        about = (inspect.getdoc(kind) or "").split("\n\n")[0].replace("\n", " ")
        parts.append(f"{'  ' * depth}- **{kind.__name__}**{shown}: {_plain(about)}")
    return "\n".join(parts) + "\n"


def commands(width: int = WIDTH) -> Iterator[tuple[str, str]]:
    """Give each command's name with its help text, groups before what is in them."""
    root = get_command(app)
    waiting: list[tuple[str, Any, Any]] = [("headrace", root, None)]
    while waiting:
        name, command, parent = waiting.pop(0)
        word = name.rpartition(" ")[2]
        context = command.make_context(
            word, [], parent, resilient_parsing=True, terminal_width=width, max_content_width=width
        )
        yield name, command.get_help(context).strip()
        if isinstance(command, TyperGroup):
            found = [(f"{name} {part}", sub, context) for part, sub in command.commands.items()]
            waiting = [*found, *waiting]


def error_tree(
    root: type[HeadraceError], depth: int = 0
) -> Iterator[tuple[type[HeadraceError], int]]:
    """Give an error class and all below it with their depth, in the order of the code."""
    yield root, depth
    for kind in root.__subclasses__():
        if kind.__module__ == errors.__name__:
            yield from error_tree(kind, depth + 1)


PAGES: Mapping[str, Callable[[], str]] = {
    "settings.md": settings_page,
    "cli.md": cli_page,
    "api.md": api_page,
    "errors.md": errors_page,
    "../src/headrace/cli/help.json": help_texts,
}


def main(arguments: list[str]) -> int:
    """Write the pages, or compare them; return the exit code."""
    is_check = arguments == ["--check"]
    if arguments and not is_check:
        print("usage: document.py [--check]", file=sys.stderr)
        return 2
    outdated = []
    for name, page in PAGES.items():
        path, text = DOCS / name, page()
        if not path.exists() or path.read_text("utf-8") != text:
            outdated.append(name)
            if not is_check:
                path.write_text(text, "utf-8")
    if is_check and outdated:
        print(f"Out of date: {', '.join(outdated)}. Run `make docs`.", file=sys.stderr)
        return 1
    return 0


def _route(route: Route, about: str) -> str:
    first = about.partition("\n\n")[0].replace("\n", " ") or f"{route.summary}."
    right = f" Right: `{route.needs}`."
    own = " *Endpoint token.*" if route.root != PREFIX else right
    mark = " *Public.*" if route.is_public else own
    return f"### `{route.method} {route.root}{route.path}`\n\n{_plain(first)}{mark}\n"


def _shown(default: object) -> str:
    """Return a default as it can be written into the variable, with a long time in days."""
    if not default and not isinstance(default, int | float):
        return "not set"
    if isinstance(default, float):
        days = f" ({default / 86400:g} days)" if default >= 86400 else ""
        return f"`{default:.15g}`{days}"
    if isinstance(default, int) and default >= 2**20 and default % 2**20 == 0:
        return f"`{default // 2**20}MiB`"
    for size, unit in ((10**9, "GB"), (10**6, "MB")):
        if isinstance(default, int) and default > size and default % size == 0:
            return f"`{default // size}{unit}`"
    return f"`{default}`"


def _plain(docstring: str) -> str:
    """Return a docstring's text without the marks of reStructuredText."""
    return docstring.replace(":mod:`", "`").replace(":data:`", "`").replace("``", "`")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
