"""Command lines that are recognised without the library that reads the others.

Only plain forms are: whatever is unusual, or wrong, is left to Typer, which reads these in the same
way and says what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from headrace.cli.running import Run, carry_out
from headrace.cli.session import Session

VALUES = {"-i": "inputs", "--input": "inputs", "--out": "out"}
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
    """Return what carries out a command line, or None if it is not among the plain forms."""
    try:
        read = run_of(arguments)
    except _Unusual:
        return None
    if read is None:
        return None
    run, as_json = read

    def carried_out(current: Session) -> int:
        current.screen.as_json = as_json
        carry_out(current, run)
        return 0

    return carried_out


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
