"""Tokens of templates and pods: each has its own, which ends with the process."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from functools import partial

from headrace.core.credentials import Addresses, Credential, Holder
from headrace.core.errors import Unauthenticated
from headrace.core.names import new_id
from headrace.core.rights import AT_IMPORT, IN_EXECUTIONS, Right
from headrace.core.tokens import same_token

PROCESS_MARK = "hdp_"


def mint_process_token() -> tuple[str, str]:
    """Return the id and the token of a process that is about to start."""
    process_id = new_id()
    return process_id, f"{PROCESS_MARK}{process_id}.{secrets.token_urlsafe(32)}"


@dataclass(frozen=True, slots=True)
class Process:
    """A living process of user code.

    Attributes:
        token: Its token.
        holder: The user and the deployment that it works for.
        credential: The part that its engine knows.
    """

    token: str
    holder: Holder
    credential: Credential


class ProcessTokens:
    """Knows which processes live, and by which tokens they are known.

    Clients keep the token that they were made with for as long as they live. So a token has no time
    at which it expires: it is good while its process lives, and never again. All of them end with
    the server, as their processes do; hence none is stored.

    Attributes:
        addresses: The URLs at which processes find the server.
        in_executions: The rights of code while it is executed.
    """

    def __init__(self, addresses: Addresses, more_rights: frozenset[Right] = frozenset()) -> None:
        self.addresses = addresses
        self._living: dict[str, Process] = {}
        self.in_executions = IN_EXECUTIONS | more_rights

    def issue(self, holder: Holder) -> Credential:
        """Return the credential of a process that is about to start."""
        return self.register(*mint_process_token(), holder)

    def register(self, process_id: str, token: str, holder: Holder) -> Credential:
        """Know a process by a token from now on; return its credential."""
        credential = Credential(
            self.addresses.variables(SDK_TOKEN=token), partial(self.revoke, process_id)
        )
        self._living[process_id] = Process(token, holder, credential)
        return credential

    def revoke(self, process_id: str) -> None:
        """Make the token of a process void; nothing happens if it is."""
        self._living.pop(process_id, None)

    def id_of(self, token: str) -> str:
        """Return the id of the living process that a token belongs to.

        Raises:
            Unauthenticated: There is none.
        """
        process_id, _, _ = token.removeprefix(PROCESS_MARK).partition(".")
        if not same_token(token, self.living(process_id).token):
            raise Unauthenticated("The token of this process is not valid.")
        return process_id

    def living(self, process_id: str) -> Process:
        """Return a process by its id.

        Raises:
            Unauthenticated: It does not live, or not any more.
        """
        process = self._living.get(process_id)
        if process is None:
            raise Unauthenticated("The process that this token was given to has ended.")
        return process

    def rights_of(self, process: Process) -> frozenset[Right]:
        """Return the rights of the code of a process now."""
        return self.in_executions if process.credential.serving else AT_IMPORT
