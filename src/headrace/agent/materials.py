"""Code on a node: fetched from the server and built here, once for each digest."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from headrace.agent.folder import AgentFolder
from headrace.bundles.store import Bundle, BundleStore
from headrace.core.attachments import Attachment
from headrace.core.calls import Code, Material
from headrace.core.credentials import Credential, Holder
from headrace.core.environments import Environment
from headrace.core.errors import Unavailable
from headrace.core.names import new_id
from headrace.engines.ray.messages import plain
from headrace.engines.ray.peer import Answer, Peer
from headrace.engines.ray.pieces import fetch
from headrace.environments.port import Builder, Say
from headrace.environments.specs import environment_spec


class NodeMaterials:
    """What code stands for on this node (:class:`headrace.engines.port.Materials`).

    Args:
        folder: Where it is kept.
        bundles: Folders of pipelines.
        builder: Environments of pipelines.
        peer: The server, which has the originals.
    """

    def __init__(
        self, folder: AgentFolder, bundles: BundleStore, builder: Builder, peer: Peer
    ) -> None:
        self._folder = folder
        self._bundles = bundles
        self._builder = builder
        self._peer = peer
        self._built: dict[str, str] = {}
        self._credentials: dict[str, list[Credential]] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def ready(self, code: Code, variables: Mapping[str, str], say: Say) -> None:
        """Fetch and build whatever of code is not on this node, and mend what was changed.

        Raises:
            InvalidEnvironment: The environment cannot be built here.
            PeerGone: The server is gone.
            Unavailable: The server or the disk cannot do its work.
        """
        bundle = await self._bundle(code.bundle)
        await self._environment(code, bundle, variables, say)
        for one in code.attachments:
            await self._attached(one)

    async def resolve(self, code: Code) -> Material:
        """Return what a process is started from, and have a credential for it; see the port."""
        bundle = await asyncio.to_thread(self._bundles.find, code.bundle)
        environment = self._found(code)
        if bundle is None or environment is None:
            what = "folder" if bundle is None else "environment"
            raise Unavailable(f"The {what} of {code.function_path} has gone from the node.")
        answer = await self._peer.ask("credential", owner=code.owner)
        issued = _Reported(self._peer, answer.header["id"], plain(answer.header["variables"]))
        self._credentials.setdefault(code.owner, []).append(issued)
        attached = {one.path: self._place(one) for one in code.attachments}
        return Material(environment.python, bundle.folder, attached)

    def issue(self, holder: Holder) -> Credential:
        """Return a credential that :meth:`resolve` has asked for."""
        return self._credentials[holder.owner].pop()

    async def keep_used(self, used: list[Code], unused_for_s: float) -> None:
        """Remove what no process has and nobody asked for in this time."""
        for code in used:
            self._found(code)
            await asyncio.to_thread(self._touch, code)
        bundles = {code.bundle for code in used}
        environments = {self._built.get(code.environment, code.environment) for code in used}
        await asyncio.to_thread(self._bundles.discard_unused, bundles, grace_s=unused_for_s)
        await self._builder.discard_unused(environments, unused_for_s=unused_for_s)

    def _touch(self, code: Code) -> None:
        """Note that a bundle is in use, for agents beside this one."""
        bundle = self._bundles.find(code.bundle)
        if bundle is not None:
            os.utime(bundle.archive.parent)

    def _found(self, code: Code) -> Environment | None:
        return self._builder.find(self._built.get(code.environment, code.environment))

    async def _bundle(self, digest: str) -> Bundle:
        async with self._lock(digest):
            found = await asyncio.to_thread(self._bundles.sound, digest)
            if found is not None:
                await asyncio.to_thread(os.utime, found.archive.parent)
                return found
            draft = self._folder.own / f"incoming-{new_id()}"
            try:
                await fetch(partial(self._ask, "bundle", digest), draft)
                kept = await asyncio.to_thread(self._bundles.keep, draft)
            finally:
                draft.unlink(missing_ok=True)
        if kept.digest != digest:
            raise Unavailable(f"The server sent another folder than {digest}.")
        return kept

    async def _environment(
        self, code: Code, bundle: Bundle, variables: Mapping[str, str], say: Say
    ) -> None:
        built = self._built.get(code.environment, code.environment)
        if await self._builder.sound(built) is not None:
            return
        say("Building the environment on this node, where it was not used before.")
        spec, secrets = await asyncio.to_thread(environment_spec, code, bundle.folder, variables)
        made = await self._builder.ready(spec, folder=bundle.folder, say=say, secrets=secrets)
        # They differ if a variable that the requirements name has been changed since.
        self._built[code.environment] = made.digest

    async def _attached(self, one: Attachment) -> None:
        place = self._place(one)
        async with self._lock(one.digest):
            if await asyncio.to_thread(_digest, place) == one.digest:
                return
            draft = self._folder.own / f"incoming-{new_id()}"
            try:
                await fetch(partial(self._ask, "attached", one.digest), draft)
                if await asyncio.to_thread(_digest, draft) != one.digest:
                    raise Unavailable(f"The server sent another file than {one.path!r}.")
                draft.chmod(0o444)
                place.parent.mkdir(parents=True, exist_ok=True)
                draft.replace(place)
            finally:
                draft.unlink(missing_ok=True)

    async def _ask(self, op: str, digest: str, offset: int) -> Answer:
        return await self._peer.ask(op, digest=digest, offset=offset)

    def _place(self, one: Attachment) -> Path:
        return self._folder.attachments / one.digest

    def _lock(self, digest: str) -> asyncio.Lock:
        return self._locks.setdefault(digest, asyncio.Lock())


class _Reported(Credential):
    """A credential of the server's, which is told how many calls its process serves."""

    def __init__(self, peer: Peer, number: int, variables: Mapping[str, str]) -> None:
        self._peer = peer
        self._number = number
        self._serving = 0
        self.variables = variables
        self.revoke = lambda: peer.tell("revoke", id=number)

    @property
    def serving(self) -> int:
        """How many calls its process serves now."""
        return self._serving

    @serving.setter
    def serving(self, count: int) -> None:
        self._serving = count
        self._peer.tell("serving", id=self._number, count=count)


def _digest(place: Path) -> str | None:
    try:
        with place.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return None
