"""How long to wait between tries while the database takes nothing."""

from __future__ import annotations

from collections.abc import Iterator

PAUSES_S = (0.1, 0.5, 1.0, 2.0, 5.0)


def pauses() -> Iterator[float]:
    """Yield the seconds to wait after each try that failed, without end."""
    yield from PAUSES_S
    while True:
        yield PAUSES_S[-1]
