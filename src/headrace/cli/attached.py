"""Attached files on the command line."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from headrace.cli.output import Cell
from headrace.cli.usage import usage, wrong
from headrace.client.local_files import size_text
from headrace.core.attachments import check_place

AttachOption = Annotated[
    list[str] | None,
    typer.Option(
        "--attach",
        metavar="PLACE=FILE",
        help="Have a local file at this place in the folder when the code is imported; repeatable.",
    ),
]
DetachOption = Annotated[
    list[str] | None,
    typer.Option("--detach", metavar="PLACE", help="Take away what is attached there; repeatable."),
]


def attached_files(
    attach: list[str] | None, detach: list[str] | None = None
) -> dict[str, str | None]:
    """Return files by their places from ``PLACE=FILE`` texts; None where nothing is to be.

    Raises:
        WrongUsage: A text is not of that form, or a place is given twice.
    """
    found: dict[str, str | None] = {}
    for text in attach or ():
        place, equals, file = text.partition("=")
        if not (equals and file):
            raise wrong("--attach", f"{text!r}: write PLACE=FILE.")
        _add(found, "--attach", place, file)
    for place in detach or ():
        _add(found, "--detach", place, None)
    return found


def attached_pairs(found: dict[str, Any]) -> list[tuple[str, Cell]]:
    """Return what is attached to a deployment, or was to an execution, for a person."""
    return [
        ("attached", f"{one['path']} ({size_text(one['size'])}, sha256 {one['digest'][:12]}…)")
        for one in found.get("attachments", ())
    ]


def _add(found: dict[str, str | None], option: str, place: str, file: str | None) -> None:
    with usage(option):
        check_place(place)
    if place in found:
        raise wrong(option, f"{place!r} is given twice.")
    found[place] = file
