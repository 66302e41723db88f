"""A program that marks the parts of code, and prints lines of HTML as JSON."""

from __future__ import annotations

import html
import json
import sys
from collections.abc import Iterator
from typing import Any, ClassVar

from pygments.lexer import Lexer, RegexLexer
from pygments.lexers.configs import IniLexer, TOMLLexer
from pygments.lexers.data import JsonLexer, YamlLexer
from pygments.lexers.python import PythonLexer
from pygments.lexers.shell import BashLexer
from pygments.token import Comment, Keyword, Name, Number, Operator, String, Text, _TokenType

from headrace.bundles.apart import limit

_MEMORY_BYTES = 512 << 20
_PROCESSOR_S = 3


class _Requirements(RegexLexer):
    """The lines of a requirements file."""

    tokens: ClassVar[dict[str, Any]] = {
        "root": [
            (r"[ \t]*#[^\n]*", Comment),
            (r"(?<![\w.])--?[A-Za-z][\w-]*", Keyword),
            (r"[<>=!~]=?=?", Operator.Word),
            (r"\d[\w.*+!-]*", Number),
            (r"[A-Za-z][\w.-]*", Name.Function),
            (r"\s+", Text),
            (r".", Text),
        ]
    }


_LEXERS: dict[str, type[Lexer]] = {
    "py": PythonLexer,
    "pyi": PythonLexer,
    "toml": TOMLLexer,
    "lock": TOMLLexer,
    "json": JsonLexer,
    "yaml": YamlLexer,
    "yml": YamlLexer,
    "ini": IniLexer,
    "cfg": IniLexer,
    "sh": BashLexer,
    "txt": _Requirements,
}

_CLASSES: list[tuple[_TokenType, str]] = [
    (Comment, "c"),
    (String, "s"),
    (Number, "n"),
    (Keyword, "k"),
    (Operator.Word, "k"),
    (Name.Function, "f"),
    (Name.Class, "f"),
    (Name.Tag, "f"),
    (Name.Decorator, "d"),
    (Name.Builtin, "b"),
]


def lines_of(kind: str, text: str) -> list[str]:
    """Return the lines of a text as HTML.

    Args:
        kind: One of those in :data:`headrace.console.highlighting.KINDS`.
        text: The text.
    """
    lexer = _LEXERS[kind](stripnl=False, ensurenl=False)
    lines = [""]
    for what, piece in lexer.get_tokens(text):
        name = _class_of(what)
        first, *rest = (_marked(part, name) for part in piece.split("\n"))
        lines[-1] += first
        lines += rest
    return lines


def _class_of(what: _TokenType) -> str:
    # A type of token contains those that are finer.
    return next((name for kind, name in _CLASSES if what in kind), "")  # type: ignore[comparison-overlap]


def _marked(text: str, name: str) -> str:
    escaped = html.escape(text)
    return f'<span class="{name}">{escaped}</span>' if name and text.strip() else escaped


def _all() -> Iterator[list[str]]:
    for kind, text in json.load(sys.stdin):
        yield lines_of(kind, text)


def main() -> None:
    """Mark the texts that are given, each with its kind."""
    limit(_MEMORY_BYTES, _PROCESSOR_S)
    json.dump(list(_all()), sys.stdout)


if __name__ == "__main__":
    main()
