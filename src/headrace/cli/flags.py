"""Options that many commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

JsonFlag = Annotated[
    bool, typer.Option("--json", help="Print one JSON document on stdout, and nothing else there.")
]
Timestamps = Annotated[bool, typer.Option("--timestamps", "-t", help="Begin lines with the time.")]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Go on until it ends.")]
Force = Annotated[
    bool,
    typer.Option("--force", help="Go on although deployments or their callers would break."),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Check it, say what would come of it, and do nothing.")
]
Out = Annotated[
    Path | None, typer.Option("--out", help="Folder that file outputs are saved in, by their name.")
]
Detach = Annotated[
    bool, typer.Option("--detach", "-d", help="Do not wait; print the execution's id.")
]
ShowLog = Annotated[
    bool, typer.Option("--logs", "--follow", "-f", help="Print its log on stderr meanwhile.")
]
