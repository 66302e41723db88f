"""The metadata that a Python file holds of itself, in a block of comments (PEP 723)."""

from __future__ import annotations

import re

_BLOCK = re.compile(r"(?m)^# /// script[ \t]*\r?$\n(?P<content>(^#(| .*)\r?$\n)+)^# ///[ \t]*\r?$")
_BEGIN = re.compile(r"(?m)^# /// script[ \t]*\r?$")


def inline_metadata(text: str) -> str | None:
    """Return the TOML of a file's ``script`` block, or None if it has none.

    Raises:
        ValueError: It has more than one, or one without an end.
    """
    begun = len(_BEGIN.findall(text))
    found = list(_BLOCK.finditer(text))
    if len(found) > 1 or begun > 1:
        raise ValueError("there is more than one block '# /// script'")
    if not found:
        if begun:
            raise ValueError(
                "the block '# /// script' has no end: a line '# ///' below comments alone"
            )
        return None
    lines = found[0]["content"].splitlines()
    return "\n".join(line[2:] if line.startswith("# ") else line[1:] for line in lines)
