"""Answers of the forms of deployments: problems beside fields, the meaning of a schedule."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from headrace.console import deployment_fields as fields
from headrace.console.drawing.fire_times import FireTimes, fire_times_of
from headrace.core.errors import AlreadyExists, HeadraceError
from headrace.core.pipelines import Pipeline


def placed(error: HeadraceError, found: Pipeline) -> dict[str, str]:
    """Return the message of a refusal by the fields that it is about."""
    places = {f"input {one.name!r}": fields.SOURCE + one.name for one in found.inputs}
    places |= {f"output {one.name!r}": fields.GOAL + one.name for one in found.outputs}
    problems = error.details.get("problems") or []
    wrong = {
        places[about]: problem
        for problem in problems
        for about in places
        if problem.startswith(about)
    }
    if problems:
        return wrong
    if isinstance(error, AlreadyExists):
        return {"name": error.message}
    keys = {option.key: option.key for option in fields.ALL}
    keys |= {"name": "name", "the deployment's name": "name", "mode": "mode"}
    about = [key for key in keys if error.message.startswith((f"{key} ", f"{key}:"))]
    return {keys[key]: error.message for key in about}


async def shown_fire_times(typed: Mapping[str, str]) -> FireTimes | None:
    """Return the fire times of an expression; None if it is empty or cannot be used."""
    return await asyncio.to_thread(_fire_times, typed)


def _fire_times(typed: Mapping[str, str]) -> FireTimes | None:
    if not typed.get("schedule"):
        return None
    try:
        return fire_times_of(typed["schedule"], typed.get("timezone") or "UTC")
    except HeadraceError:
        return None
