"""The process of a front: started by the main one, and gone when that is."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
import signal
import socket
import sys

import uvloop

from headrace.server.descriptors import raise_limit
from headrace.server.fronts.beginning import Beginning, make_front
from headrace.server.fronts.front import Front
from headrace.server.fronts.handing import Sender
from headrace.server.fronts.page import Page
from headrace.server.fronts.wire import Handler, Wire
from headrace.server.logging import set_up_logging

_PR_SET_PDEATHSIG = 1
YOUNG_OBJECTS = 10_000
"""As in the main process: how many containers may come before the collector looks again."""


class FrontProcess:
    """This process, by the messages that it is sent."""

    def __init__(self, page: Page, handing: socket.socket, listening: socket.socket) -> None:
        self._page = page
        self._handing = handing
        self._listening = listening
        self._front: Front | None = None
        self._handlers: dict[str, Handler] = {
            "begin": self._begin,
            "ping": _answer,
            "end": self._end,
        }
        self.wire = Wire(self._handlers)

    async def run(self, wire: socket.socket) -> None:
        """Do what the main process asks for, until it is gone."""
        await self.wire.open(wire)
        await self.wire.run()

    async def _begin(self, told: Beginning) -> None:
        set_up_logging(told.settings.log_level)
        self._front = front = await make_front(
            told, self._page, self.wire, Sender(self._handing), self._listening
        )
        self._handlers |= {
            "leave": front.leave,
            "move": front.move,
            "record": front.calls.record,
            "stop_call": front.calls.stop,
            "standing": front.follow,
            "deployments": front.sets.changed,
        }
        gc.freeze()
        gc.set_threshold(YOUNG_OBJECTS)

    async def _end(self, grace_s: float) -> None:
        if self._front is not None:
            await self._front.close(grace_s)


def _hear_nothing(number: int, frame: object) -> None:
    """Ignore a signal. What is started here must not: so it is no ``SIG_IGN``."""


def _answer() -> None:
    """Say that this process is there."""


def main(arguments: list[str]) -> None:
    """Be a front until the main process ends, or asks for it."""
    parent, wire, handing, page, listening = map(int, arguments)
    # The kernel ends this process with the one that started it, however that ends.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    for number in (signal.SIGINT, signal.SIGTERM):
        # The terminal and systemd tell all processes; the main one decides when this one ends.
        signal.signal(number, _hear_nothing)
    raise_limit()
    front = FrontProcess(Page(page), socket.socket(fileno=handing), socket.socket(fileno=listening))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(front.run(socket.socket(fileno=wire)))
        # Whatever is under way: nobody is there any more to record it, and nothing was promised.
        os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
