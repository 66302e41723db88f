"""Passages of texts, and those of them that fit a question best (BM25)."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

PASSAGE_CHARACTERS = 900
# The usual weights of BM25: how soon a word counts no more, and how much the length matters.
K1, B = 1.5, 0.75

# Words that say nothing; in few files they may be rare enough to look as if they did.
_SAY_NOTHING = """
and are but can does for from had has have how into its not our that the their them then
there these they this was were what when where which who why will with would you your aux
avec ces comment dans des elle est les mais nous par pas pour quand que quel quelle qui sans
ses son sont sur une vos vous auf aus bei das dem den der des die ein eine einen einer fur
hat ist mit nach nicht sich sie sind uber und von wann war warum was wer wie wir wird zum
zur
"""
STOP_WORDS = frozenset(_SAY_NOTHING.split())

_WORD = re.compile(r"\w+")
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")


class Passage(NamedTuple):
    """A passage of a file, counted from 1."""

    path: str
    number: int
    text: str


class Index:
    """Passages that can be searched."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        self._passages = passages
        self._words = [Counter(words_of(passage.text)) for passage in passages]
        self._lengths = [sum(words.values()) for words in self._words]
        self._mean = sum(self._lengths) / len(passages) if passages else 0.0
        self._with = Counter(word for words in self._words for word in words)

    def search(self, question: str, most: int) -> list[tuple[float, Passage]]:
        """Return the passages that fit best with their scores; those without a score are left out.

        Of equal scores the first passage comes first.
        """
        asked = set(words_of(question))
        found = [(self._score(place, asked), place) for place in range(len(self._passages))]
        found.sort(key=lambda entry: (-entry[0], entry[1]))
        return [(score, self._passages[place]) for score, place in found[:most] if score > 0]

    def weight(self, word: str) -> float:
        """Return how much a word says: the rarer, the more."""
        count = self._with[word]
        return math.log(1 + (len(self._passages) - count + 0.5) / (count + 0.5))

    def _score(self, place: int, asked: set[str]) -> float:
        words, length = self._words[place], self._lengths[place]
        scale = K1 * (1 - B + B * length / self._mean) if self._mean else 1.0
        return sum(
            self.weight(word) * words[word] * (K1 + 1) / (words[word] + scale)
            for word in asked
            if word in words
        )


def words_of(text: str) -> Iterator[str]:
    """Yield the words of a text, without case and accents, but those that say nothing."""
    bare = "".join(
        letter
        for letter in unicodedata.normalize("NFKD", text.lower())
        if not unicodedata.combining(letter)
    )
    for word in _WORD.findall(bare):
        if word in STOP_WORDS:
            continue
        if len(word) > 2 or not word.isascii() or word.isdigit():
            # A plural finds the singular, as far as a rule without a dictionary can.
            yield word[:-1] if len(word) > 3 and word.endswith("s") and word[-2] != "s" else word


def passages_of(path: str, text: str) -> Iterator[Passage]:
    """Yield the passages of a text: paragraphs, joined or cut to about one length."""
    gathered, number = "", 0
    for part in _parts(text):
        if gathered and len(gathered) + len(part) > PASSAGE_CHARACTERS:
            number += 1
            yield Passage(path, number, gathered)
            gathered = ""
        gathered = f"{gathered}\n{part}" if gathered else part
    if gathered:
        yield Passage(path, number + 1, gathered)


def sentences_of(text: str) -> list[str]:
    """Return the sentences of a text."""
    return [sentence.strip() for sentence in _SENTENCE.split(text) if sentence.strip()]


def _parts(text: str) -> Iterator[str]:
    for paragraph in re.split(r"\n\s*\n", text):
        part = paragraph.strip()
        while len(part) > PASSAGE_CHARACTERS:
            end = max(part.rfind(mark, 1, PASSAGE_CHARACTERS) for mark in (". ", "\n", " "))
            end = end + 1 if end > 0 else PASSAGE_CHARACTERS
            yield part[:end].strip()
            part = part[end:].strip()
        if part:
            yield part
