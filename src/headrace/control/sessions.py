"""Sessions of people who sign in with a browser."""

from __future__ import annotations

from contextlib import suppress

from headrace.control.sealing import Keys
from headrace.control.transactions import sessions as records
from headrace.core.clock import now
from headrace.core.errors import Unauthenticated, Unavailable
from headrace.core.scopes import scope_of_user
from headrace.core.sessions import SEEN_EVERY, Session, SessionRecord, csrf_of, mint_session
from headrace.core.tokens import token_digest
from headrace.store import sessions as rows
from headrace.store.database import Database


class Sessions:
    """Sessions, each known by a token that a cookie holds."""

    def __init__(self, database: Database, keys: Keys) -> None:
        self._database = database
        self._csrf_key = keys.derive("sessions")

    async def open(
        self, user_id: str, *, sdk_token_id: str | None = None, hashed: str | None = None
    ) -> str:
        """Open a session for a user whose credentials were checked, and return its token.

        Args:
            user_id: Id of the user.
            sdk_token_id: The SDK token it is opened with, whose revocation ends it, or None.
            hashed: Hash of the password it is opened with, or None.

        Raises:
            Unauthenticated: The password was changed or the token revoked meanwhile.
        """
        token, at = mint_session(), now()
        record = SessionRecord(token_digest(token), user_id, sdk_token_id, at, at)
        await self._database.write(records.open_session, record, hashed)
        return token

    async def of(self, token: str) -> Session:
        """Return the session of a token, which is looked up each time, so that its end counts.

        Raises:
            Unauthenticated: There is none, or it has ended.
        """
        digest = token_digest(token)
        found = await self._database.read(rows.session_by_digest, digest)
        if found is None or found[0].is_over(now()):
            raise Unauthenticated("You are not signed in any more: sign in again.")
        record, user = found
        if now() >= record.seen_at + SEEN_EVERY:
            with suppress(Unavailable):
                # On a full disk too, people want to see what goes on: the session just ends sooner.
                await self._database.write(rows.note_use, digest, now())
        return Session(scope_of_user(user, digest), csrf_of(token, self._csrf_key))

    async def sign_out(self, token: str) -> None:
        """End a session."""
        await self._database.write(rows.remove_session, token_digest(token))
