"""Routes of users, tokens and the environment itself."""

from __future__ import annotations

from headrace.core.errors import InvalidRequest, Unauthenticated
from headrace.version import __version__
from headrace.web.exchange import Exchange
from headrace.wire.answers import Answer
from headrace.wire.bodies import timestamp, token_body, user_body

READY = "ready"
"""The one status of an environment that answers (wire contract, appendix B)."""


async def environment_info(exchange: Exchange) -> Answer:
    """Name the environment, and the limit that a client should know before it sends a folder.

    It is always ``ready``: an environment is a server, and one that answers is. No GPU is reserved.
    """
    services = exchange.services
    return Answer(
        {
            "environment_id": services.environment_id,
            "environment_status": READY,
            "version": __version__,
            "gpu_enabled": False,
            "max_folder_bytes": services.max_folder_bytes,
        }
    )


async def environment_summary(exchange: Exchange) -> Answer:
    """Show the status of the environment, and since when it has it: the server's start."""
    since = timestamp(exchange.services.started_at)
    return Answer({"environment_status": READY, "environment_status_updated_at": since})


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
    """Create an SDK token for the caller, and show it this once."""
    name = (await exchange.json_object()).get("name")
    if not isinstance(name, str):
        raise InvalidRequest("name is missing: give the token a name, such as 'ci'.")
    token = await exchange.services.tokens.create(exchange.scope, name)
    return Answer({"name": name, "token": token}, 201)


async def revoke_token(exchange: Exchange) -> Answer:
    """Revoke an SDK token."""
    await exchange.services.tokens.revoke(exchange.scope, exchange.name())
    return Answer({"name": exchange.name()})
