"""The server's end of the connection to a cluster: its bridge, started again when it ends."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from typing import Any, Protocol

from headrace.core.errors import Unavailable
from headrace.engines.ray.frames import Stream
from headrace.engines.ray.messages import Header, pack, unpack
from headrace.engines.ray.settings import RaySettings

logger = logging.getLogger(__name__)

OPEN_S = 60.0
"""How long a connection to the cluster may take."""

_REACH_S = 5.0
_TRIES = 5
_CLOSE_S = 30.0
_AGAIN_S = (1.0, 2.0, 5.0, 10.0)
"""Seconds until the next try at a cluster that is lost; the last one again and again."""


class Listener(Protocol):
    """Hears of the cluster."""

    def up(self, node_id: str, facts: Header) -> None:
        """Hear of an agent that takes messages."""
        ...

    def unfit(self, node_id: str, facts: Header) -> None:
        """Hear of a node whose agent is of another version, and has been ended."""
        ...

    def lost(self, node_id: str, why: str, *, is_dead: bool) -> None:
        """Hear of an agent that is gone, or could not be started.

        Unless it is known to be dead, it may run what it has until it notices by itself.
        """
        ...

    def message(self, node_id: str, data: bytes) -> None:
        """Hear a message of an agent."""
        ...

    def disconnected(self) -> None:
        """Hear that all of the cluster is gone."""
        ...


class Connection:
    """Carries messages to and from the agents of a cluster."""

    def __init__(self, settings: RaySettings, listener: Listener) -> None:
        self._settings = settings
        self._listener = listener
        self._stream: Stream | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._keeping: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Connect to the cluster, and begin to keep the connection.

        Raises:
            Unavailable: It cannot be used; the message says why, and what to do.
        """
        await self._connect()
        self._keeping = asyncio.get_running_loop().create_task(self._keep())

    def send(self, node_id: str, data: bytes) -> None:
        """Send a message to the agent of a node; nothing happens if that is gone."""
        if self._stream is not None:
            self._stream.send(pack({"op": "to", "node": node_id}, data))

    def give_up(self, node_id: str) -> None:
        """Have the agent of a node killed."""
        if self._stream is not None:
            self._stream.send(pack({"op": "give_up", "node": node_id}))

    async def close(self) -> None:
        """End the bridge, which ends all agents; return when it is gone."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.wait({self._keeping})
        await self._end()

    async def _keep(self) -> None:
        """Hear the bridge, and start another one whenever it has ended."""
        while True:
            await self._hear()
            self._listener.disconnected()
            await self._end()
            await self._connect_again()

    async def _hear(self) -> None:
        while self._stream is not None and (data := await self._stream.receive()) is not None:
            header, payload = unpack(data)
            try:
                self._take(header, payload)
            except Exception:
                logger.exception("a message of the cluster could not be taken")

    def _take(self, header: Header, payload: bytes) -> None:
        match header["op"]:
            case "from":
                self._listener.message(header["node"], payload)
            case "up":
                self._listener.up(header["node"], header)
            case "unfit":
                self._listener.unfit(header["node"], header)
            case "lost":
                self._listener.lost(header["node"], header["why"], is_dead=header["is_dead"])

    async def _connect_again(self) -> None:
        tries = 0
        while True:
            await asyncio.sleep(_AGAIN_S[min(tries, len(_AGAIN_S) - 1)])
            tries += 1
            try:
                await self._connect()
            except Unavailable as error:
                logger.warning("%s", error.message)
            else:
                logger.warning("the Ray cluster is connected again")
                return

    async def _connect(self) -> None:
        if importlib.util.find_spec("ray") is None:
            raise Unavailable(
                "The engine ray needs the package Ray in the server's environment: "
                "pip install 'headrace[ray]'."
            )
        await _reach(self._settings.address)
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = _start_bridge(theirs, self._settings.token)
        self._stream = await Stream.over(ours)
        settings = self._settings
        opening: dict[str, Any] = {"address": settings.address, "agent": settings.agent}
        self._stream.send(pack({**opening, "settings": settings.agents.header()}))
        try:
            async with asyncio.timeout(OPEN_S):
                answer = await self._stream.receive()
        except TimeoutError:
            await self._end()
            why = f"it did not answer within {OPEN_S:g} s"
            raise Unavailable(refusal(settings.address, why)) from None
        header: Header = {"op": "refused", "why": "the connection ended"}
        if answer is not None:
            header, _ = unpack(answer)
        if header["op"] != "ready":
            await self._end()
            raise Unavailable(refusal(settings.address, header["why"], header.get("said", "")))

    async def _end(self) -> None:
        stream, process = self._stream, self._process
        self._stream = self._process = None
        if stream is not None:
            stream.close()
        if process is not None:
            try:
                await asyncio.to_thread(process.wait, _CLOSE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                await asyncio.to_thread(process.wait)


def refusal(address: str, why: str, said: str = "") -> str:
    """Return the words for a cluster that cannot be used.

    Args:
        address: Its address.
        why: The words of Ray.
        said: What it said meanwhile.
    """
    where = "of this machine" if address == "auto" else f"at {address}"
    if "ersion mismatch" in why:
        told = " ".join(line.strip() for line in why.splitlines() if line.strip())
        return (
            f"The Ray cluster {where} has another version of Ray or Python than this server, so "
            f"nothing was started on it: install the same on both. Ray says: {told}"
        )
    if "nauthenticated" in f"{why} {said}" or "AuthenticationError" in why:
        return (
            f"The Ray cluster {where} asks for another token: set HEADRACE_RAY_TOKEN to the one "
            "that the cluster was started with."
        )
    return (
        f"The Ray cluster {where} cannot be used: {_last(why)} Start one with `ray start --head`, "
        "and on this machine `ray start --address=HOST:PORT` if its head is another one."
    )


def _last(why: str) -> str:
    lines = [line.strip() for line in why.splitlines() if line.strip()]
    text = lines[0] if lines else "it says nothing"
    return text if text.endswith((".", "!", "?")) else f"{text}."


async def _reach(address: str) -> None:
    """Check that something listens at an address; Ray would try for a minute."""
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    try:
        async with asyncio.timeout(_REACH_S):
            _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    except (OSError, TimeoutError) as error:
        why = "nothing listens there" if isinstance(error, ConnectionError) else str(error)
        raise Unavailable(refusal(address, why or f"no answer in {_REACH_S:g} s")) from None
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


def _start_bridge(end: socket.socket, token: str | None) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "headrace.engines.ray.bridge", str(end.fileno())],
        env=_environ(os.environ, token),
        stdin=subprocess.DEVNULL,
        pass_fds=[end.fileno()],
        start_new_session=True,
    )


def _environ(environ: Mapping[str, str], token: str | None) -> dict[str, str]:
    """Return the environment of the bridge: no secrets of the server, no reports of use."""
    kept = {name: value for name, value in environ.items() if not name.startswith("HEADRACE_")}
    own = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_BACKEND_LOG_LEVEL": "fatal"}
    # Ray would try a wrong token for 20 seconds.
    own["RAY_NUM_REDIS_GET_RETRIES"] = str(_TRIES)
    if token is not None:
        own |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token}
    return {**kept, **own}
