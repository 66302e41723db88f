"""What is done to a server: it, or something that works for it, is killed or put to sleep."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable

from headrace.core.errors import Unavailable
from headrace.local.private_server import PrivateServer
from headrace.selftest.passing_time import let_pass
from headrace.selftest.processes import Found, processes_of

START_TRIES = 20
SLEEP_S = 1.5


class Mishaps:
    """Brings mishaps about, and counts them."""

    def __init__(self, server: PrivateServer, chance: random.Random) -> None:
        self.counts: Counter[str] = Counter()
        self._server = server
        self._chance = chance

    @property
    def kills(self) -> int:
        """How many processes were killed."""
        return sum(count for kind, count in self.counts.items() if kind.startswith("killed"))

    def kill_server(self, *, minutes: int = 0) -> None:
        """Kill the server and start it again, as if it had been away for some minutes."""
        self._server.kill()
        self.counts["killed the server"] += 1
        if minutes:
            let_pass(self._server.database, minutes)
            self.counts["let time pass"] += 1
        self.start_server()

    def kill_server_while_it_starts(self) -> None:
        """Kill the server, and once more while it takes up what it left."""
        self._server.kill()
        self.counts["killed the server"] += 1
        self._server.spawn()
        time.sleep(self._chance.uniform(0.1, 1.2))
        self._server.kill()
        self.counts["killed the server while it started"] += 1
        self.start_server()

    def start_server(self) -> None:
        """Start the server, which may have no room to do so for a while."""
        for _ in range(START_TRIES - 1):
            with contextlib.suppress(Unavailable):
                return self._server.start()
            time.sleep(0.1)
        return self._server.start()

    def kill_template(self) -> bool:
        """Kill a process that the server itself started; False if there is none."""
        return self._kill(lambda found: found.parent == self._server.pid, "a template")

    def kill_call(self) -> bool:
        """Kill a process below those: a call, or what its code started; False if there is none."""
        return self._kill(lambda found: found.parent != self._server.pid, "a call")

    def put_to_sleep(self) -> bool:
        """Stop one of all processes for a moment; one in two dies in its sleep."""
        server = self._server.pid
        pids = [found.pid for found in self._below()] + ([] if server is None else [server])
        pid = self._chance.choice(pids)
        if not _signal(pid, signal.SIGSTOP):
            return False
        time.sleep(self._chance.uniform(0.05, SLEEP_S))
        is_killed = pid != server and self._chance.random() < 0.5
        _signal(pid, signal.SIGKILL if is_killed else signal.SIGCONT)
        self.counts["put the server to sleep" if pid == server else "put a process to sleep"] += 1
        if is_killed:
            self.counts["killed a process that slept"] += 1
        return True

    def _below(self) -> list[Found]:
        return processes_of(self._server.data_dir, self._server.pid)

    def _kill(self, fits: Callable[[Found], bool], name: str) -> bool:
        found = [process for process in self._below() if fits(process)]
        if not found or not _signal(self._chance.choice(found).pid, signal.SIGKILL):
            return False
        self.counts[f"killed {name}"] += 1
        return True


def _signal(pid: int, number: signal.Signals) -> bool:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True
