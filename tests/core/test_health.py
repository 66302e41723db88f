"""How the latest executions of a deployment make its health."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from headrace.core.executions import Status
from headrace.core.health import RECENT, Ending, Health
from headrace.core.outcomes import CANCELLED, Failure, FailureKind

AT = datetime(2026, 3, 1, tzinfo=UTC)
BROKEN = Failure(FailureKind.USER_ERROR, "broken")


def endings(letters: str) -> list[Ending]:
    """Return endings, newest first: ``s``ucceeded, ``f``ailed, ``c``ancelled."""
    made = {"s": (Status.SUCCEEDED, None), "f": (Status.FAILED, BROKEN)}
    made["c"] = (Status.FAILED, CANCELLED)
    return [Ending(str(place), *made[letter], AT) for place, letter in enumerate(letters)]


@pytest.mark.parametrize(
    ("letters", "state", "recent", "failed"),
    [
        ("", "unknown", 0, 0),
        ("s", "healthy", 1, 0),
        ("f", "failing", 1, 1),
        ("sf", "unsteady", 2, 1),
        ("fs", "failing", 2, 1),
        ("cc", "unknown", 0, 0),
        ("cs", "healthy", 1, 0),
        ("cf", "failing", 1, 1),
        ("s" * RECENT + "f", "healthy", RECENT, 0),
        ("c" * 5 + "f" * 12, "failing", RECENT, RECENT),
    ],
)
def test_the_state(letters: str, state: str, recent: int, failed: int) -> None:
    health = Health.of(endings(letters))
    assert (health.state, len(health.endings), len(health.failed)) == (state, recent, failed)
