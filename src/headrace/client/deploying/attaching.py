"""Files that are to be attached to a deployment, beside those that are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from headrace.client.attached import content_of

ATTACH = "attach"
"""The option whose value is local files by their places; their content is what is compared."""


def changed_attachments(
    wanted: Mapping[str, str], there: Mapping[str, Any], lines: list[str]
) -> dict[str, str]:
    """Return the files whose content is not what is attached, and say so in ``lines``.

    Raises:
        InvalidValue: A file cannot be read.
    """
    present = {one["path"]: one["digest"] for one in there.get("attachments", ())}
    found = {}
    for place, file in wanted.items():
        if content_of(place, Path(file))[0] != present.get(place):
            lines.append(f"{'~' if place in present else '+'} attached {place}")
            found[place] = file
    return found
