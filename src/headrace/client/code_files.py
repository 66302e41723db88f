"""The texts of code on this machine, for those who read signatures from them."""

from __future__ import annotations

import io
import tokenize
from pathlib import Path

from headrace.core.errors import InvalidCode
from headrace.core.signatures.source import Source


def source_in(folder: Path, path: str) -> Source:
    """Return the source of a function: its file at ``path`` in a folder, and its neighbours.

    Files are read when they are asked for, in the encoding that they declare.
    """

    def read(wanted: str) -> str | None:
        try:
            content = (folder / wanted).read_bytes()
        except (OSError, ValueError):
            return None
        try:
            encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
            return content.decode(encoding)
        except (SyntaxError, UnicodeDecodeError) as error:
            raise InvalidCode(
                f"{wanted} is no text in the encoding that it declares: {error}."
            ) from None

    return Source(path, read)
