"""From the last mishap to the verdict: recover, end, look at what is left."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from headrace.client.client import HeadraceSdk
from headrace.local.private_server import PrivateServer
from headrace.selftest.load import Told
from headrace.selftest.processes import await_none
from headrace.selftest.proof import MAY_FAIL, Claim, prove
from headrace.selftest.records import Records, read_records, unfinished_count
from headrace.selftest.work import Periodic

RECOVERY_S = 60.0
"""Without one more execution ending for so long, no more will."""

PROCESSES_S = 10.0
PAUSE_S = 0.05


@dataclass(frozen=True, slots=True)
class Judgement:
    """What became of a server that was bothered.

    Attributes:
        claims: What was to be proven.
        records: What its database holds.
        recovered_s: How long it took until all executions had ended, in seconds.
    """

    claims: list[Claim]
    records: Records
    recovered_s: float

    @property
    def is_proven(self) -> bool:
        """Whether all claims are proven."""
        return all(claim.is_proven for claim in self.claims)


def judge(
    server: PrivateServer,
    told: Sequence[Told],
    periodic: Sequence[Periodic],
    may_fail: frozenset[str] = MAY_FAIL,
) -> Judgement:
    """Let a server that runs recover, end it, and judge what it leaves; see :func:`prove`."""
    recovered_s = _await_recovery(server)
    with HeadraceSdk(server.token, server.url, verbose_log=False) as sdk:
        verified = sdk.verify_ledger()
    status = server.stop()
    left = [f"{found.pid}: {found.command}" for found in await_none(server.data_dir, PROCESSES_S)]
    records = read_records(server.database)
    unproven = [one["deployment_name"] for one in verified["deployments"] if not one["is_proven"]]
    claims = [
        *prove(records, told, periodic, left, may_fail),
        Claim(
            "the server itself verifies its ledger", len(verified["deployments"]), tuple(unproven)
        ),
        Claim("asked to end, the server does so", 1, (f"status {status}",) if status else ()),
    ]
    return Judgement(claims, records, recovered_s)


def _await_recovery(server: PrivateServer) -> float:
    """Wait until all executions have ended, or none does any more; return how long it took."""
    begin = last = time.monotonic()
    least = unfinished_count(server.database)
    while least and time.monotonic() < last + RECOVERY_S:
        time.sleep(PAUSE_S)
        count = unfinished_count(server.database)
        if count < least:
            least, last = count, time.monotonic()
    return time.monotonic() - begin
