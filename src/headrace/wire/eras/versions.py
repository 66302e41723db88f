"""Versions of the public client, where its calls mean different things (wire contract, 7 and B)."""

from __future__ import annotations

import re

CLIENT_HEADER = "craft-ai-client"

Version = tuple[int, int]

CURRENT: Version = (0, 74)

LISTS_ARE_OBJECTS_SINCE: Version = (0, 35)
"""Before it, a list of the data store is a bare array, and there are no pages."""

IS_ENABLED_SINCE: Version = (0, 38)
"""Before it, an enabled deployment is ``active``."""

STATUS_SINCE: Version = (0, 42)
"""Before it, a deployment has an ``update_status``."""

PIPELINES_HAVE_INPUTS_SINCE: Version = (0, 45)
"""Before it, pipelines are made of steps alone, and have ``open_inputs`` and ``open_outputs``."""

CREATION_WORDS_SINCE: Version = (0, 48)
"""Before it, deployments are ``pending`` or ``failed``, not ``creation_pending`` and so on."""

SMALL_WORDS_SINCE: Version = (0, 50)
"""Before it, pipelines and steps are ``Pending`` or ``Ready``."""

WAITS_FOR_OBJECTS_SINCE: Version = (0, 54)
"""Before it, the answer to a creation is the finished object, or 206 while it is being made."""

PIPELINES_ARE_NESTED_SINCE: Version = (0, 56)
"""Before it, what a pipeline says of itself is flat."""

UPLOADS_SAY_THEIR_SIZE_SINCE: Version = (0, 56)
"""Since then, the last part of every upload in parts says how large the whole is."""

STEPS_UNTIL: Version = (0, 73)
"""Since then, there are no steps, and inputs are known by the pipeline's names alone."""

_CLIENT = re.compile(r"craft-ai-sdk@(\d{1,6})\.(\d{1,6})")


def client_version(header: str | None) -> Version:
    """Return the version that the header ``craft-ai-client`` names; without one, the current."""
    found = _CLIENT.match(header or "")
    return (int(found[1]), int(found[2])) if found else CURRENT


def is_public_client(header: str | None) -> bool:
    """Check whether the header ``craft-ai-client`` is that of the public client, of any version."""
    return header is not None and header.startswith("craft-ai-sdk@")
