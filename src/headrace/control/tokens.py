"""Callers: SDK tokens, access tokens, and the identity of a running execution."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import jwt

from headrace.control.admission import PutOnRecord, all_on_record
from headrace.control.execution_tokens import EXECUTION_MARK, ExecutionTokens
from headrace.control.process_tokens import PROCESS_MARK, ProcessTokens
from headrace.control.sealing import Keys
from headrace.control.transactions import tokens as records
from headrace.core.clock import now_s
from headrace.core.credentials import Addresses
from headrace.core.errors import NotFound, Unauthenticated
from headrace.core.names import check_name
from headrace.core.scopes import Scope, scope_of_user
from headrace.core.tokens import MARK, TokenInfo, User, mint_token, token_digest
from headrace.store import executions as execution_rows
from headrace.store import tokens as rows
from headrace.store import users as user_rows
from headrace.store.database import Database

ACCESS_LIFETIME_S = 3600
TRUST_S = 2.0
"""Seconds for which a checked access token is trusted before its SDK token is looked up again."""

_ALGORITHM = "HS256"


class Tokens:
    """SDK tokens and what they are exchanged for (wire contract, 2).

    Args:
        database: The records of SDK tokens.
        keys: Those of the server.
        processes: Knows the tokens of templates and pods; without it, there are none.
        put_on_record: Makes sure that an execution that runs is on record.
    """

    def __init__(
        self,
        database: Database,
        keys: Keys,
        processes: ProcessTokens | None = None,
        put_on_record: PutOnRecord = all_on_record,
    ) -> None:
        self._database = database
        self._processes = processes or ProcessTokens(Addresses("", ""))
        self._executions = ExecutionTokens(keys)
        self._put_on_record = put_on_record
        self._access_key = keys.derive("access tokens")
        self._trusted: dict[str, tuple[float, Scope]] = {}

    async def create(self, scope: Scope, name: str, owner: str | None = None) -> str:
        """Create an SDK token, and return it.

        It is shown this once: only its digest is kept.

        Args:
            scope: The caller.
            name: Name of the token.
            owner: Name or address of the user whom it belongs to; the caller unless given, and
                the first user if the caller is the server.

        Raises:
            InvalidName: The name breaks the rule for names.
            AlreadyExists: A token has this name.
            NotFound: There is no such user.
        """
        check_name(name, "the token's name")
        token = mint_token()
        await self._database.write(records.add, name, token, scope.caller, owner)
        return token

    async def all(self, scope: Scope) -> list[TokenInfo]:
        """Return the public facts about each token."""
        return await self._database.read(rows.all_tokens)

    async def revoke(self, scope: Scope, name: str) -> None:
        """Delete a token; access tokens made from it end with it.

        Raises:
            NotFound: No token has this name.
            InUse: It is the last one, without which nobody could come in.
        """
        await self._database.write(records.remove, name)
        self.forget()

    def forget(self) -> None:
        """Look at the records again for each access token, because some may be void."""
        self._trusted.clear()

    async def refresh(self, token: str) -> str:
        """Return an access token for an SDK token, or for the token of an execution or a process.

        Raises:
            Unauthenticated: The token is not valid.
        """
        if token.startswith(EXECUTION_MARK):
            claims = {"execution": await self._execution_of(token)}
        elif token.startswith(PROCESS_MARK):
            claims = {"process": self._processes.id_of(token)}
        else:
            info = await self._database.read(rows.token_by_digest, token_digest(token))
            if info is None:
                raise Unauthenticated("The SDK token is not valid: it is unknown or was revoked.")
            claims = {"token": info.id}
        return _access_token(claims, self._access_key)

    async def scope_of(self, access_token: str) -> Scope:
        """Return the scope of whoever holds an access token.

        Raises:
            Unauthenticated: It is not valid, has expired, or its SDK token was revoked.
        """
        trusted = self._trusted.get(access_token)
        if trusted is not None and trusted[0] > time.monotonic():
            return trusted[1]
        try:
            claims = jwt.decode(access_token, self._access_key, algorithms=[_ALGORITHM])
        except jwt.ExpiredSignatureError:
            raise Unauthenticated("The access token has expired: refresh it.") from None
        except jwt.InvalidTokenError:
            raise Unauthenticated(
                "This is no access token: send it as refresh_token to POST /api/v1/auth/refresh, "
                "and its answer's access_token here."
                if access_token.startswith((MARK, EXECUTION_MARK, PROCESS_MARK))
                else "The access token is not valid: refresh it."
            ) from None
        scope = await self._scope_of(claims)
        if not scope.is_inside:
            # Code inside is asked for anew each time: what it may do changes, and ends at once.
            if len(self._trusted) > 1000:
                self._trusted.clear()
            self._trusted[access_token] = (time.monotonic() + TRUST_S, scope)
        return scope

    async def user(self, scope: Scope, user_id: str) -> User:
        """Return a user, who may have been removed.

        Raises:
            NotFound: There never was such a user.
        """
        user = await self._database.read(user_rows.known_user, user_id)
        if user is None:
            raise NotFound(f"There is no user {user_id!r}.")
        return user

    async def _scope_of(self, claims: Mapping[str, Any]) -> Scope:
        if "execution" in claims:
            user = await self._database.read(records.user_of_execution, str(claims["execution"]))
            rights = self._processes.in_executions
            return Scope(user, rights, str(claims["execution"]), "inside an execution")
        if "process" in claims:
            process = self._processes.living(str(claims["process"]))
            user = await self._database.read(records.user_of, process.holder.owner)
            serves = process.credential.serving > 0
            place = "inside an execution" if serves else "that is being imported"
            rights, deployment_id = self._processes.rights_of(process), process.holder.deployment_id
            return Scope(user, rights, place=place, deployment_id=deployment_id)
        user = await self._database.read(records.user_of_token, str(claims.get("token")))
        return scope_of_user(user)

    async def _execution_of(self, token: str) -> str:
        execution_id = self._executions.id_of(token)
        # A call that pods answer may not be on record yet, and asks for itself.
        await self._put_on_record(execution_id)
        execution = await self._database.read(execution_rows.execution_by_id, execution_id)
        if execution is None or execution.status.is_terminal:
            raise Unauthenticated("The execution that this token belongs to has ended.")
        return execution_id


def access_token_for(keys: Keys, token: TokenInfo) -> str:
    """Return the access token of an SDK token to whoever has the keys."""
    return _access_token({"token": token.id}, keys.derive("access tokens"))


def _access_token(claims: Mapping[str, str], key: bytes) -> str:
    issued = int(now_s())
    return jwt.encode(
        {**claims, "iat": issued, "exp": issued + ACCESS_LIFETIME_S}, key, algorithm=_ALGORITHM
    )
