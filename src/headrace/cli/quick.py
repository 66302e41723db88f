"""Command lines that are recognised without the library that reads the others.

Only plain forms are: whatever is unusual, or wrong, is left to Typer, which reads these in the same
way and says what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from headrace.cli.running import Run, carry_out
from headrace.cli.session import Session
from headrace.cli.terminal import width

VALUES = {"-i": "inputs", "--input": "inputs", "--out": "out"}
DEPLOY_VALUES = {
    "--name": "name",
    "--endpoint": "endpoint",
    "-m": "message",
    "--message": "message",
}
HELP = frozenset({"-h", "--help"})
FULL_WIDTH = 80
FLAGS = {
    "-d": "is_detached",
    "--detach": "is_detached",
    "-f": "shows_log",
    "--follow": "shows_log",
    "--logs": "shows_log",
    "--json": "as_json",
}


class _Unusual(Exception):
    """Not one of the plain forms."""


def recognised(arguments: list[str]) -> Callable[[Session], int] | None:
    """Return the function for a command line, or None if it is not among the plain forms."""
    text = help_of(arguments)
    if text is not None:
        return lambda current: _print(current, text)
    try:
        read = run_of(arguments)
        deploying = deploy_of(arguments)
    except _Unusual:
        return None
    if deploying is not None:
        return lambda current: _deploy(current, deploying)
    if read is None:
        return None
    run, as_json = read

    def carried_out(current: Session) -> int:
        current.screen.as_json = as_json
        carry_out(current, run)
        return 0

    return carried_out


def deploy_of(arguments: list[str]) -> dict[str, str] | None:
    """Return what ``deploy FILE:FUNCTION …`` asks for, by name, or None if it is no deployment.

    Raises:
        _Unusual: It may be one, but not in a plain form.
    """
    if not arguments or arguments[0] != "deploy":
        return None
    found: dict[str, str] = {}
    left = iter(arguments[1:])
    for argument in left:
        option, equals, value = argument.partition("=")
        if argument == "--json":
            found["json"] = argument
        elif option in DEPLOY_VALUES and (not equals or option.startswith("--")):
            found[DEPLOY_VALUES[option]] = value if equals else _next(left)
        elif argument.startswith("-") or ":" not in argument or "target" in found:
            raise _Unusual
        else:
            found["target"] = argument
    if "target" not in found:
        raise _Unusual
    return found


def _deploy(current: Session, given: dict[str, str]) -> int:
    from headrace.cli.deploy_jobs import plain_job  # noqa: PLC0415 - only deployments need it
    from headrace.cli.deploy_runs import DeployRun  # noqa: PLC0415 - see above

    current.screen.as_json = "json" in given
    current.command_path = "headrace deploy"
    job = plain_job(given["target"], given.get("name"), given.get("endpoint"))
    run = DeployRun(current, message=given.get("message"), force=False, is_dry=False, waits=True)
    run.one(job)
    return 0


def help_of(arguments: list[str]) -> str | None:
    """Return the help that ``… --help`` asks for, or None if it is not that or has to be laid out.

    The texts are Typer's own for terminals of 80 columns and more, kept by ``make docs``.
    """
    if not arguments or arguments[-1] not in HELP or any(a[:1] == "-" for a in arguments[:-1]):
        return None
    if width() < FULL_WIDTH:
        return None
    import json  # noqa: PLC0415 - only help needs it

    file = Path(__file__).with_name("help.json")
    texts: dict[str, str] = json.loads(file.read_text("utf-8"))
    return texts.get(" ".join(["headrace", *arguments[:-1]]))


def _print(current: Session, text: str) -> int:
    current.screen.say(text.removesuffix("\n"), None)
    return 0


def run_of(arguments: list[str]) -> tuple[Run, bool] | None:
    """Return the run that ``run NAME …`` asks for and whether as JSON, or None if it is no run.

    Raises:
        _Unusual: It may be one, but not in a plain form.
    """
    left = iter(arguments)
    first = next(left, None)
    as_json = first == "--json"
    if as_json:
        first = next(left, None)
    if first != "run":
        return None
    names: list[str] = []
    inputs: list[str] = []
    flags = {"as_json": as_json}
    out: Path | None = None
    for argument in left:
        option, equals, value = argument.partition("=")
        if argument in FLAGS:
            flags[FLAGS[argument]] = True
        elif option in VALUES and (not equals or option.startswith("--")):
            text = value if equals else _next(left)
            if VALUES[option] == "inputs":
                inputs.append(text)
            else:
                out = Path(text)
        elif argument.startswith("-") or not argument:
            raise _Unusual
        else:
            names.append(argument)
    if len(names) != 1:
        raise _Unusual
    is_json = flags.pop("as_json")
    return Run(names[0], tuple(inputs), out=out, **flags), is_json


def _next(left: Iterator[str]) -> str:
    value = next(left, "-")
    if value.startswith("-"):
        raise _Unusual
    return value
