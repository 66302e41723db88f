"""Applications whose code a benchmark changes, and the wait for an answer of the changed code."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from proof.benchmarks.serving.processes import DidNotStart

ANSWERS_IN_S = 60
PAUSE_S = 0.005
SUMS = ("numbers.number1 + numbers.number2", "number1 + number2", "numbers[0] + numbers[1]")
"""What each application writes for the sum; a round adds its number to it."""

Measure = Callable[[int], float]
"""Changes the code so that sums are greater by a number; returns seconds until one is."""


@dataclass
class Application:
    """The folder of an application whose sum a round changes.

    Attributes:
        folder: A copy of its folder.
        file: The file with the sum.
    """

    folder: Path
    file: str
    _text: str = field(init=False)

    def __post_init__(self) -> None:
        self._text = (self.folder / self.file).read_text()

    def change(self, more: int) -> None:
        """Have its sums be greater by so many."""
        found = next(one for one in SUMS if one in self._text)
        (self.folder / self.file).write_text(self._text.replace(found, f"{found} + {more}"))


def asked(
    url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """Return status and text of an answer; 0 if there is none."""
    host, _, path = url.removeprefix("http://").partition("/")
    connection = http.client.HTTPConnection(host, timeout=ANSWERS_IN_S)
    try:
        method = "GET" if body is None else "POST"
        connection.request(
            method, f"/{path}", body, {"Content-Type": "application/json", **(headers or {})}
        )
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except (OSError, http.client.HTTPException):
        return 0, ""
    finally:
        connection.close()


def until(is_so: Callable[[], bool], what: Callable[[], str]) -> None:
    """Ask again and again until something is so; ``what`` says what it was if it never is."""
    deadline = time.monotonic() + ANSWERS_IN_S
    while not is_so():
        if time.monotonic() > deadline:
            raise DidNotStart(f"{what()}: not within {ANSWERS_IN_S} s")
        time.sleep(PAUSE_S)
