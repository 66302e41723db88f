"""Options that say which executions are meant, taken by all commands about several of them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from headrace.cli.times import since_from_text
from headrace.core.sources import Rule

_TIME = "how long ago, such as 2h or 1d12h, a day, or a time in ISO 8601."

Since = Annotated[
    datetime | None,
    typer.Option(
        metavar="TIME",
        parser=since_from_text,
        help=f"Only those created from then on: {_TIME}",
    ),
]
Until = Annotated[
    datetime | None,
    typer.Option(
        metavar="TIME",
        parser=since_from_text,
        help=f"Only those created before then: {_TIME}",
    ),
]
OfVersion = Annotated[
    int | None,
    typer.Option(
        "--version",
        min=1,
        metavar="NUMBER",
        help="Only those of this version of the pipeline.",
    ),
]
ByUser = Annotated[
    str | None,
    typer.Option(
        "--by", metavar="USER", help="Only those of this user: an id, a name or an address."
    ),
]
OfRule = Annotated[
    Rule | None,
    typer.Option("--rule", case_sensitive=False, help="Only those that started so."),
]
OfText = Annotated[
    str | None,
    typer.Option(
        "--text",
        metavar="TEXT",
        help="Only those whose ids begin so; if none does, whose reasons contain it.",
    ),
]
