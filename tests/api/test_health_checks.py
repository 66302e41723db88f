"""Health is what was tried: at most once a second, never waited for for long, never begun twice."""

from __future__ import annotations

import asyncio

import pytest

from headrace.core.errors import Unavailable
from headrace.web import health_checks
from headrace.web.health_checks import Finding, HealthChecks, descriptors_are_left


class Part:
    """A part of a server that a test makes hang or fail."""

    def __init__(self) -> None:
        self.tries = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: Exception | None = None

    async def try_it(self) -> Finding:
        self.tries += 1
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return Finding("fine", "in 3 ms")


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health_checks, "KEPT_S", 0.05)
    monkeypatch.setattr(health_checks, "PATIENCE_S", 0.1)


async def test_many_who_ask_have_each_part_tried_once() -> None:
    part = Part()
    checks = HealthChecks({"part": part.try_it})
    found = await asyncio.gather(*(checks.parts() for _ in range(1000)))
    assert (found[0]["part"].is_well, part.tries) == (True, 1)
    await checks.parts()
    assert part.tries == 1


@pytest.mark.usefixtures("brief")
async def test_a_part_that_hangs_is_said_and_not_tried_again_until_it_ends() -> None:
    hung, other = Part(), Part()
    hung.gate.clear()
    checks = HealthChecks({"hung": hung.try_it, "other": other.try_it})
    for _ in range(3):
        found = await checks.parts()
        assert not found["hung"].is_well
        assert found["other"].is_well
        await asyncio.sleep(0.06)
    assert (hung.tries, other.tries) == (1, 3)
    hung.gate.set()
    found = await checks.parts()
    assert found["hung"].is_well
    assert found["hung"].body() == {"status": "ok", "info": "fine"}
    assert found["hung"].body(is_detailed=True)["detail"] == "in 3 ms"


@pytest.mark.usefixtures("brief")
async def test_what_fails_is_said_in_its_words_and_forgotten_when_it_is_well() -> None:
    part = Part()
    checks = HealthChecks({"part": part.try_it})
    part.error = Unavailable("The disk is full.")
    assert (await checks.parts())["part"].body() == {
        "status": "error",
        "error": "The disk is full.",
    }
    part.error = KeyError("x")
    await asyncio.sleep(0.06)
    # Everybody may ask, and what such an error says may name what is nobody's business.
    found = (await checks.parts())["part"]
    assert found.body() == {"status": "error", "error": "The check failed: KeyError."}
    assert found.body(is_detailed=True) == found.body() | {"detail": "'x'"}
    part.error = None
    await asyncio.sleep(0.06)
    assert (await checks.parts())["part"].is_well


@pytest.mark.usefixtures("brief")
async def test_who_goes_away_leaves_the_attempt_to_the_others() -> None:
    part = Part()
    part.gate.clear()
    checks = HealthChecks({"part": part.try_it})
    gone = asyncio.create_task(checks.parts())
    stays = asyncio.create_task(checks.parts())
    await asyncio.sleep(0)
    gone.cancel()
    part.gate.set()
    assert (await stays)["part"].is_well


async def test_files_can_be_opened() -> None:
    assert await descriptors_are_left()
