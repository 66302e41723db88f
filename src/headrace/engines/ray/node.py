"""One node as the server sees it: its agent, its calls, and its last sign of life."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from headrace.core.calls import Call, Code
from headrace.core.clock import now
from headrace.core.credentials import Credential, Holder, Issue
from headrace.core.errors import Unavailable
from headrace.core.nodes import NodeState
from headrace.core.outcomes import Failure, FailureKind, Outcome, Returned
from headrace.core.usage import Measurement
from headrace.engines.port import NeverBegan, Originals, Say
from headrace.engines.ray.messages import (
    Header,
    failure_in,
    measurement_in,
    of_call,
    of_code,
    outcome_in,
    plain,
)
from headrace.engines.ray.peer import Answer, Peer, PeerGone
from headrace.engines.ray.pieces import fetch, piece
from headrace_harness.outputs import OUTPUT_FOLDER

_NUMBERS = itertools.count(1)
"""Numbers of calls; no two calls of this process share one."""


class Node:
    """An agent that takes calls.

    Args:
        node_id: Its node's id in the cluster.
        facts: What the cluster and the agent say of it.
        send: Carries a message to it.
        originals: What it fetches code from.
        issue: Gives its processes their credentials.
        on_used: Takes what its calls have used.
    """

    def __init__(
        self,
        node_id: str,
        facts: Mapping[str, Any],
        send: Callable[[bytes], None],
        originals: Originals,
        issue: Issue,
        on_used: Callable[[Measurement], None],
    ) -> None:
        self.id = node_id
        self.facts = {**facts, "memory": 0, "memory_free": 0, "load": 0.0}
        self._hear()
        self._originals = originals
        self._issue = issue
        self._on_used = on_used
        self._calls: dict[int, Call] = {}
        self._warm: set[str] = set()
        self._served: dict[str, Path] = {}
        self._credentials: dict[int, Credential] = {}
        self._peer = Peer(
            send,
            {
                "bundle": self._bundle,
                "attached": self._attached,
                "input": self._input,
                "log": self._log,
                "credential": self._credential,
            },
            {"state": self._note_state, "serving": self._note_serving, "revoke": self._revoke},
            keeps_text=True,
        )

    @property
    def name(self) -> str:
        """The name of its machine."""
        return str(self.facts["host"])

    @property
    def processors(self) -> float:
        """How many processors the cluster counts on it."""
        return float(self.facts["processors"])

    @property
    def calls(self) -> int:
        """How many calls it has."""
        return len(self._calls)

    def is_warm(self, key: str) -> bool:
        """Check whether a process on it has imported this code."""
        return key in self._warm

    @property
    def silent_s(self) -> float:
        """Seconds since its last sign of life."""
        return time.monotonic() - self._heard_at

    def state(self) -> NodeState:
        """Return how it is."""
        return state_of(self.id, self.facts, self.calls, self._last_seen)

    def take(self, data: bytes) -> None:
        """Take a message of its agent."""
        self._hear()
        self._peer.take(data)

    def lose(self, why: str) -> None:
        """End all its calls as lost, and its processes' credentials: its agent is gone."""
        self._peer.close(why)
        for credential in self._credentials.values():
            credential.revoke()
        self._credentials.clear()

    async def end(self) -> None:
        """Have it stop all calls; return when their processes are gone, or the agent is."""
        try:
            await self._peer.ask("end")
        except Unavailable:
            return

    async def run(self, call: Call, key: str) -> Outcome:
        """Run a call to its end; see the port."""
        number = next(_NUMBERS)
        self._calls[number] = call
        try:
            answer = await self._until_end(number, call, key)
            _append(call.log, answer.payload)
            return await self._outcome(number, call, answer.header)
        except PeerGone as error:
            return Failure(
                FailureKind.WORKER_LOST,
                f"The node {self.name} was lost while {call.code.function_name}() ran: "
                f"{error.message}.",
            )
        except Unavailable as error:
            return Failure(FailureKind.WORKER_LOST, error.message)
        finally:
            del self._calls[number]
            self._peer.tell("forget", call=number)

    async def import_code(
        self, code: Code, variables: Mapping[str, str], key: str, say: Say | None
    ) -> Failure | None:
        """Import code, or return why it cannot be; see the port."""
        try:
            answer = await self._peer.ask(
                "import", code=of_code(code), variables=dict(variables), key=key
            )
        except Unavailable as error:
            return Failure(FailureKind.WORKER_LOST, f"The node {self.name}: {error.message}")
        self._warm = set(plain(answer.header["warm"]))
        if say is not None:
            for line in plain(answer.header["said"]):
                say(line)
        return failure_in(answer.header)

    def _hear(self) -> None:
        self._heard_at, self._last_seen = time.monotonic(), now()

    async def _until_end(self, number: int, call: Call, key: str) -> Answer:
        """Return what its agent answers to a call; if this is cancelled, once that has stopped."""
        asking = asyncio.ensure_future(self._peer.ask("run", call=number, key=key, **of_call(call)))
        try:
            return await asyncio.shield(asking)
        except asyncio.CancelledError:
            self._peer.tell("stop", call=number)
            while not asking.done():
                # It is being stopped, however often that is asked for.
                try:
                    await asyncio.wait({asking})
                except asyncio.CancelledError:
                    continue
            if asking.exception() is None:
                answer = asking.result()
                _append(call.log, answer.payload)
                if answer.header.get("stopped") and not answer.header["has_begun"]:
                    raise NeverBegan from None
            raise

    async def _outcome(self, number: int, call: Call, header: Header) -> Outcome:
        self._warm = set(plain(header["warm"]))
        outcome = outcome_in(header, call.workspace / OUTPUT_FOLDER)
        if isinstance(outcome, Returned):
            for name, file in outcome.files.items():
                if file.path.name != file.filename or name not in call.outputs:
                    raise Unavailable(f"The agent of {self.name} sent a file of another name.")
                await fetch(partial(self._read_output, number, name), file.path)
        return outcome

    async def _read_output(self, number: int, name: str, offset: int) -> Answer:
        return await self._peer.ask("output", call=number, name=name, offset=offset)

    async def _bundle(self, header: Header, _: bytes) -> Answer:
        return await self._original(header, self._originals.archive)

    async def _attached(self, header: Header, _: bytes) -> Answer:
        return await self._original(header, self._originals.attachment)

    async def _original(self, header: Header, find: Callable[[str], Awaitable[Path]]) -> Answer:
        """Answer with a piece of a file, which is checked before its first one."""
        digest, offset = header["digest"], header["offset"]
        if offset == 0:
            self._served[digest] = await find(digest)
        return await piece(self._served[digest], offset)

    async def _input(self, header: Header, _: bytes) -> Answer:
        call = self._calls.get(header["call"])
        if call is None:
            raise Unavailable("The call has ended meanwhile.")
        return await piece(call.files[header["name"]].source, header["offset"])

    async def _log(self, header: Header, payload: bytes) -> Answer:
        call = self._calls.get(header["call"])
        if call is not None:
            _append(call.log, payload)
        return Answer({})

    async def _credential(self, header: Header, _: bytes) -> Answer:
        number = next(_NUMBERS)
        issued = self._credentials[number] = self._issue(Holder(header["owner"]))
        return Answer({"id": number, "variables": dict(issued.variables)})

    def _note_serving(self, header: Header) -> None:
        found = self._credentials.get(header["id"])
        if found is not None:
            found.serving = header["count"]

    def _revoke(self, header: Header) -> None:
        found = self._credentials.pop(header["id"], None)
        if found is not None:
            found.revoke()

    def _note_state(self, header: Header) -> None:
        self._warm = set(plain(header["warm"]))
        for name in ("memory", "memory_free", "load"):
            self.facts[name] = header[name]
        for one in plain(header["used"]):
            self._on_used(measurement_in(one))


def state_of(
    node_id: str, facts: Mapping[str, Any], executions: int, heard_at: datetime, problem: str = ""
) -> NodeState:
    """Return the state of a node from what is known of it."""
    return NodeState(
        id=node_id,
        name=facts["host"],
        address=facts["address"],
        processors=facts["processors"],
        gpus=facts["gpus"],
        memory=facts.get("memory", 0),
        memory_free=facts.get("memory_free", 0),
        load=facts.get("load", 0.0),
        executions=executions,
        last_seen=heard_at,
        problem=problem,
    )


def _append(log: Path, lines: bytes) -> None:
    if lines:
        with log.open("ab") as file:
            file.write(lines)
