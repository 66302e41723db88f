"""The pages of the users, and of one's own password."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from headrace.console.forms import read_fields
from headrace.console.navigation import SETTINGS, address
from headrace.console.rendering import page, see_other
from headrace.core.errors import HeadraceError, InvalidValue, NotFound
from headrace.core.users import MIN_PASSWORD, Account
from headrace.web.exchange import Exchange
from headrace.wire.problems import status_of

USERS = "/settings/users"
OWN_PASSWORD = "/settings/password"  # noqa: S105 - the address of a page


async def users(exchange: Exchange) -> Response:
    """Show the users, and the form to create one, or to set the password of one."""
    return await _users(exchange, whose=exchange.request.query_params.get("password", ""))


async def create_user(exchange: Exchange) -> Response:
    """Create a user."""
    fields = await read_fields(exchange, "name", "email", "password", "again")
    try:
        user = await exchange.services.users.create(
            exchange.scope, fields["name"].strip(), _new(fields), fields["email"].strip() or None
        )
    except HeadraceError as error:
        return await _users(exchange, error=error, typed=fields)
    return see_other(USERS, said=f"{user.name} can sign in now.")


async def set_password(exchange: Exchange) -> Response:
    """Give a user another password."""
    fields = await read_fields(exchange, "name", "password", "again")
    try:
        user = await exchange.services.users.set_password(
            exchange.scope, fields["name"], _new(fields)
        )
    except HeadraceError as error:
        return await _users(exchange, error=error, whose=fields["name"])
    return see_other(USERS, said=f"The password of {user.name} is set; sessions have ended.")


async def remove_user(exchange: Exchange) -> Response:
    """Remove a user."""
    name = (await read_fields(exchange, "name"))["name"]
    try:
        user, tokens = await exchange.services.users.remove(exchange.scope, name)
    except HeadraceError as error:
        return await _users(exchange, error=error, is_of_list=True)
    also = f" SDK tokens that ended: {', '.join(tokens)}." if tokens else ""
    return see_other(USERS, said=f"{user.name} is removed.{also}")


async def own_password(exchange: Exchange) -> Response:
    """Show the form to change one's own password."""
    return await _own(exchange)


async def change_own_password(exchange: Exchange) -> Response:
    """Change one's own password; this session goes on, and one's others end."""
    fields = await read_fields(exchange, "current", "password", "again")
    try:
        await exchange.services.users.set_password(
            exchange.scope, exchange.scope.user.name, _new(fields), fields["current"]
        )
    except HeadraceError as error:
        return await _own(exchange, error)
    return see_other(OWN_PASSWORD, said="Your password is set. Your other sessions have ended.")


def _new(fields: Mapping[str, str]) -> str:
    """Return the password that was typed twice.

    Raises:
        InvalidValue: It was not the same both times.
    """
    if fields["password"] != fields["again"]:
        raise InvalidValue("The two passwords differ: type the same one twice.")
    return fields["password"]


async def _users(
    exchange: Exchange,
    *,
    whose: str = "",
    error: HeadraceError | None = None,
    typed: Mapping[str, str] | None = None,
    is_of_list: bool = False,
) -> Response:
    services, scope = exchange.services, exchange.scope
    accounts = await services.users.all(scope)
    if whose and whose not in {account.user.name for account in accounts}:
        error = error or NotFound(f"There is no user named {whose!r}.")
        whose, is_of_list = "", True
    tokens: dict[str, list[str]] = {account.user.id: [] for account in accounts}
    for token in await services.tokens.all(scope):
        tokens.setdefault(token.user.id, []).append(token.name)
    return page(
        exchange.request,
        "settings-users.html",
        title="Users",
        section=SETTINGS.name,
        status=200 if error is None else status_of(error),
        accounts=accounts,
        tokens=tokens,
        me=scope.caller,
        whose=whose,
        error=error,
        is_of_list=is_of_list,
        typed=typed or {"name": "", "email": ""},
        least=MIN_PASSWORD,
        password_of=lambda name: address(USERS, password=name),
        own_password=OWN_PASSWORD,
    )


async def _own(exchange: Exchange, error: HeadraceError | None = None) -> Response:
    scope = exchange.scope
    mine = await _account(exchange)
    return page(
        exchange.request,
        "settings-password.html",
        title="My password",
        section=SETTINGS.name,
        status=200 if error is None else status_of(error),
        user=mine.user,
        has_password=mine.has_password,
        needs_current=mine.has_password and scope.session is not None,
        error=error,
        least=MIN_PASSWORD,
    )


async def _account(exchange: Exchange) -> Account:
    accounts = await exchange.services.users.all(exchange.scope)
    return next(found for found in accounts if found.user == exchange.scope.user)
