"""What ``headrace deploy`` shows: what it understood, what would change, what is there now."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from headrace.cli.output import Cell, Screen
from headrace.cli.tables import Column, plain_lines
from headrace.cli.terminal import painted
from headrace.core.sources import Rule

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
    """Say on stderr what the code says, and what it would change.

    Inputs and outputs are shown where they are new; an edit of the code alone says what it edits.
    """
    plan, changes = comparison.plan, comparison.changes
    screen.note(headline(plan))
    if comparison.is_same_version:
        return
    if changes.number is None or changes.lines:
        for line in signature_lines(plan):
            screen.note(f"  {line}")
        for note in plan.notes:
            screen.note(f"Note: {note}")
    say_what_travels(screen, plan.selection)
    if changes.number is not None:
        screen.note(f"Changes of version {changes.number}:")
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
        screen.note(f"Left out: {_some(left_out)}.")
    if selection.secrets:
        screen.note(f"Taken, though it looks secret: {_some(selection.secrets)}.")


def _some(names: Sequence[str]) -> str:
    more = len(names) - SHOWN_LEFT_OUT
    return ", ".join(names[:SHOWN_LEFT_OUT]) + (f" and {more} more" if more > 0 else "")


def coloured(screen: Screen, line: str) -> str:
    """Return a line of a difference, in the colour of its mark where there are colours."""
    colour = _COLOURS.get(line[:1])
    return painted(line, colour) if colour and screen.is_coloured else line


def deployed_pairs(deployed: Deployed, created: Collection[str]) -> list[tuple[str, Cell]]:
    """Return what there is after a deployment, and how it is called.

    Tokens are shown of deployments that were just created: logs of later ones are kept for long.

    Args:
        deployed: What there is.
        created: Names of the deployments that were created now.
    """
    pairs: list[tuple[str, Cell]] = [("pipeline", deployed.name), ("version", deployed.version)]
    for found in deployed.deployments:
        name, pipeline = found["name"], found["pipeline"]
        pinned = f", pinned to version {pipeline['version']}" if pipeline["is_pinned"] else ""
        pairs.append(("deployment", f"{name}{pinned}"))
        if found["execution_rule"] == Rule.ENDPOINT:
            pairs += _endpoint_pairs(found, is_new=name in created)
        else:
            fires_at = next(iter(found["next_fire_times"]), None)
            pairs += [("schedule", found["schedule"]), ("fires at", fires_at)]
    return [*pairs, ("server", deployed.server)]


def _endpoint_pairs(found: Mapping[str, Any], *, is_new: bool) -> list[tuple[str, Cell]]:
    # Only deployments need it.
    from headrace.client.deploying.deployed import (  # noqa: PLC0415 - see above
        TOKEN_VARIABLE,
        curl_line,
    )

    url, token = found["endpoint_url"], found["endpoint_token"]
    return [
        ("url", url),
        ("token", token if is_new else f"as before: headrace deployments show {found['name']}"),
        ("page", f"{url}/docs"),
        ("call", curl_line(found, token if is_new else TOKEN_VARIABLE)),
    ]


def _default(item: Input) -> str:
    if item.default_value is not None:
        return _text(item.default_value)
    return "(required)" if item.is_required else "-"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
