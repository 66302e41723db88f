"""Routes of users and their passwords."""

from __future__ import annotations

from headrace.web.exchange import Exchange
from headrace.wire.answers import Answer
from headrace.wire.bodies import account_body, user_body
from headrace.wire.fields import refuse_unknown


async def list_users(exchange: Exchange) -> Answer:
    """List users, oldest first, and whether they have a password, which nobody is shown."""
    accounts = await exchange.services.users.all(exchange.scope)
    return Answer([account_body(account) for account in accounts])


async def create_user(exchange: Exchange) -> Answer:
    """Create a user, who may sign in to the console with name or address and password."""
    sent = await exchange.json_object()
    refuse_unknown(sent, ("name", "password", "email"), "The request")
    user = await exchange.services.users.create(
        exchange.scope, sent.get("name"), sent.get("password"), sent.get("email")
    )
    return Answer(user_body(user), 201)


async def remove_user(exchange: Exchange) -> Answer:
    """Remove the user of a name or address, and end the user's sessions and SDK tokens."""
    name = exchange.name()
    user, tokens = await exchange.services.users.remove(exchange.scope, name)
    return Answer({"name": user.name, "revoked_tokens": tokens})


async def set_password(exchange: Exchange) -> Answer:
    """Give a user another password, and end the user's other sessions.

    A session that changes the password of its own user sends `current_password` as well.
    """
    name, sent = exchange.name(), await exchange.json_object()
    refuse_unknown(sent, ("password", "current_password"), "The request")
    user = await exchange.services.users.set_password(
        exchange.scope, name, sent.get("password"), sent.get("current_password")
    )
    return Answer({"name": user.name})
