"""A server under load, and everything that can go wrong with it, again and again."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from proof.chaos.small_disk import SmallDisk

from headrace import HeadraceSdk
from headrace.local.private_server import PrivateServer
from headrace.selftest.judgement import Judgement, judge
from headrace.selftest.load import Load, Told
from headrace.selftest.mishaps import Mishaps
from headrace.selftest.proof import MAY_FAIL
from headrace.selftest.work import (
    Endpoint,
    Periodic,
    make_endpoint,
    make_periodic,
    make_pipelines,
)

SETTINGS = {"HEADRACE_EXECUTION_GRACE_S": "1", "HEADRACE_MAX_EXECUTIONS": "6"}

PERIODIC = (
    Periodic("every-minute", policies={"missed": "all", "retries": 1, "retry_backoff_s": 0.5}),
    Periodic("latest", policies={"missed": "latest", "overlap": "skip"}),
    Periodic("skipped", policies={"missed": "skip", "jitter_s": 20}),
    Periodic("queued", 2, policies={"missed": "all", "overlap": "queue_one"}),
    Periodic("cancelling", 5, {"missed": "all", "overlap": "cancel_running", "retries": 1}),
    Periodic("elsewhere", 10, {"missed": "all", "timezone": "Asia/Kolkata"}),
)
STEP_MIN = 10
"""What all periods divide: time passes in steps of it."""

AWAY = 0.25
"""How often the server seems to have been away for longer than it takes to start it."""

MOST_STEPS = 3

# A full disk is one more reason: the files that a call needs cannot be written.
REASONS = MAY_FAIL | {"environment"}

WEIGHTS = {"server": 30, "start": 8, "template": 14, "call": 28, "sleep": 14, "disk": 6}
PACE_S = 0.05
PARALLEL = 4
FULL_S = 2.0


@dataclass
class Outcome:
    """What a campaign brought about.

    Attributes:
        counts: How often each mishap happened.
        told: What the clients were told.
        judgement: What was proven.
        took_s: How long it took, in seconds.
        said: Lines of the server's log that tell of faults of its own.
    """

    counts: Counter[str]
    told: list[Told]
    judgement: Judgement
    took_s: float
    said: list[str] = field(default_factory=list)


class Campaign:
    """One campaign against one server.

    Args:
        home: A folder of its own, on the file system of ``disk`` if there is one.
        chance: Decides what happens, and when.
        disk: What may be filled; None for nothing.
    """

    def __init__(self, home: Path, chance: random.Random, disk: SmallDisk | None) -> None:
        self._home = home
        self._chance = chance
        self._disk = disk
        self._server = PrivateServer(home / "data", SETTINGS)
        self._mishaps = Mishaps(self._server, chance)

    def run(self, kills: int, progress: Callable[[int], None]) -> Outcome:
        """Bother the server until so many processes were killed; then judge it."""
        begin = time.monotonic()
        try:
            self._server.start()
            load = Load(self._server, self._prepare(), runners=2, pace_s=PACE_S)
            load.begin()
            while self._mishaps.kills < kills:
                # Whatever was done to it, it goes on taking work.
                load.await_more(self._chance.randrange(1, 10))
                time.sleep(self._chance.uniform(0, 0.3))
                self._bother()
                progress(self._mishaps.kills)
            told = load.end()
            judgement = judge(self._server, told, PERIODIC, REASONS)
        finally:
            self._server.kill()
        took_s = time.monotonic() - begin
        return Outcome(self._mishaps.counts, told, judgement, took_s, self._faults_said())

    def _prepare(self) -> Sequence[Endpoint]:
        with HeadraceSdk(self._server.token, self._server.url, verbose_log=False) as sdk:
            make_pipelines(sdk, self._home / "code")
            for periodic in PERIODIC:
                make_periodic(sdk, periodic)
            again = {"retries": 2, "retry_backoff_s": 0.1}
            warm: dict[str, Any] = {"mode": "low_latency"}
            parallel = make_endpoint(
                sdk,
                "warm-parallel",
                has_keys=False,
                enable_parallel_executions=True,
                max_parallel_executions_per_pod=PARALLEL,
                **warm,
            )
            return [
                make_endpoint(sdk, "plain", has_keys=False),
                make_endpoint(sdk, "keys", has_keys=True),
                make_endpoint(sdk, "again", has_keys=True, **again),
                make_endpoint(sdk, "warm", has_keys=False, **warm),
                make_endpoint(sdk, "warm-keys", has_keys=True, **warm),
                # As many callers at once, so that fast calls are recorded while slow ones begin.
                *[parallel] * PARALLEL,
            ]

    def _bother(self) -> None:
        kind = self._chance.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        if not self._mishaps.kills:
            # However few there are, the server is among them.
            self._bring_about("server")
        elif kind == "disk":
            self._fill_disk()
        else:
            self._bring_about(kind)

    def _bring_about(self, kind: str) -> None:
        if kind == "server":
            is_away = self._chance.random() < AWAY or not self._mishaps.counts["let time pass"]
            steps = self._chance.randint(1, MOST_STEPS) if is_away else 0
            self._mishaps.kill_server(minutes=steps * STEP_MIN)
        elif kind == "start":
            self._mishaps.kill_server_while_it_starts()
        elif kind == "template":
            self._mishaps.kill_template()
        elif kind == "call":
            self._mishaps.kill_call()
        else:
            self._mishaps.put_to_sleep()

    def _fill_disk(self) -> None:
        """Fill the disk for a moment; kill something meanwhile, or the server just after."""
        if self._disk is None:
            return
        with self._disk.full():
            time.sleep(self._chance.uniform(0.2, FULL_S))
            self._bring_about(self._chance.choice(["template", "call", "sleep"]))
            self._mishaps.counts["filled the disk"] += 1
            time.sleep(self._chance.uniform(0, FULL_S / 2))
        if self._chance.random() < 0.5:
            self._mishaps.kill_server()

    def _faults_said(self) -> list[str]:
        lines = self._server.log.read_text(errors="replace").splitlines()
        return [
            line
            for before, line in zip(["", *lines], lines, strict=False)
            if _is_fault(before, line)
        ]


def _is_fault(before: str, line: str) -> bool:
    """Tell whether a line ends a traceback: it is no part of one, and follows one."""
    return before.startswith("  ") and not line.startswith((" ", "Traceback")) and ":" in line
