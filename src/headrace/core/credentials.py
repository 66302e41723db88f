"""By what code of pipelines is known to the server: where that is, and a token of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

_PREFIXES = ("CRAFT_AI", "HEADRACE")

ID_NAMES = tuple(f"{prefix}_EXECUTION_ID" for prefix in _PREFIXES)
"""The variables by which code finds out which execution it belongs to."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where user code finds the server.

    Attributes:
        environment_url: Root URL of the environment.
        control_url: Root URL of the control plane; the same server.
    """

    environment_url: str
    control_url: str

    def variables(self, **own: str) -> dict[str, str]:
        """Return the variables that clients without arguments read, under the names of both.

        ``own`` are further ones, named without their prefix, such as ``SDK_TOKEN``.
        """
        shared = {
            "ENVIRONMENT_URL": self.environment_url,
            "CONTROL_URL": self.control_url,
            **own,
        }
        return {f"{prefix}_{name}": value for prefix in _PREFIXES for name, value in shared.items()}


@dataclass(frozen=True, slots=True)
class Holder:
    """Who a process that imports user code works for.

    Attributes:
        owner: Id of the user in whose name it acts.
        deployment_id: The deployment whose pod it is; None for a template of executions.
    """

    owner: str
    deployment_id: str | None = None


@dataclass(slots=True)
class Credential:
    """What one process is known by, from its start until nothing is left of it.

    Attributes:
        variables: Environment variables of the process, present when user code is imported.
        revoke: Makes the token void. To be called once nothing of the process is left.
        serving: How many calls the process serves now; a pod that takes calls counts as one.
            At 0 its code is being imported, or idle, and may only read.
    """

    variables: Mapping[str, str] = field(default_factory=dict)
    revoke: Callable[[], None] = lambda: None
    serving: int = 0


Issue = Callable[[Holder], Credential]
"""Gives a process that is about to start a credential of its own."""


def no_credential(holder: Holder) -> Credential:
    """Return a credential that opens nothing, for engines without a server."""
    del holder
    return Credential()
