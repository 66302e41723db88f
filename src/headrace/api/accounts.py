"""Routes of users and tokens."""

from __future__ import annotations

from headrace.core.errors import InvalidRequest, Unauthenticated
from headrace.web.exchange import Exchange
from headrace.wire.answers import Answer
from headrace.wire.bodies import token_body, user_body
from headrace.wire.fields import refuse_unknown


async def refresh(exchange: Exchange) -> Answer:
    """Exchange an SDK token for an access token."""
    token = (await exchange.json_object()).get("refresh_token")
    if not isinstance(token, str) or not token:
        raise Unauthenticated("refresh_token is missing: send the SDK token under this key.")
    return Answer({"access_token": await exchange.services.tokens.refresh(token)})


async def me(exchange: Exchange) -> Answer:
    """Show the caller's user."""
    return Answer(user_body(exchange.scope.user))


async def user(exchange: Exchange) -> Answer:
    """Show a user."""
    user_id = exchange.name("user_id")
    return Answer(user_body(await exchange.services.tokens.user(exchange.scope, user_id)))


async def list_tokens(exchange: Exchange) -> Answer:
    """List SDK tokens: all that is known of them, which is not the tokens."""
    tokens = await exchange.services.tokens.all(exchange.scope)
    return Answer([token_body(token) for token in tokens])


async def create_token(exchange: Exchange) -> Answer:
    """Create an SDK token for the caller, or for another `user`, and show it this once."""
    sent = await exchange.json_object()
    refuse_unknown(sent, ("name", "user"), "The request")
    name, user = sent.get("name"), sent.get("user")
    if not isinstance(name, str):
        raise InvalidRequest("name is missing: give the token a name, such as 'ci'.")
    if user is not None and not isinstance(user, str):
        raise InvalidRequest("user must be a string, the name or address of a user.")
    token = await exchange.services.tokens.create(exchange.scope, name, user)
    return Answer({"name": name, "token": token}, 201)


async def revoke_token(exchange: Exchange) -> Answer:
    """Revoke an SDK token."""
    await exchange.services.tokens.revoke(exchange.scope, exchange.name())
    return Answer({"name": exchange.name()})
