"""On whose behalf a verb is carried out, and what that caller may do."""

from __future__ import annotations

from dataclasses import dataclass

from headrace.core.errors import Unauthenticated
from headrace.core.rights import EVERYTHING, Right
from headrace.core.tokens import User


@dataclass(frozen=True, slots=True)
class Scope:
    """The caller of a verb with the caller's rights.

    Attributes:
        caller: The person or program; None for the server itself, and for whoever needs no user.
        may: The rights of the caller.
        execution_id: The execution that the request comes from, or None.
        place: Where the code is that makes the request, for messages; None outside of pipelines.
        deployment_id: The deployment whose pod makes the request, or None.
        session: Digest of the session in which a person makes it by a browser, or None.
    """

    caller: User | None
    may: frozenset[Right] = EVERYTHING
    execution_id: str | None = None
    place: str | None = None
    deployment_id: str | None = None
    session: str | None = None

    @property
    def user(self) -> User:
        """The caller, of a verb that needs one.

        Raises:
            Unauthenticated: Nobody has said who calls.
        """
        if self.caller is None:
            raise Unauthenticated("This needs an access token.")
        return self.caller

    @property
    def is_inside(self) -> bool:
        """Whether code of a pipeline makes the request."""
        return self.place is not None


def scope_of_user(user: User, session: str | None = None) -> Scope:
    """Return the scope of a person or program that came in with a user's token or password.

    The one place that says what a user may do: today, everything.
    """
    return Scope(user, EVERYTHING, session=session)


SERVER = Scope(None)
"""The server itself, which acts for nobody."""

ANYBODY = Scope(None, frozenset())
"""Whoever asks without credentials."""

ENDPOINT_CALLER = Scope(None, frozenset({Right.RUN}))
"""Whoever has the token of an endpoint, and with it the right to call that endpoint."""
