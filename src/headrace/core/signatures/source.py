"""What a signature is read from, and what is found: texts of files, a signature, what is wrong."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from dataclasses import dataclass

from headrace.core.parameters import Input, Output
from headrace.core.pipelines import Calling

RESULT = "result"
"""The output that holds the one value that a function returns."""


@dataclass(frozen=True, slots=True)
class Source:
    """The files of a folder that holds a function.

    Attributes:
        path: The function's file, relative to the folder, with ``/``.
        read: Returns the text of a file by its path in the folder, or None if there is none.
    """

    path: str
    read: Callable[[str], str | None]

    @property
    def roots(self) -> tuple[str, ...]:
        """The folders that imports look into, in that order, as when the function is called."""
        beside = outside = posixpath.dirname(self.path)
        while outside and self.read(f"{outside}/__init__.py") is not None:
            outside = posixpath.dirname(outside)
        return tuple(dict.fromkeys(("", outside, beside, "src")))


@dataclass(frozen=True, slots=True)
class Signature:
    """What the code of a function says of it.

    Attributes:
        inputs: Its parameters.
        outputs: What it returns.
        description: The first paragraph of its docstring, or None.
        calling: How it has to be called.
        notes: What its author may want to know of how the code was understood, each a sentence.
    """

    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    description: str | None
    calling: Calling
    notes: tuple[str, ...] = ()


class Misread(Exception):
    """Something in the code cannot become an input or output.

    Attributes:
        what: What is wrong, and what to write instead: the end of a sentence.
        line: Its line, or None if that is where it is asked for.
    """

    def __init__(self, what: str, line: int | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.line = line
