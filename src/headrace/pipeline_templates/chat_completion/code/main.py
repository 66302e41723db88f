"""Passes a chat to a model API."""

from __future__ import annotations

from typing import Any

from chat_api import checked, complete


def chat(
    messages: list[dict[str, Any]],
    model: str | None = None,
    temperature: float | None = None,
    max_tokens: float | None = None,
) -> dict[str, Any]:
    """Return the API's answer to a chat."""
    found = complete(
        checked(messages),
        model=model or None,
        temperature=temperature,
        max_tokens=None if max_tokens is None else int(max_tokens),
    )
    return {
        # Null where a model calls tools, which are in the choices.
        "answer": found["choices"][0]["message"]["content"] or "",
        "id": str(found.get("id") or ""),
        "model": str(found.get("model") or model or ""),
        "choices": found["choices"],
        "usage": found.get("usage") or {},
    }
