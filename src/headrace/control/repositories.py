"""The code of pipelines from git repositories, the project's as well."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from headrace.bundles.repositories import Fetched, GitRepositories
from headrace.control.projects import Projects
from headrace.core.errors import Unavailable
from headrace.core.repositories import Repository, check_repository
from headrace.core.scopes import Scope

AT_ONCE = 4
"""How many repositories are read at the same time; the others wait for their turn."""

TURN_S = 60.0
"""How long one waits for its turn."""


class Repositories:
    """Gets the code of pipelines that are made from a repository."""

    def __init__(self, repositories: GitRepositories, projects: Projects) -> None:
        self._repositories = repositories
        self._projects = projects
        self._turns = asyncio.Semaphore(AT_ONCE)

    @contextlib.asynccontextmanager
    async def fetched(
        self,
        scope: Scope,
        repository: Repository,
        included: Sequence[str] | None,
        function_path: str,
    ) -> AsyncIterator[Fetched]:
        """Give the code of a repository; without a key of its own, the project's key opens it.

        Args:
            scope: The caller.
            repository: The repository.
            included: Files and folders to take; None for the function's file alone.
            function_path: The file of the function.

        Raises:
            InvalidRequest: Something of it cannot be used, or it cannot be had; the message says
                why.
            Unavailable: This server's machine has no git, or reads too many repositories.
        """
        check_repository(repository, "container_config.")
        if repository.deploy_key is None:
            repository = replace(repository, deploy_key=await self._projects.deploy_key(scope))
        async with self._turn():
            fetching = self._repositories.fetch(repository, included, function_path)
            entering = asyncio.ensure_future(asyncio.to_thread(fetching.__enter__))
            try:
                # Shielded, because a thread cannot be given up: git has bounds of its own.
                yield await asyncio.shield(entering)
            finally:
                await asyncio.shield(_leave(fetching, entering))

    @contextlib.asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        try:
            await asyncio.wait_for(self._turns.acquire(), TURN_S)
        except TimeoutError:
            raise Unavailable(
                f"{AT_ONCE} repositories are being read, and none was done within {TURN_S:.0f} "
                "seconds: try again."
            ) from None
        try:
            yield
        finally:
            self._turns.release()


async def _leave(
    fetching: contextlib.AbstractContextManager[Fetched], entering: asyncio.Future[Fetched]
) -> None:
    """Take away what was fetched, in a thread: it may be thousands of files."""
    await asyncio.wait({entering})
    if entering.exception() is None:
        await asyncio.to_thread(fetching.__exit__, None, None, None)
