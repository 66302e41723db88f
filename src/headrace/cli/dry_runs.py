"""``--dry-run`` and ``headrace diff``: what would change, and what would be refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from headrace.cli.deploy_shown import coloured, headline, signature_lines
from headrace.cli.exits import EXIT_FAILED
from headrace.cli.output import Screen
from headrace.cli.session import Session
from headrace.client.deploying.deployer import Comparison


@dataclass(frozen=True, slots=True)
class Preview:
    """What a deployment would do.

    Attributes:
        comparison: What differs.
        code: The lines of the difference of the code.
        breaks: What would not work any more, each a sentence.
    """

    comparison: Comparison
    code: Sequence[str]
    breaks: Sequence[dict[str, Any]]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        comparison = self.comparison
        return {
            "pipeline_name": comparison.plan.name,
            "is_nothing": comparison.is_nothing,
            "changes": comparison.changes.to_dict(),
            "code": list(self.code),
            "deployments": [
                {
                    "name": one.wish.name,
                    "is_new": one.there is None,
                    "lines": list(one.update.lines),
                }
                for one in comparison.wished
            ],
            "breaks": list(self.breaks),
        }


def preview_of(current: Session, comparison: Comparison) -> Preview:
    """Return what a deployment would do; the code of the current version is downloaded for it."""
    if comparison.version is None or comparison.is_same_version:
        return Preview(comparison, (), ())
    code = current.sdk.code_differences(comparison.plan, comparison.changes)
    signature = comparison.plan.signature
    breaks = current.sdk.check_pipeline_version(
        comparison.plan.name, signature.inputs, signature.outputs
    )
    return Preview(comparison, code, breaks)


def show_previews(screen: Screen, previews: Sequence[Preview], document: dict[str, Any]) -> None:
    """Print what deployments would do; exit with 1 if one would be refused."""
    if screen.as_json:
        screen.document(document)
    else:
        for preview in previews:
            for line in _lines(preview):
                screen.say(coloured(screen, line), None)
    if any(preview.breaks for preview in previews):
        raise SystemExit(EXIT_FAILED)


def _lines(preview: Preview) -> list[str]:
    comparison = preview.comparison
    if comparison.is_nothing:
        name, number = comparison.plan.name, comparison.changes.number
        return [f"Nothing would change: pipeline {name} has version {number}."]
    return [*_of_version(preview), *_of_deployments(comparison), *_of_breaks(preview)]


def _of_version(preview: Preview) -> list[str]:
    comparison = preview.comparison
    plan, number = comparison.plan, comparison.changes.number
    if comparison.is_same_version:
        return [f"Pipeline {plan.name}: version {number} would stay."]
    travels = plan.selection.extent
    notes = [f"Note: {note}" for note in plan.notes]
    if number is None:
        lines = [f"{headline(plan)} would be created, with {travels}:"]
        return [*lines, *(f"  {line}" for line in signature_lines(plan)), *notes]
    lines = [f"{headline(plan)} would get a new version in place of {number}, with {travels}:"]
    return [*lines, *notes, *comparison.lines, *preview.code]


def _of_deployments(comparison: Comparison) -> list[str]:
    lines = []
    for one in comparison.wished:
        if one.there is None:
            lines.append(f"+ deployment {one.wish.name}, {one.wish.rule.value}")
        elif one.update.arguments:
            lines += [f"Deployment {one.wish.name} would change:", *one.update.lines]
    return lines


def _of_breaks(preview: Preview) -> list[str]:
    if not preview.breaks:
        return []
    return ["It would be refused, unless --force is given:", *map(_sentence, preview.breaks)]


def _sentence(found: dict[str, Any]) -> str:
    noun = "input" if "input" in found else "output"
    example = ""
    if found.get("execution_id"):
        example = f" (execution {found['execution_id']} sent {found['value']})"
    return f"  deployment {found['deployment']}: {noun} {found[noun]!r} {found['reason']}{example}"
