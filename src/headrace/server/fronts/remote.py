"""What a front has in place of things that the main process has: it asks that one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Concatenate, cast

from sqlalchemy import Connection

from headrace.control.process_tokens import mint_process_token
from headrace.control.variables import Variables
from headrace.core.calls import Code, Material
from headrace.core.credentials import Addresses, Credential, Holder
from headrace.core.deployments import Deployment
from headrace.core.pods import PodPlan
from headrace.server.fronts.wire import Wire
from headrace.store.database import P, R


class RemoteDatabase:
    """The database, of which the main process is the only user (:class:`.database.Database`)."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    @property
    def revision(self) -> str:
        """Nothing in a front looks again."""
        return ""

    async def read(
        self, work: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Return ``work(connection, ...)``, run in one read transaction."""
        return cast("R", await self._wire.ask("read", work, args, kwargs))

    async def write(
        self, work: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Return ``work(connection, ...)`` after its change is on disk."""
        return cast("R", await self._wire.ask("write", work, args, kwargs))

    def note_change(self) -> None:
        """Do nothing: what is written here is written by the main process, which sees it."""

    async def write_unseen(
        self, work: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Do the same as ``write``."""
        return await self.write(work, *args, **kwargs)

    def close(self) -> None:
        """Do nothing: it is the main process's."""


@dataclass(frozen=True, slots=True)
class RemotePlans:
    """Plans of pods, made where bundles and environments are (:class:`.plans.MakesPlans`)."""

    wire: Wire
    variables: Variables

    async def of(self, deployment: Deployment) -> PodPlan:
        """Return the plan of a deployment's pods."""
        variables = await self.variables.current()
        plan = cast("PodPlan", await self.wire.ask("plan", deployment))
        # The same object as long as none changes, by which changes are noticed.
        return replace(plan, variables=variables)


@dataclass(frozen=True, slots=True)
class RemoteMaterials:
    """What code stands for on this machine (:class:`.port.Materials`)."""

    wire: Wire

    async def resolve(self, code: Code) -> Material:
        """Return the interpreter and the folder of code."""
        return cast("Material", await self.wire.ask("material", code))


@dataclass(frozen=True, slots=True)
class RemoteTokens:
    """Gives pods of a front the tokens by which the main process knows them."""

    wire: Wire
    addresses: Addresses

    def issue(self, holder: Holder) -> Credential:
        """Return the credential of a process that is about to start."""
        process_id, token = mint_process_token()
        self.wire.tell("issued", process_id, token, holder)
        return ToldCredential(
            self.addresses.variables(SDK_TOKEN=token),
            lambda: self.wire.tell("revoked", process_id),
            lambda serving: self.wire.tell("serving", process_id, serving),
        )


class ToldCredential(Credential):
    """A credential of which the main process hears how many calls its process serves."""

    def __init__(
        self, variables: Mapping[str, str], revoke: Callable[[], None], tell: Callable[[int], None]
    ) -> None:
        super().__init__(variables, revoke)
        self._tell = tell

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name == "serving" and "_tell" in self.__dict__:
            self._tell(value)
