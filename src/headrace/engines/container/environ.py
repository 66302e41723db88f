"""The variables of a container: given by a file, so that no list of processes shows them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

_OF_THE_TOOL = re.compile(
    r"_|(LD|GO|DOCKER|BUILD|BUILDKIT|BUILDAH|CONTAINERS?|PODMAN|STORAGE|REGISTRY|XDG|DBUS|NOTIFY|"
    r"LISTEN|SSL|LC|G|GIO|MALLOC|GLIBC|GCONV|RES|CNI|NETAVARK|RUNC|CRUN)(_.*)?|(BUILD|GO|CONTAINER|LD|TMP|SSH).*|HOME|PATH|USER|LANG|"
    r"LOGNAME|SHELL|PWD|(.*_)?PROXY",
    re.IGNORECASE,
)
"""Variables that the tool, or what it starts, may read itself."""


class Unpassable(Exception):
    """A variable cannot be given to a container; the message says which, and why."""


def write_variables(path: Path, variables: Mapping[str, str]) -> dict[str, str]:
    """Write the file of variables; return those that a file cannot hold, having several lines.

    These are taken over from the tool's own environment, so they must not mean anything to it.

    Raises:
        Unpassable: One has several lines, and means something to the tool.
        OSError: The file cannot be written.
    """
    several = {name: value for name, value in variables.items() if _has_lines(value)}
    for name in several:
        if _OF_THE_TOOL.fullmatch(name):
            raise Unpassable(
                f"The environment variable {name} has several lines, which cannot be given to a "
                "container under that name: give it another one."
            )
    lines = [f"{name}={value}\n" for name, value in variables.items() if name not in several]
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
        file.writelines(lines)
    return several


def _has_lines(value: str) -> bool:
    return "\n" in value or "\r" in value
