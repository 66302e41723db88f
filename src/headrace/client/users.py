"""Users, their passwords and their SDK tokens."""

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

    def list_users(self) -> list[Object]:
        """Return all users: ``[{"id", "name", "email", "created_at", "has_password"}]``."""
        users: list[Object] = self._transport.call(routes.USERS)
        return users

    def create_user(self, name: str, password: str, email: str | None = None) -> Object:
        """Create a user, who may sign in to the console with name or address and password.

        Returns:
            ``{"id", "name", "email"}``.

        Raises:
            InvalidName: The name breaks the rule for names.
            InvalidValue: The password or the address cannot be used.
            AlreadyExists: Somebody has the name or the address.
        """
        body = {"name": check_name(name, "name"), "password": password, "email": email}
        user: Object = self._transport.call(routes.CREATE_USER, Request(body=Json(body)))
        return user

    def set_password(self, name: str, password: str) -> Object:
        """Give a user another password, and end that user's sessions at once.

        Returns:
            ``{"name": str}``.

        Raises:
            InvalidValue: The password cannot be used.
            NotFound: There is no such user.
        """
        body = Json({"password": password})
        user: Object = self._transport.call(routes.SET_PASSWORD, Request(body=body), name=name)
        return user

    def remove_user(self, name: str) -> Object:
        """Remove a user; the user's sessions and SDK tokens end at once.

        What the user has deployed goes on, and records still say the user's name.

        Returns:
            ``{"name": str, "revoked_tokens": [str]}``.

        Raises:
            NotFound: There is no such user.
            Conflict: It is the user of this SDK's token.
            InUse: All SDK tokens that there are belong to that user.
        """
        removed: Object = self._transport.call(routes.REMOVE_USER, name=name)
        return removed

    def list_tokens(self) -> list[Object]:
        """Return all SDK tokens without their texts: ``[{"id", "name", "created_at", "user"}]``."""
        tokens: list[Object] = self._transport.call(routes.TOKENS)
        return tokens

    def create_token(self, name: str, user: str | None = None) -> Object:
        """Create an SDK token; this is the only time that it is shown.

        Args:
            name: Name of the token.
            user: Name or address of the user whom it belongs to; your own unless given.

        Returns:
            ``{"name": str, "token": str}``.

        Raises:
            InvalidName: The name breaks the rule for names.
            AlreadyExists: The name is taken.
            NotFound: There is no such user.
        """
        body = Json({"name": check_name(name, "name"), "user": user})
        token: Object = self._transport.call(routes.CREATE_TOKEN, Request(body=body))
        return token

    def revoke_token(self, name: str) -> Object:
        """Make an SDK token invalid at once; returns ``{"name": str}``.

        Raises:
            NotFound: There is no such token.
        """
        revoked: Object = self._transport.call(routes.REVOKE_TOKEN, name=name)
        return revoked
