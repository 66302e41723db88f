"""One line for a function that may not write where it tried to: why, and where it may."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Optional

from headrace_harness.confinement import Confinement
from headrace_harness.stdlib import errno, os

_REFUSED = {errno.EROFS, errno.EACCES, errno.EPERM, errno.EXDEV}
_LONGEST_CHAIN = 20

# One at most: how this process is confined; set before user code is imported.
_confinements: list[Confinement] = []


def explain_for(confinement: Confinement) -> None:
    """Explain from now on what this confinement forbids."""
    _confinements[:] = [confinement]


def explanation(error: BaseException) -> str:
    """Return the line that goes with an error, or nothing."""
    for link in _chain(error):
        if isinstance(link, OSError) and link.errno in _REFUSED:
            for path in (link.filename, link.filename2):
                if _is_closed(path):
                    return (
                        f"headrace: {os.fsdecode(path)} is shared with other runs, so a run only "
                        "reads it. Write into the working folder (relative paths), a temporary "
                        "folder, or a folder outside of Headrace's data directory; what is to be "
                        "kept is an output or goes into the data store.\n"
                    )
        if _is_installation(link):
            return (
                "headrace: a run cannot install packages into its environment, which other runs "
                "share. Name them in the pipeline's requirements, or install them into a folder "
                "of the run (pip install --target).\n"
            )
    return ""


def _chain(error: BaseException) -> Iterator[BaseException]:
    link: Optional[BaseException] = error
    for _ in range(_LONGEST_CHAIN):
        if link is None:
            return
        yield link
        link = link.__cause__ or link.__context__


def _is_closed(path: Any) -> bool:
    if not isinstance(path, (str, bytes)):
        return False
    found = os.path.realpath(os.fsdecode(path))
    return any(confinement.forbids(found) for confinement in _confinements)


def _is_installation(error: BaseException) -> bool:
    if type(error).__name__ != "CalledProcessError":
        return False
    command = getattr(error, "cmd", "")
    words = command.split() if isinstance(command, str) else list(map(str, command))
    return "install" in words and any(os.path.basename(word) in _INSTALLERS for word in words)


_INSTALLERS = {"pip", "pip3", "uv"}
