"""What ``headrace deploy`` shows: what it understood, what would change, what is there now."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from headrace.cli.output import Cell, Screen
from headrace.cli.tables import Column, plain_lines
from headrace.cli.terminal import painted

if TYPE_CHECKING:
    from headrace.client.deploying.deployed import Deployed
    from headrace.client.deploying.deployer import Comparison
    from headrace.client.deploying.plans import Plan
    from headrace.client.selection import Selection
    from headrace.core.parameters import Input

COLUMNS = (Column(""), Column("NAME"), Column("TYPE"), Column("DEFAULT"), Column("DESCRIPTION"))
SHOWN_LEFT_OUT = 5
"""How many names of what does not travel are shown."""

COMMIT_CHARACTERS = 10
_COLOURS = {"+": "green", "-": "red", "~": "yellow"}


def say_what_was_understood(screen: Screen, comparison: Comparison) -> None:
    """Say on stderr what the code says, and what it would change."""
    plan = comparison.plan
    screen.note(headline(plan))
    for line in signature_lines(plan):
        screen.note(f"  {line}")
    if not comparison.is_same_version:
        say_what_travels(screen, plan.selection)
    for note in plan.notes:
        screen.note(f"Note: {note}")
    if comparison.changes.number is not None and not comparison.is_same_version:
        screen.note(f"Changes of version {comparison.changes.number}:")
        for line in comparison.lines or ["nothing, but it is not ready"]:
            screen.note(f"  {coloured(screen, line)}")


def headline(plan: Plan) -> str:
    """Return in one line what a version is made of."""
    target, config = plan.target, plan.config
    python = str(config["language"]).removeprefix("python:").removesuffix("-slim")
    parts = [
        f"{target.function_path}:{target.function_name}",
        f"Python {python}",
        config["requirements_path"] or "no requirements",
    ]
    if plan.commit:
        parts.append(f"commit {plan.commit.id[:COMMIT_CHARACTERS]}")
    return f"Pipeline {plan.name}: {', '.join(parts)}"


def signature_lines(plan: Plan) -> list[str]:
    """Return the inputs and outputs of a version as the lines of a table."""
    signature = plan.signature
    rows = [
        ["input", item.name, item.data_type.value, _default(item), item.description or ""]
        for item in signature.inputs
    ]
    rows += [
        ["output", item.name, item.data_type.value, "", item.description or ""]
        for item in signature.outputs
    ]
    return plain_lines(COLUMNS, rows) if rows else ["no inputs, no outputs"]


def say_what_travels(screen: Screen, selection: Selection) -> None:
    """Say on stderr how much of a folder travels, and what stays here."""
    screen.note(f"Sending {selection.extent}.")
    left_out = [f"{name} ({why})" for name, why in selection.surprises.items()]
    if left_out:
        more = len(left_out) - SHOWN_LEFT_OUT
        names = ", ".join(left_out[:SHOWN_LEFT_OUT]) + (f" and {more} more" if more > 0 else "")
        screen.note(f"Left out: {names}.")


def coloured(screen: Screen, line: str) -> str:
    """Return a line of a difference, in the colour of its mark where there are colours."""
    colour = _COLOURS.get(line[:1])
    return painted(line, colour) if colour and screen.is_coloured else line


def deployed_pairs(deployed: Deployed) -> list[tuple[str, Cell]]:
    """Return what there is after a deployment, and how it is called."""
    pairs: list[tuple[str, Cell]] = [("pipeline", deployed.name), ("version", deployed.version)]
    found = deployed.deployment
    if found is not None:
        pipeline = found["pipeline"]
        pinned = f", pinned to version {pipeline['version']}" if pipeline["is_pinned"] else ""
        pairs.append(("deployment", f"{found['name']}{pinned}"))
    if found is not None and deployed.url:
        pairs += [
            ("url", deployed.url),
            ("token", deployed.token),
            ("page", deployed.page),
            ("call", deployed.curl_with(str(deployed.token))),
        ]
    elif found is not None:
        pairs += [("schedule", found["schedule"]), ("fires at", _first(found["next_fire_times"]))]
    return [*pairs, ("server", deployed.server)]


def _first(times: Iterable[str]) -> str | None:
    return next(iter(times), None)


def _default(item: Input) -> str:
    if item.default_value is not None:
        return _text(item.default_value)
    return "(required)" if item.is_required else "-"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
