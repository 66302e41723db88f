"""The requirements and the Python of a version to come, as its folder says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headrace.client.selection import Selection

USUAL = "requirements.txt"


@dataclass(frozen=True, slots=True)
class Needs:
    """What the code needs.

    Attributes:
        path: Requirements file in the folder; None for none.
        python: Version of Python, such as ``3.12``; None if the folder does not say.
        notes: What its author may want to know, each a sentence.
    """

    path: str | None
    python: str | None = None
    notes: tuple[str, ...] = ()


def needs_of(selection: Selection, chosen: str | None, project: Mapping[str, Any]) -> Needs:
    """Return the requirements and the Python of what travels.

    Args:
        selection: What travels.
        chosen: The requirements file that the author names; empty for none, None if it is left to
            the folder.
        project: The project's settings.
    """
    if chosen is not None:
        return Needs(chosen or None)
    if USUAL in selection.files:
        return Needs(USUAL)
    return Needs(project["requirements_path"])
