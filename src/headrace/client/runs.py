"""The part of the SDK that runs pipelines, for programs that start often."""

from __future__ import annotations

from headrace.client.connected import Connected
from headrace.client.executions import ExecutionCalls
from headrace.client.logs import LogCalls


class RunSdk(Connected, ExecutionCalls, LogCalls):
    """A connection with which pipelines are run, and their executions looked at."""
