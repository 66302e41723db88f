"""The difference between a version on the server and the one that would take its place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from headrace.client.creation import parameter_text, what_runs
from headrace.client.deploying.digests import file_digests
from headrace.client.deploying.plans import Plan

SETTINGS = {
    "function": "function",
    "language": "Python",
    "requirements_path": "requirements",
    "included_folders": "included",
    "system_dependencies": "system packages",
    "calling": "calling",
}
"""What a version has beside its code and signature, and what people call it."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What a new version would change.

    Attributes:
        number: The version that it is compared with; None if there is none.
        added: Files that are new.
        changed: Files with another content.
        removed: Files that are gone.
        lines: Inputs, outputs and settings that differ, each line beginning with ``+`` or ``-``.
    """

    number: int | None = None
    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    is_same_code: bool = field(default=False)

    @property
    def is_nothing(self) -> bool:
        """Whether the versions are the same."""
        return self.number is not None and self.is_same_code and not self.lines

    @property
    def files(self) -> list[str]:
        """The files that differ, each with what became of it."""
        marks = (("+", self.added), ("~", self.changed), ("-", self.removed))
        found = [f"{mark} {path}" for mark, paths in marks for path in paths]
        if not (found or self.is_same_code):
            return ["~ which files may be executed, or which folders are empty"]
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "version": self.number,
            "added": list(self.added),
            "changed": list(self.changed),
            "removed": list(self.removed),
            "lines": list(self.lines),
        }


def changes_of(plan: Plan, version: Mapping[str, Any] | None) -> Changes:
    """Return what a plan would change of a version, as the server shows it; None if it has none."""
    if version is None:
        return Changes()
    before = _facts(version["parameters"], version["calling"])
    after = _facts(plan.parameters, plan.signature.calling.value)
    lines = tuple(_lines(before, after))
    number = int(version["version"])
    if version["bundle"] == plan.bundle:
        return Changes(number, lines=lines, is_same_code=True)
    there = {item["path"]: item["digest"] for item in version["files"]}
    here = file_digests(plan.selection)
    return Changes(
        number,
        added=tuple(sorted(here.keys() - there.keys())),
        changed=tuple(sorted(p for p in here.keys() & there.keys() if here[p] != there[p])),
        removed=tuple(sorted(there.keys() - here.keys())),
        lines=lines,
    )


def _facts(parameters: Mapping[str, Any], calling: str) -> dict[str, list[str]]:
    """Return what is compared, as texts by their kinds."""
    config = parameters["container_config"]
    values: dict[str, Any] = {
        **config,
        "function": what_runs(parameters),
        "calling": calling,
        "language": str(config["language"]).removeprefix("python:").removesuffix("-slim"),
    }
    facts = {noun: [_shown(values[key])] for key, noun in SETTINGS.items() if values.get(key)}
    for noun in ("input", "output"):
        facts[noun] = [_described(item) for item in parameters[f"{noun}s"]]
    return facts


def _described(item: Mapping[str, Any]) -> str:
    text = parameter_text(item)
    return f"{text}  {item['description']}" if item.get("description") else text


def _shown(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list | tuple) else str(value)


def _lines(before: Mapping[str, list[str]], after: Mapping[str, list[str]]) -> Iterable[str]:
    for noun in dict.fromkeys((*before, *after)):
        old, new = before.get(noun, []), after.get(noun, [])
        if old == new:
            continue
        yield from (f"- {noun} {one}" for one in old if one not in new)
        yield from (f"+ {noun} {one}" for one in new if one not in old)
        if sorted(old) == sorted(new):
            yield f"+ order of {noun}s: {', '.join(new)}"
