"""The hot connection to a pod: calls out, answers in, and the words for both."""

from __future__ import annotations

import asyncio
import os
import re
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from headrace.core.errors import InvalidRequest
from headrace.core.outcomes import Failure, FailureKind, Outcome, Returned
from headrace.core.pods import PodCall, PodPlan
from headrace.core.values import Json
from headrace.engines.local.outcome import output_file
from headrace.wire import codec
from headrace_harness.frames import FrameReader, Message, frame

_NUMBER = re.compile(rb'\{"op":"ended","number":(\d+)')


class CallChannel(asyncio.Protocol):
    """The engine's end of the socket that a pod's calls go through.

    Args:
        on_bodies: Called with the JSON texts of messages, all that came at once.
        on_end: Called once, when either side has closed.
        max_bytes: The greatest message that a pod may send; one that sends more is cut off.
    """

    def __init__(
        self,
        on_bodies: Callable[[list[bytes]], None],
        on_end: Callable[[], None],
        max_bytes: int,
    ) -> None:
        self._reader = FrameReader(max_bytes)
        self._on_bodies = on_bodies
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._unsent: list[bytes] = []
        self._transport: asyncio.WriteTransport | None = None
        self._descriptor = -1

    @classmethod
    async def connect(
        cls,
        end: socket.socket,
        *,
        on_bodies: Callable[[list[bytes]], None],
        on_end: Callable[[], None],
        max_bytes: int,
    ) -> CallChannel:
        """Return a channel on a connected socket, which it owns from now on."""
        loop = asyncio.get_running_loop()
        _, channel = await loop.create_unix_connection(
            lambda: cls(on_bodies, on_end, max_bytes), sock=end
        )
        return channel

    def send(self, body: bytes, *, is_awaited: bool = False) -> None:
        """Send a message; nothing happens if the channel has ended.

        Args:
            body: Its JSON text.
            is_awaited: Whether the pod has nothing else to do. If it has, the message goes with
                the others of this turn of the loop, which costs both sides less.
        """
        unsent = self._unsent
        if unsent:
            unsent.append(frame(body))
        elif not is_awaited:
            unsent.append(frame(body))
            self._loop.call_soon(self._flush)
        else:
            self._send_now(frame(body))

    def close(self) -> None:
        """Close this end, whereupon the pod ends by itself."""
        self._flush()
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.WriteTransport", transport)
        self._descriptor = transport.get_extra_info("socket").fileno()

    def data_received(self, data: bytes) -> None:
        """Hand on the messages that are complete."""
        try:
            bodies = self._reader.bodies(data)
        except ValueError:
            # No harness sends this, so user code has: the pod ends, and another one is started.
            self.close()
            return
        if bodies:
            self._on_bodies(bodies)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the reason is found elsewhere
        """Hand on that the pod is gone."""
        self._transport = None
        self._on_end()

    def _send_now(self, data: bytes) -> None:
        """Send without waiting for the end of this turn of the loop, as the transport would.

        So the pod wakes up while the engine does what is left to do.
        """
        transport = self._transport
        if transport is None or transport.is_closing():
            # Its descriptor may be another connection's by now.
            return
        sent = 0
        if not transport.get_write_buffer_size():
            try:
                sent = os.write(self._descriptor, data)
            except OSError:
                # The transport waits for room, and notices if the pod is gone.
                sent = 0
        if sent < len(data):
            transport.write(data[sent:])

    def _flush(self) -> None:
        unsent = self._unsent
        if unsent:
            data = unsent[0] if len(unsent) == 1 else b"".join(unsent)
            unsent.clear()
            if self._transport is not None:
                self._transport.write(data)


def call_body(number: int, call: PodCall, *, is_read: bool) -> bytes:
    """Return the JSON text that tells a pod of a call; ``is_read``: its items are read."""
    message: dict[str, Json] = {
        "op": "call",
        "number": number,
        "id": call.execution_id,
        "values": call.values,
        "log": call.log,
        "workspace": call.workspace,
    }
    if is_read:
        message["stream"] = True
    if call.absent:
        message["absent"] = call.absent
    if call.files:
        message["files"] = {
            name: {"source": str(file.source.absolute()), "filename": file.filename}
            for name, file in call.files.items()
        }
    return codec.encode(message)


def variables_body(before: Mapping[str, str], now: Mapping[str, str]) -> bytes:
    """Return the JSON text that tells a pod which variables have changed."""
    changed = {name: value for name, value in now.items() if before.get(name) != value}
    gone = [name for name in before if name not in now]
    return codec.encode({"op": "variables", "set": changed, "unset": gone})


def read_message(body: bytes) -> Message:
    """Return what a pod says of a call."""
    try:
        message: Message = codec.decode_message(body, "The message of the pod")
    except InvalidRequest as error:
        # Such as a result nested deeper than any reader takes.
        found = _NUMBER.match(body)
        if found is None:
            return {"op": "unreadable"}
        why = f"The result could not be read: {error.message}"
        return {"op": "ended", "number": int(found[1]), "kind": "bad_output", "message": why}
    return message


def read_outcome(call: PodCall, plan: PodPlan, message: Mapping[str, Any]) -> Outcome:
    """Return the outcome that a pod reported."""
    try:
        if "kind" in message:
            return Failure(FailureKind(message["kind"]), message["message"])
        if not message["files"]:
            return Returned(message["values"])
        workspace = Path(call.workspace)
        files = {
            name: output_file(workspace, plan.outputs, name, file)
            for name, file in message["files"].items()
        }
        return Returned(message["values"], files)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return Failure(FailureKind.BAD_OUTPUT, f"What the call left could not be read: {error}.")
