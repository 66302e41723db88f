"""Builds environments with uv, each once, and keeps them for whoever needs the same."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from headrace.core.environments import Environment, EnvironmentSpec, normalised_requirements
from headrace.core.errors import InvalidEnvironment, Unavailable
from headrace.environments import system_packages
from headrace.environments.bytecode import compile_bytecode
from headrace.environments.cache import EnvironmentCache, interpreter_in
from headrace.environments.installation import Uv, find_uv, installer_environ
from headrace.environments.interpreters import Interpreter, Interpreters
from headrace.environments.locks import wait_for_lock
from headrace.environments.port import Say
from headrace.environments.project_files import kind_of
from headrace.environments.redaction import Redaction, passwords_in
from headrace.environments.requirements import check_local_files, names_local_files
from headrace.environments.shared_build import WAITING, SharedBuild
from headrace.environments.uv_words import shortened

DEFAULT_TIMEOUT_S = 1800.0


class UvBuilder:
    """The builder of environments; see :class:`headrace.environments.port.Builder`.

    An environment is built in the place where it stays, under a lock that all processes of this
    machine respect, and is ready once its mark is written. Its bytecode is written afterwards, in
    the background: a first run need not wait for the bytecode of what it never imports.
    """

    def __init__(
        self,
        root: Path,
        *,
        uv: Path | None = None,
        pythons: Sequence[Path] = (),
        environ: Mapping[str, str] | None = None,
        builds_at_once: int = 2,
        cache: Path | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> None:
        """Keep environments below ``root``.

        Args:
            root: Folder of the environments; on the file system of uv's cache, installing makes
                hard links instead of copies.
            uv: The ``uv`` executable; by default the one beside this Python, or on ``PATH``.
            pythons: Further interpreters, or folders of them; they win over those found.
            environ: The server's environment variables, ``os.environ`` by default. Interpreters
                are looked for with them, and the few that installers need are passed on.
            builds_at_once: How many builds this process has under way at most.
            cache: uv's cache; by default uv's own, shared with the user's other work, or one
                below ``root`` for a user without a home.
            timeout_s: How long one build may take, in seconds.

        Raises:
            InvalidEnvironment: There is no ``uv``.
        """
        environ = os.environ if environ is None else environ
        self._cache = EnvironmentCache(root)
        self._uv = Uv(find_uv(uv), installer_environ(environ, cache, self._cache.own_cache))
        self._interpreters = Interpreters(pythons, environ)
        self._timeout_s = timeout_s
        self._slots = asyncio.Semaphore(builds_at_once)
        self._compile_slot = asyncio.Semaphore(1)
        self._builds: dict[str, SharedBuild] = {}
        self._compiling: set[asyncio.Task[None]] = set()

    def check(self) -> None:
        """Check whether environments can be built; blocks.

        Raises:
            Unavailable: The installer is gone, or may not be started.
        """
        if not os.access(self._uv.executable, os.X_OK):
            raise Unavailable("The installer uv is gone: install Headrace anew.")

    def interpreters(self) -> Mapping[str, Path]:
        """Return the interpreters found on this machine, by version (``3.11``)."""
        return {version: it.path for version, it in self._interpreters.found().items()}

    def missing_system_dependencies(self, packages: Sequence[str]) -> list[str]:
        """Return the named system packages that this machine does not have.

        See :func:`headrace.environments.system_packages.missing`.
        """
        return system_packages.missing(packages)

    def find(self, digest: str) -> Environment | None:
        """Return the environment of this digest if it is ready; takes microseconds."""
        return self._cache.find(digest)

    async def sound(self, digest: str) -> Environment | None:
        """Return the environment of this digest if it is ready and as it was built.

        One whose files were changed is removed, so that it is built again.
        """
        found = self.find(digest)
        if found is None or await asyncio.to_thread(self._cache.is_unchanged, digest):
            return found
        async with wait_for_lock(self._cache.lock_file(digest), on_wait=lambda: None):
            if not await asyncio.to_thread(self._cache.is_unchanged, digest):
                await self._clear(digest)
        return self.find(digest)

    async def ready(
        self,
        spec: EnvironmentSpec,
        *,
        folder: Path,
        say: Say,
        secrets: Collection[str] = (),
    ) -> Environment:
        """Return the environment of this spec, building it first if nobody has.

        Callers that ask for the same at the same time share one build. Cancelling the await gives
        the build up unless others wait for it too.

        Raises:
            InvalidEnvironment: It cannot be built; the installer's words have been said.
            Unavailable: The builder was closed in the meantime.
        """
        redact = Redaction([*secrets, *passwords_in(self._uv.environ)])
        try:
            return await self._ready(spec, folder, lambda line: say(redact(line)))
        except InvalidEnvironment as error:
            # Cut afterwards, so that no secret is cut in two and passes.
            raise InvalidEnvironment(shortened(redact(error.message))) from None

    async def discard_unused(self, keep: Collection[str], *, unused_for_s: float) -> list[str]:
        """Remove environments outside ``keep`` that nobody asked for lately; return digests.

        The time of last use is known to the minute. An environment that is being built or
        compiled stays.
        """
        return await asyncio.to_thread(self._cache.discard_unused, frozenset(keep), unused_for_s)

    async def finish_compiling(self) -> None:
        """Write the bytecode that is missing in ready environments; return when all is written.

        To be started once with the server: a server that was stopped may have left some undone.
        """
        for digest in self._cache.not_compiled():
            self._compile_in_background(digest)
        await asyncio.gather(*self._compiling, return_exceptions=True)

    async def close(self) -> None:
        """Stop all builds and all compiling; what is ready stays ready."""
        for build in list(self._builds.values()):
            await build.cancel()
        for task in self._compiling:
            task.cancel()
        await asyncio.gather(*self._compiling, return_exceptions=True)

    async def _ready(self, spec: EnvironmentSpec, folder: Path, say: Say) -> Environment:
        digest = spec.digest
        found = await self.sound(digest)
        if found is not None:
            return found
        for text in (spec.requirements, spec.constraints):
            check_local_files(text, folder)
        interpreter = await asyncio.to_thread(self._interpreters.get, spec.python)
        # Who joins a build gave the same text, so nothing it says is new to them.
        build = self._builds.get(digest)
        if build is None or not build.is_wanted:
            build = SharedBuild(lambda say: self._build(spec, folder, interpreter, say))
            self._builds[digest] = build
        try:
            return await build.result(say)
        finally:
            if self._builds.get(digest) is build and not build.is_wanted:
                del self._builds[digest]

    async def _build(
        self, spec: EnvironmentSpec, folder: Path, interpreter: Interpreter, say: Say
    ) -> Environment:
        digest = spec.digest
        lock_file = self._cache.lock_file(digest)
        async with wait_for_lock(lock_file, on_wait=lambda: say(WAITING)) as lock, self._slots:
            found = self.find(digest)
            if found is not None:
                return found
            started = time.monotonic()
            say(f"building the environment with Python {spec.python} ({interpreter.path})")
            async with self._nothing_left_of_failures(digest):
                await self._install(spec, folder, interpreter, say, lock)
                self._cache.mark_ready(digest, interpreter)
            say(f"the environment is ready after {time.monotonic() - started:.1f} s")
        self._compile_in_background(digest)
        return Environment(digest, interpreter_in(self._cache.folder(digest)))

    async def _install(
        self, spec: EnvironmentSpec, folder: Path, interpreter: Interpreter, say: Say, lock: int
    ) -> None:
        place, settings = self._cache.folder(spec.digest), self._cache.root
        await self._uv.create(place, interpreter.path, settings=settings, say=say, lock=lock)
        if spec.file is not None:
            await self._uv.install_file(
                place,
                kind_of(spec.file.path) or "",
                (folder / spec.file.path).absolute(),
                fresh=spec.folder_digest is not None,
                settings=settings,
                say=say,
                lock=lock,
            )
        elif normalised_requirements(spec.requirements):
            await self._uv.install(
                place,
                spec.requirements,
                constraints=spec.constraints,
                cwd=folder,
                fresh=names_local_files(spec.requirements),
                settings=settings,
                say=say,
                lock=lock,
            )

    @asynccontextmanager
    async def _nothing_left_of_failures(self, digest: str) -> AsyncIterator[None]:
        """Clear the place before and, unless all goes well in time, after the block."""
        await self._clear(digest)
        try:
            async with asyncio.timeout(self._timeout_s):
                yield
        except BaseException as error:
            await self._clear(digest)
            self._cache.lock_file(digest).unlink(missing_ok=True)
            if isinstance(error, TimeoutError):
                raise InvalidEnvironment(
                    f"The environment was not built within {self._timeout_s:g} s, the server's "
                    "limit for one build, and was given up."
                ) from None
            if isinstance(error, OSError):
                raise InvalidEnvironment(f"The environment cannot be built: {error}.") from error
            raise

    async def _clear(self, digest: str) -> None:
        trash = self._cache.set_aside(digest)
        if trash is not None:
            await asyncio.to_thread(shutil.rmtree, trash, ignore_errors=True)

    def _compile_in_background(self, digest: str) -> None:
        task = asyncio.create_task(self._compile(digest))
        self._compiling.add(task)
        task.add_done_callback(self._compiling.discard)

    async def _compile(self, digest: str) -> None:
        folder, lock_file = self._cache.folder(digest), self._cache.lock_file(digest)
        # Another process may compile or remove it before this one's turn comes.
        async with self._compile_slot:
            if not self._cache.needs_compiling(digest):
                return
            with suppress(FileNotFoundError):
                async with wait_for_lock(lock_file, on_wait=lambda: None) as lock:
                    if self._cache.needs_compiling(digest) and await compile_bytecode(
                        folder, environ=self._uv.environ, lock=lock
                    ):
                        self._cache.mark_compiled(digest)
