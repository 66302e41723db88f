"""Steps: code of the platform's first years, built once, from which pipelines are made by name.

A step is kept as a pipeline that nobody sees, with one version after the other. A pipeline that is
made of it runs what the step was then, and knows its name.
"""

from __future__ import annotations

_MARK = "step:"
"""No pipeline can be named so (:func:`headrace.core.names.check_name`)."""


def hidden_name(step_name: str) -> str:
    """Return the name of the pipeline that a step is kept as."""
    return f"{_MARK}{step_name}"


def is_hidden(pipeline_name: str) -> bool:
    """Tell whether a pipeline is one that a step is kept as."""
    return pipeline_name.startswith(_MARK)


def shown_name(pipeline_name: str) -> str:
    """Return the name of the step that a pipeline stands for."""
    return pipeline_name.removeprefix(_MARK)
