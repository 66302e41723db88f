"""A small share of ``make chaos``, each time with another seed."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from proof.chaos.campaign import Campaign
from proof.chaos.small_disk import small_disk

pytestmark = pytest.mark.system

KILLS = 5


def test_a_few_kills_lose_nothing(tmp_path: Path) -> None:
    seed = random.randrange(1 << 32)
    with small_disk(tmp_path / "disk") as disk:
        home = tmp_path / "home" if disk is None else disk.folder / "home"
        home.mkdir()
        outcome = Campaign(home, random.Random(seed), disk).run(KILLS, lambda _: None)
    faults = {claim.text: claim.faults for claim in outcome.judgement.claims if claim.faults}
    assert not faults, f"make chaos KILLS={KILLS} SEED={seed}"
    assert outcome.counts["killed the server"]
    assert sum(1 for item in outcome.told if item.execution_id is not None) > KILLS
