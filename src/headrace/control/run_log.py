"""A line of the server's log for the end of each attempt at an execution."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from headrace.core.executions import Execution, status_after
from headrace.core.outcomes import Failure

logger = logging.getLogger("headrace.runs")


def say_end(
    execution: Execution, failure: Failure | None, at: datetime, delay: timedelta | None = None
) -> None:
    """Log how an attempt ended. What user code said of it is in the record, and not here.

    Args:
        execution: The execution.
        failure: Why it did not succeed.
        at: When it had ended, UTC.
        delay: Time until the next attempt, if one follows.
    """
    took = (
        ""
        if execution.started_at is None
        else f" after {(at - execution.started_at).total_seconds():.3f} s"
    )
    why = "" if failure is None else f" ({failure.kind.value})"
    by = "" if execution.deployment_name is None else f" by {execution.deployment_name}"
    again = "" if delay is None else f"; attempted again in {delay.total_seconds():g} s"
    logger.info(
        "%s: execution %s of %s%s, attempt %d%s%s%s",
        status_after(failure).value,
        execution.id,
        execution.pipeline_name,
        by,
        execution.attempt,
        why,
        took,
        again,
    )
