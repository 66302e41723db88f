"""The call that new pods of a deployment have to pass, by its values and its mapping."""

from __future__ import annotations

from collections.abc import Mapping

from headrace.core.absence import Absent
from headrace.core.deployments import Deployment
from headrace.core.errors import InvalidValue
from headrace.core.mappings import resolve_given
from headrace.core.pods import PodCall
from headrace.core.values import FileValue, Json
from headrace.running.bindings import StartBindings


def probe_of(deployment: Deployment, variables: Mapping[str, str]) -> PodCall | None:
    """Return the probe of a deployment, or None; its log and its files are the pod's affair.

    Raises:
        InvalidValue: Its values do not fit the inputs of the version, or one is missing.
    """
    if deployment.probe is None:
        return None
    try:
        values = resolve_given(deployment.inputs, deployment.probe)
        bindings = StartBindings(variables, {})
        for item in deployment.inputs:
            if item.source.is_late:
                values[item.parameter.name] = item.source.resolve(item.parameter, bindings)
    except InvalidValue as error:
        raise InvalidValue(f"The probe cannot be made: {error.message}") from None
    given: dict[str, Json] = {}
    absent: dict[str, str | None] = {}
    for name, value in values.items():
        if isinstance(value, Absent):
            absent[name] = value.why
        elif not isinstance(value, FileValue):
            given[name] = value
    return PodCall("", given, variables, "", "", absent=absent)
