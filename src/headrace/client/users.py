"""Users and their SDK tokens."""

from __future__ import annotations

from headrace.client.messages import Json, Request
from headrace.client.parts import Object, Part
from headrace.core.names import check_name
from headrace.wire import routes


class UserCalls(Part):
    """Who is who, and by which token."""

    def who_am_i(self) -> Object:
        """Return the user of this SDK's token: ``{"id", "name", "email"}``.

        Raises:
            Unauthenticated: The token is not valid.
        """
        user: Object = self._transport.call(routes.ME)
        return {key: user[key] for key in ("id", "name", "email")}

    def get_user(self, user_id: str) -> Object:
        """Return a user: ``{"id", "name", "email"}``.

        Raises:
            NotFound: There is no such user.
        """
        user: Object = self._transport.call(routes.USER, user_id=user_id)
        return user

    def list_tokens(self) -> list[Object]:
        """Return all SDK tokens without their texts: ``[{"id", "name", "created_at", "user"}]``."""
        tokens: list[Object] = self._transport.call(routes.TOKENS)
        return tokens

    def create_token(self, name: str) -> Object:
        """Create an SDK token; this is the only time that it is shown.

        Returns:
            ``{"name": str, "token": str}``.

        Raises:
            InvalidName: The name breaks the rule for names.
            AlreadyExists: The name is taken.
        """
        body = Json({"name": check_name(name, "name")})
        token: Object = self._transport.call(routes.CREATE_TOKEN, Request(body=body))
        return token

    def revoke_token(self, name: str) -> Object:
        """Make an SDK token invalid at once; returns ``{"name": str}``.

        Raises:
            NotFound: There is no such token.
        """
        revoked: Object = self._transport.call(routes.REVOKE_TOKEN, name=name)
        return revoked
