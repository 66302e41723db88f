"""The calls of a node: their inputs from the server, their logs and outcomes back to it."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

from headrace.agent.folder import AgentFolder
from headrace.agent.materials import NodeMaterials
from headrace.core.calls import Call, Code
from headrace.core.clock import now_us
from headrace.core.errors import HeadraceError
from headrace.core.loglines import format_line
from headrace.core.outcomes import CANCELLED, Failure, FailureKind, Outcome, Returned
from headrace.engines.port import Engine, NeverBegan
from headrace.engines.ray.messages import (
    PIECE_BYTES,
    Header,
    call_in,
    code_in,
    of_failure,
    of_outcome,
)
from headrace.engines.ray.peer import Answer, Peer, PeerGone
from headrace.engines.ray.pieces import fetch, piece

_LOOK_S = 0.1
"""Seconds between two looks for new lines of a log."""


@dataclass(slots=True)
class _Running:
    """A call that is on this node, until the server has taken what it left."""

    task: asyncio.Task[Outcome]
    places: list[Path]
    outcome: Outcome | None = None


class NodeCalls:
    """Runs the calls that the server asks for, by the engine of this machine.

    Args:
        folder: Where they have their files.
        engine: The engine of this machine.
        materials: Makes their code ready.
        peer: The server.
    """

    def __init__(
        self, folder: AgentFolder, engine: Engine, materials: NodeMaterials, peer: Peer
    ) -> None:
        self._folder = folder
        self._engine = engine
        self._materials = materials
        self._peer = peer
        self._running: dict[int, _Running] = {}
        self._stopped_early: set[int] = set()
        self._known: dict[str, tuple[Code, Mapping[str, str]]] = {}

    @property
    def count(self) -> int:
        """How many calls have not ended."""
        return sum(one.outcome is None for one in self._running.values())

    def warm(self) -> dict[str, Code]:
        """Return the code that calls need not import, by the server's key."""
        self._known = {
            key: (code, variables)
            for key, (code, variables) in self._known.items()
            if self._engine.is_warm(code, variables)
        }
        return {key: code for key, (code, _) in self._known.items()}

    async def run(self, header: Header, _: bytes) -> Answer:
        """Run a call to its end; answer with its outcome and the last of its log."""
        number = header["call"]
        name = f"{header['execution_id']}.{number}"
        log, given = self._folder.logs / name, self._folder.given / name
        files = {file: given / file for file in header["files"]}
        call = call_in(header, files, self._folder.workspaces / name, log)
        log.touch()
        task = asyncio.create_task(self._carry_out(call, number))
        running = self._running[number] = _Running(task, [call.workspace, given, log])
        if number in self._stopped_early:
            task.cancel()
        with log.open("rb") as reading:
            while not task.done():
                await asyncio.wait({task}, timeout=_LOOK_S)
                if not task.done():
                    await self._send_log(number, reading, least=1)
            await self._send_log(number, reading, least=PIECE_BYTES)
            rest = reading.read()
        ended = await self._end(running, header["key"], call)
        return Answer({**ended, "warm": list(self.warm())}, rest)

    def stop(self, header: Header) -> None:
        """Stop a call, whose own question is answered once nothing of it is left."""
        running = self._running.get(header["call"])
        if running is None:
            # The cluster may carry a later message first.
            self._stopped_early.add(header["call"])
        else:
            running.task.cancel()

    async def import_code(self, header: Header, _: bytes) -> Answer:
        """Import code, so that its next call starts sooner; answer why it cannot be."""
        code, said = code_in(header["code"]), list[str]()
        try:
            await self._materials.ready(code, header["variables"], said.append)
        except HeadraceError as error:
            failure: Failure | None = Failure(FailureKind.ENVIRONMENT, error.message)
        else:
            failure = await self._engine.warm(code, header["variables"], said.append)
        if failure is None:
            self._known[header["key"]] = code, header["variables"]
            said = []
        return Answer({"failure": of_failure(failure), "said": said, "warm": list(self.warm())})

    async def read_output(self, header: Header, _: bytes) -> Answer:
        """Answer with a piece of an output file of a call that has ended."""
        outcome = self._running[header["call"]].outcome
        if not isinstance(outcome, Returned):
            return Answer({"is_last": True})
        return await piece(outcome.files[header["name"]].path, header["offset"])

    def forget(self, header: Header) -> None:
        """Remove what a call has left: the server has taken it, or does not want it."""
        self._stopped_early.discard(header["call"])
        running = self._running.pop(header["call"], None)
        if running is not None:
            asyncio.get_running_loop().run_in_executor(None, _remove, running.places)

    async def _carry_out(self, call: Call, number: int) -> Outcome:
        try:
            if not self._engine.is_warm(call.code, call.variables):
                say = partial(_say, call.log)
                await self._materials.ready(call.code, call.variables, say)
            for name, file in call.files.items():
                await fetch(partial(self._input, number, name), file.source)
        except PeerGone:
            raise
        except HeadraceError as error:
            return Failure(FailureKind.ENVIRONMENT, error.message)
        except asyncio.CancelledError:
            raise NeverBegan from None
        return await self._engine.run(call)

    async def _input(self, number: int, name: str, offset: int) -> Answer:
        return await self._peer.ask("input", call=number, name=name, offset=offset)

    async def _send_log(self, number: int, reading: IO[bytes], *, least: int) -> None:
        """Send what has come to a log; a rest of fewer bytes stays unread."""
        while True:
            begin = reading.tell()
            found = reading.read(PIECE_BYTES)
            if len(found) < least:
                reading.seek(begin)
                return
            await self._peer.ask("log", found, call=number)

    async def _end(self, running: _Running, key: str, call: Call) -> dict[str, Any]:
        """Note the end of a call; return what the server is told of it."""
        try:
            outcome = await running.task
        except asyncio.CancelledError as error:
            running.outcome = CANCELLED
            return {"stopped": True, "has_begun": not isinstance(error, NeverBegan)}
        running.outcome = outcome
        self._known[key] = call.code, call.variables
        return of_outcome(outcome)


def _say(log: Path, line: str) -> None:
    with log.open("ab") as file:
        file.writelines(format_line(now_us(), "h", one) for one in line.split("\n"))


def _remove(places: list[Path]) -> None:
    for place in places:
        if place.is_dir():
            shutil.rmtree(place, ignore_errors=True)
        else:
            place.unlink(missing_ok=True)
