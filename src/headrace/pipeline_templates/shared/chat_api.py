"""Asks an API for chats that has the shape of OpenAI's: ``POST <address>/chat/completions``."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any

TIMEOUT_S = 120
MAX_ANSWER_BYTES = 10_000_000


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: the key is meant for one address."""

    def redirect_request(self, *_: Any) -> None:
        """Refuse, so that the redirect becomes an error."""


_opener = urllib.request.build_opener(_NoRedirects)


def is_configured() -> bool:
    """Return whether the environment variables name an API."""
    return bool(os.environ.get("CHAT_API_URL"))


def complete(messages: Sequence[Mapping[str, Any]], **options: Any) -> dict[str, Any]:
    """Return the API's answer to a chat.

    ``CHAT_API_URL`` is the address, such as ``https://api.example.org/v1``; ``CHAT_API_KEY`` the
    key, if it needs one; ``CHAT_API_MODEL`` the model if none is given.

    Raises:
        RuntimeError: There is no answer; the message says why, and never has the key.
    """
    address = os.environ.get("CHAT_API_URL", "").rstrip("/")
    if not address.startswith(("https://", "http://")):
        raise RuntimeError(
            "Set the environment variable CHAT_API_URL to the address of the API, such as "
            "https://api.example.org/v1."
        )
    given = {"model": os.environ.get("CHAT_API_MODEL"), **_without_nulls(options)}
    if not given["model"]:
        raise RuntimeError("Give a model, or set the environment variable CHAT_API_MODEL.")
    body = json.dumps({**given, "messages": list(messages)}).encode()
    headers = {"Content-Type": "application/json"}
    if os.environ.get("CHAT_API_KEY"):
        headers["Authorization"] = f"Bearer {os.environ['CHAT_API_KEY']}"
    request = urllib.request.Request(f"{address}/chat/completions", body, headers)
    return _answer(request)


def checked(messages: Any) -> list[dict[str, Any]]:
    """Return the messages of a chat if they are some.

    Raises:
        ValueError: They are not; the message says which.
    """
    if not isinstance(messages, list) or not messages:
        raise ValueError("messages must be a list with at least one message.")
    for position, message in enumerate(messages):
        if not isinstance(message, dict) or not {"role", "content"} <= set(message):
            raise ValueError(f"messages[{position}] must be an object with role and content.")
    return messages


def _answer(request: urllib.request.Request) -> dict[str, Any]:
    try:
        with _opener.open(request, timeout=TIMEOUT_S) as response:
            text = response.read(MAX_ANSWER_BYTES + 1)
    except urllib.error.HTTPError as error:
        with error:
            said = _without_key(error.read(2000).decode(errors="replace"))
        raise RuntimeError(f"The API answered {error.code}: {said}") from None
    except OSError as error:
        # Of urllib, an address that cannot be reached is one of these too.
        raise RuntimeError(f"The API cannot be reached: {error}") from None
    if len(text) > MAX_ANSWER_BYTES:
        raise RuntimeError(f"The API's answer is longer than {MAX_ANSWER_BYTES:,} bytes.")
    try:
        answer: dict[str, Any] = json.loads(text)
        answer["choices"][0]["message"]["content"]
    except (ValueError, LookupError, TypeError):
        said = _without_key(text[:500].decode(errors="replace"))
        raise RuntimeError(f"The API's answer is no chat completion: {said}") from None
    return answer


def _without_key(text: str) -> str:
    """Return a text without the key: some APIs repeat what they refuse."""
    key = os.environ.get("CHAT_API_KEY")
    return text.replace(key, "********") if key else text


def _without_nulls(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}
