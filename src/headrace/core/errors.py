"""The error tree: every error that a caller can be shown, grouped by what the caller can do.

The class name is the stable code of the error: it is the ``name`` of the error object on the
wire, and the client raises the same class again from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headrace.core.rendering import rendered


class HeadraceError(Exception):
    """Root of all errors meant for a caller.

    Attributes:
        message: What was wrong and what to do, in one or two sentences.
        details: Further facts as JSON-encodable values, sent as ``additional_data``.
        is_answer: Whether it is a server's answer, and not found out before anything was sent.
    """

    is_answer = False

    def __init__(self, message: str, *, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.details: dict[str, Any] = dict(details or {})

    def _render_traceback_(self) -> list[str]:
        """Return the lines that a notebook shows: the user's call, and the message."""
        return rendered(self, f"{type(self).__name__}: {self.message}")

    @property
    def code(self) -> str:
        """Stable name of this kind of error."""
        return type(self).__name__


class InvalidRequest(HeadraceError):
    """The request cannot be carried out as it is: fix the request."""


class InvalidName(InvalidRequest):
    """A name breaks the rule of :mod:`headrace.core.names`."""


class InvalidValue(InvalidRequest):
    """A value does not fit its declared type, or is missing."""


class InvalidMapping(InvalidRequest):
    """A mapping of inputs or outputs is not allowed or not complete."""


class InvalidSchedule(InvalidRequest):
    """A cron expression, a time zone or another part of a schedule cannot be used."""


class InvalidCode(InvalidRequest):
    """The pipeline's files cannot be used: no such file, no such function, a syntax error."""


class InvalidEnvironment(InvalidRequest):
    """The pipeline's Python, its image or its dependencies cannot be had on this machine."""


class TooLarge(InvalidRequest):
    """The request exceeds a documented limit of size."""


class Unauthenticated(HeadraceError):
    """No credentials, or credentials that are not valid: fix the credentials."""


class PermissionDenied(HeadraceError):
    """The credentials are valid but do not allow this: those of code of pipelines allow little."""


class NotFound(HeadraceError):
    """There is no such thing."""


class AmbiguousId(InvalidRequest):
    """Several things have an id that begins as given; raised by the client alone."""


class Conflict(HeadraceError):
    """The request contradicts the present state: reload, then decide."""


class AlreadyExists(Conflict):
    """The name is taken."""


class InUse(Conflict):
    """Something else still needs it."""


class BreakingChange(Conflict):
    """A version would break deployments or callers: ``details`` has each of them."""


class IllegalTransition(Conflict):
    """The state cannot change in this way from where it is now."""


class Unavailable(HeadraceError):
    """The server cannot do this at the moment: retry later."""


class Overloaded(Unavailable):
    """Too many calls wait already: retry after the time that ``Retry-After`` says."""


class ServerPaused(Unavailable):
    """The server is paused and takes no work: retry once somebody has resumed it."""


class TooManyTries(Unavailable):
    """Too many failed tries to come in: try again after the time that ``Retry-After`` says."""


class PipelineCreationFailed(HeadraceError):
    """The build of a pipeline ended as ``creation_failed``; raised by the client when it waits."""


class DeploymentCreationFailed(HeadraceError):
    """The pods of a deployment could not be started; raised by the client when it waits."""


class PipelineExecutionFailed(HeadraceError):
    """The execution that was waited for ended as ``Failed`` or ``Error``."""


class WaitTimeout(HeadraceError):
    """A wait ended before what it waited for, which goes on; raised by the client alone."""
