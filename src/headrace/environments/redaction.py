"""Keeps secret texts out of what is said about a build."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from html import unescape
from urllib.parse import quote, unquote, unquote_to_bytes

MASK = "***"

_SHORTEST_PIECE = 4
"""Shorter pieces of a secret are not looked for: they would blacken half of a log."""

_MOST_PARTS = 20

_SEPARATORS = re.compile(r"[\s@/?#:;,\\]+")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://(?:(?P<user>[^\s/?#]*)@)?")
_PERCENT = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_ESCAPE = re.compile(
    r"\\+(?:x(?P<x>[0-9A-Fa-f]{2})|u(?P<u>[0-9A-Fa-f]{4})|U(?P<U>[0-9A-Fa-f]{8})"
    r"|u\{(?P<b>[0-9A-Fa-f]{1,6})\})?"
)
_ENTITY = re.compile(r"&(?:amp|lt|gt|quot|apos|#\d{1,7}|#x[0-9A-Fa-f]{1,6});")
_PASSES = 6
"""How often something encoded may have been encoded again."""


_Decode = Callable[[re.Match[str]], Iterable[tuple[str, int]]]
"""From something encoded to texts, each with how many of the encoded characters it took."""


class Redaction:
    """Replaces every secret text in a line by ``***``.

    A line is compared as it is and decoded: percent-encoding, escapes of Python, Rust and shells,
    and HTML's entities, in any mixture, of all characters or of some, once or several times. Upper
    and lower case count as the same, and so do ``+`` and a space. A secret is also looked for line
    by line, and in the pieces that a URL falls into where it holds ``@``, ``/`` and the like.
    """

    def __init__(self, secrets: Collection[str]) -> None:
        whole = {part.strip() for secret in secrets for part in [secret, *secret.splitlines()]}
        whole |= {unquote(text).strip() for text in whole}
        texts = whole | {piece for text in whole for piece in _pieces(text)}
        # Of backslashes alone nothing is left once they are decoded.
        texts |= {quote(text, safe="") for text in texts if text and not _Decoded(text).text}
        self._plain = _alternatives({text for text in texts if text})
        self._decoded = _alternatives({_Decoded(text).text for text in texts} - {""})

    def __call__(self, line: str) -> str:
        """Return the line without secrets."""
        if self._plain is None:
            return line
        spans = [match.span() for match in self._plain.finditer(line)]
        if self._decoded is not None:
            decoded = _Decoded(line)
            spans += [decoded.span(*match.span()) for match in self._decoded.finditer(decoded.text)]
        return _masked(line, spans)


def passwords_in(environ: Mapping[str, str]) -> set[str]:
    """Return the passwords and tokens in the URLs of an installer's environment variables."""
    found = {value for name, value in environ.items() if name.endswith("_PASSWORD")}
    for value in environ.values():
        for url in _URL.finditer(value):
            user, _, password = (url["user"] or "").partition(":")
            found.add(password or user)
    return found - {""}


def _pieces(secret: str) -> Iterator[str]:
    """Give the pieces of a secret that may be told without the rest; of a URL, its user.

    A URL falls apart at some of its separators, and which depends on who reads it. So each run of
    parts is given, with the separators in between.
    """
    url = _URL.match(secret)
    text = (url["user"] or "") if url else secret
    ends = [match.span() for match in _SEPARATORS.finditer(text)]
    starts = [0, *(end for _, end in ends)]
    stops = [*(start for start, _ in ends), len(text)]
    if len(starts) > _MOST_PARTS:  # a text of many words, which is no part of an address
        yield from (
            text[a:b] for a, b in zip(starts, stops, strict=True) if b - a >= _SHORTEST_PIECE
        )
        return
    for start in starts:
        for stop in stops:
            if stop - start >= _SHORTEST_PIECE:
                yield text[start:stop]


def _alternatives(texts: set[str]) -> re.Pattern[str] | None:
    longest_first = sorted(texts, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first))) if texts else None


def _masked(line: str, spans: list[tuple[int, int]]) -> str:
    parts, done = [], 0
    for start, end in sorted(spans):
        if start >= done:
            parts += [line[done:start], MASK]
        done = max(done, end)
    return "".join([*parts, line[done:]])


class _Decoded:
    """A text with all encodings undone, that knows where each character came from."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._starts = list(range(len(text)))
        self._ends = [start + 1 for start in self._starts]
        for _ in range(_PASSES):
            before = self.text
            if "%" in self.text:
                self._rewrite(_PERCENT, _percent_decoded)
            if "\\" in self.text:
                self._rewrite(_ESCAPE, _unescaped)
            if "&" in self.text:
                self._rewrite(_ENTITY, lambda match: [(unescape(match[0]), len(match[0]))])
            if self.text == before:
                break
        self.text = "".join(map(_folded, self.text))

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return the place of a part of this text in the text as it was given."""
        return self._starts[start], self._ends[end - 1]

    def _rewrite(self, pattern: re.Pattern[str], decode: _Decode) -> None:
        chars: list[str] = []
        starts: list[int] = []
        ends: list[int] = []
        done = 0

        def keep(until: int) -> None:
            chars.extend(self.text[done:until])
            starts.extend(self._starts[done:until])
            ends.extend(self._ends[done:until])

        for match in pattern.finditer(self.text):
            keep(match.start())
            at = match.start()
            for text, length in decode(match):
                chars.extend(text)
                starts.extend([self._starts[at]] * len(text))
                ends.extend([self._ends[at + length - 1]] * len(text))
                at += length
            done = match.end()
        keep(len(self.text))
        self.text, self._starts, self._ends = "".join(chars), starts, ends


def _percent_decoded(match: re.Match[str]) -> Iterator[tuple[str, int]]:
    for char in unquote_to_bytes(match[0]).decode("utf-8", "surrogateescape"):
        yield char, 3 * len(char.encode("utf-8", "surrogateescape"))


def _unescaped(match: re.Match[str]) -> Iterator[tuple[str, int]]:
    code = match["x"] or match["u"] or match["U"] or match["b"]
    # Any other backslash is left out, here and in the secret.
    number = int(code, 16) if code else 0
    yield chr(number) if 0 < number < 0x110000 else "", len(match[0])


def _folded(char: str) -> str:
    lower = " " if char == "+" else char.lower()
    return lower if len(lower) == 1 else char
