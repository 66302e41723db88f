"""What a caller may do, and what code of pipelines may by default (wire contract, 1.4 and 8)."""

from __future__ import annotations

from enum import StrEnum


class Right(StrEnum):
    """One thing that a caller may do; each route of the API names the one that it needs."""

    LOOK = "look"
    """See pipelines, deployments (without their tokens), executions, logs, fire times, users."""
    READ_FILES = "read-files"
    """See and download files of the data store."""
    WRITE_FILES = "write-files"
    """Upload and delete files of the data store."""
    READ_VARIABLES = "read-variables"
    """See environment variables, which all executions have in their environment anyway."""
    RUN = "run"
    """Run pipelines and call deployments."""
    METRICS = "metrics"
    """Record metrics of executions; code may do it for its own."""
    VARIABLES = "variables"
    """Set and delete environment variables."""
    EXECUTIONS = "executions"
    """Cancel and delete executions."""
    PIPELINES = "pipelines"
    """Create and delete pipelines."""
    DEPLOYMENTS = "deployments"
    """Create, change and delete deployments."""
    ENDPOINT_TOKENS = "endpoint-tokens"
    """See and renew the tokens of endpoints."""
    PROJECT = "project"
    """Change the project's settings."""
    TOKENS = "tokens"
    """See, create and revoke SDK tokens."""
    USERS = "users"
    """List, create and remove users, and set their passwords."""


EVERYTHING = frozenset(Right)
"""What a user may do, with an SDK token."""

AT_IMPORT = frozenset({Right.LOOK, Right.READ_FILES, Right.READ_VARIABLES})
"""What code may do while it is imported, before it serves anybody."""

IN_EXECUTIONS = AT_IMPORT | {Right.WRITE_FILES, Right.RUN, Right.METRICS}
"""What code may do while it is executed, unless an operator allows more."""

GRANTABLE = (
    Right.VARIABLES,
    Right.EXECUTIONS,
    Right.PIPELINES,
    Right.DEPLOYMENTS,
    Right.ENDPOINT_TOKENS,
)
"""What an operator may allow executions besides. Users, tokens and the project stay with users."""
