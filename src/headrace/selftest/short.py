"""The short form, for users on their own machine: ``headrace selftest``."""

from __future__ import annotations

import random
import secrets
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from headrace.client.client import HeadraceSdk
from headrace.core.errors import HeadraceError
from headrace.local.private_server import PrivateServer
from headrace.selftest.judgement import judge
from headrace.selftest.load import Load, Told
from headrace.selftest.machine import ClockWatch, look_at_disk
from headrace.selftest.mishaps import Mishaps
from headrace.selftest.work import (
    Endpoint,
    Periodic,
    make_endpoint,
    make_periodic,
    make_pipelines,
)

AWAY_MIN = 10
PACE_S = 0.1
ANSWERS = 15
"""How many requests are acknowledged at least between two kills."""

FIRST, SECOND = -1, -2
"""What is sent once, before there are clients; they send what is greater than zero."""

PERIODIC = (
    Periodic("self-all", policies={"missed": "all"}),
    Periodic("self-latest", policies={"missed": "latest", "overlap": "queue_one"}),
)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the report.

    Attributes:
        text: What was looked at, and what was found.
        state: ``ok``, ``note`` (nothing is lost, but mind it) or ``failed``.
        faults: What speaks against it.
    """

    text: str
    state: str = "ok"
    faults: tuple[str, ...] = ()


@dataclass
class Report:
    """What a self-test found."""

    seed: int
    lines: list[Line] = field(default_factory=list)

    @property
    def is_proven(self) -> bool:
        """Whether nothing failed."""
        return all(line.state != "failed" for line in self.lines)


def run(
    *, kills: int, seed: int | None, folder: Path | None, say: Callable[[Line], None]
) -> Report:
    """Test this installation on this machine; every line is said as soon as it is known.

    Args:
        kills: How often the server is killed.
        seed: Repeats the chance of an earlier test; None for a new one.
        folder: Where the temporary data directory is made; None for the system's place.
        say: Takes the lines.

    Raises:
        HeadraceError: The server does not start, or a client got an answer that it may not get.
    """
    report = Report(secrets.randbits(32) if seed is None else seed)

    def tell(line: Line) -> None:
        report.lines.append(line)
        say(line)

    with tempfile.TemporaryDirectory(prefix="headrace-selftest-", dir=folder) as temporary:
        home = Path(temporary)
        _Selftest(home, random.Random(report.seed), tell).run(kills)  # noqa: S311 - no secret
    return report


class _Selftest:
    def __init__(self, home: Path, chance: random.Random, tell: Callable[[Line], None]) -> None:
        self._home = home
        self._tell = tell
        self._chance = chance
        self._clock = ClockWatch()
        self._told: list[Told] = []
        self._server = PrivateServer(home / "data")

    def run(self, kills: int) -> None:
        disk = look_at_disk(self._home)
        self._tell(Line(disk.text, _state(disk.is_good, disk.is_fatal)))
        try:
            with self._timed("the server started in {s:.1f} s"):
                self._server.start()
            endpoints = self._prepare()
            self._call_once(endpoints[0])
            self._bother(endpoints, kills)
        finally:
            self._server.kill()
        clock = self._clock.finding()
        self._tell(Line(clock.text, _state(clock.is_good, clock.is_fatal)))

    def _prepare(self) -> list[Endpoint]:
        with self._sdk() as sdk:
            with self._timed("a pipeline was built in {s:.1f} s"):
                make_pipelines(sdk, self._home / "code")
            with self._timed("a run gave the right result in {s:.2f} s"):
                answer = sdk.run_pipeline("double", inputs={"number": FIRST})
                _expect(answer["outputs"], {"doubled": 2 * FIRST})
            self._told.append(Told(FIRST, answer["execution_id"]))
            for periodic in PERIODIC:
                make_periodic(sdk, periodic)
            return [
                make_endpoint(sdk, "self-plain", has_keys=False),
                make_endpoint(sdk, "self-keys", has_keys=True, retries=2, retry_backoff_s=0.1),
            ]

    def _call_once(self, endpoint: Endpoint) -> None:
        url = f"{self._server.url}/endpoints/{endpoint.name}"
        headers = {"Authorization": f"EndpointToken {endpoint.token}"}
        with self._timed("a call of an endpoint was answered in {s:.3f} s"):
            answer = httpx.post(url, json={"number": SECOND}, headers=headers, trust_env=False)
            body = answer.json()
            _expect(body.get("outputs"), {"doubled": 2 * SECOND})
        told = Told(SECOND, body["execution_id"], endpoint=True, outcome=body["outputs"])
        self._told.append(told)

    def _bother(self, endpoints: list[Endpoint], kills: int) -> None:
        """Kill the server again and again while clients use it, then judge what it leaves."""
        load = Load(self._server, endpoints, runners=2, pace_s=PACE_S)
        mishaps = Mishaps(self._server, self._chance)
        begin = time.monotonic()
        load.begin()
        for number in range(kills):
            load.await_more(ANSWERS)
            time.sleep(self._chance.uniform(0, 0.5))
            mishaps.kill_template()
            mishaps.kill_server(minutes=AWAY_MIN if number % 2 == 0 else 0)
        told = self._told + load.end()
        self._tell(
            Line(
                f"killed the server {mishaps.counts['killed the server']} times and a template "
                f"{mishaps.counts['killed a template']} times in {time.monotonic() - begin:.0f} s, "
                f"while clients sent {len(told)} requests"
            )
        )
        judgement = judge(self._server, told, PERIODIC)
        self._tell(Line(f"all had ended {judgement.recovered_s:.1f} s after the last kill"))
        for claim in judgement.claims:
            text = f"{claim.text} ({claim.looked_at:,} looked at)"
            self._tell(Line(text, _state(claim.is_proven, True), claim.faults))

    def _sdk(self) -> HeadraceSdk:
        return HeadraceSdk(self._server.token, self._server.url, verbose_log=False)

    def _timed(self, text: str) -> _Timed:
        return _Timed(text, self._tell)


class _Timed:
    """Says how long what is done in it took."""

    def __init__(self, text: str, tell: Callable[[Line], None]) -> None:
        self._text = text
        self._tell = tell

    def __enter__(self) -> None:
        self._begin = time.monotonic()

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is None:
            self._tell(Line(self._text.format(s=time.monotonic() - self._begin)))


def _state(is_good: bool, is_fatal: bool) -> str:
    if is_good:
        return "ok"
    return "failed" if is_fatal else "note"


def _expect(found: object, expected: object) -> None:
    if found != expected:
        raise HeadraceError(f"The server gave {found!r} where {expected!r} is right.")
