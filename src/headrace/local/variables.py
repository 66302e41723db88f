"""The environment variables of a local server's executions: exactly those that were asked for."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from headrace import HeadraceSdk
from headrace.core.errors import HeadraceError, InvalidRequest, NotFound


def set_variables(sdk: HeadraceSdk, wanted: Mapping[str, str]) -> dict[str, HeadraceError]:
    """Set the environment variables of all executions, and delete all others.

    Returns:
        The names that a server does not take, each with its reason.
    """
    there = {item["name"]: item["value"] for item in sdk.list_environment_variables()}
    refused: dict[str, HeadraceError] = {}
    for name, value in wanted.items():
        if there.get(name) == value:
            continue
        try:
            sdk.create_or_update_environment_variable(name, value)
        except InvalidRequest as error:
            refused[name] = error
    for name in there.keys() - wanted.keys():
        with suppress(NotFound):
            sdk.delete_environment_variable(name)
    return refused
