"""Requests to create and to change deployments (wire contract, 5.5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headrace.core.attachments import Attachment, attachment, check_place
from headrace.core.deployment_drafts import DeploymentChange, DeploymentDraft
from headrace.core.deployments import Mode
from headrace.core.destinations import OutputDestination
from headrace.core.errors import InvalidRequest
from headrace.core.low_latency import OPTION_NAMES as LOW_LATENCY_NAMES
from headrace.core.low_latency import read_low_latency
from headrace.core.names import check_name
from headrace.core.numbers import is_number
from headrace.core.retries import read_retries
from headrace.core.schedule_requests import OPTION_NAMES, ScheduleOptions, ScheduleRequest
from headrace.core.sources import InputSource, Rule
from headrace.wire.fields import read_version
from headrace.wire.mappings import read_input_mapping, read_output_mapping

_ENDPOINT_ONLY = ("endpoint_url_path", "endpoint_token")
_PERIODIC_ONLY = ("schedule", *OPTION_NAMES)
_KNOWN = {
    "pipeline_name",
    "name",
    "mode",
    "description",
    "execution_timeout_s",
    "retries",
    "retry_backoff_s",
    "is_enabled",
    "inputs_mapping",
    "outputs_mapping",
    "inputs",
    "outputs",
    "attachments",
    *_ENDPOINT_ONLY,
    *_PERIODIC_ONLY,
    *LOW_LATENCY_NAMES,
    "pipeline_version",
    "probe",
}
_CHANGEABLE = (
    "is_enabled",
    "schedule",
    *OPTION_NAMES,
    "inputs_mapping",
    "outputs_mapping",
    "execution_timeout_s",
    "retries",
    "retry_backoff_s",
    *LOW_LATENCY_NAMES,
    "replace_pods",
    "pipeline_version",
    "probe",
    "force",
    "attachments",
)
MAX_TIMEOUT_S = 30 * 86400


def read_deployment_request(body: Mapping[str, Any], rule: Rule) -> DeploymentDraft:
    """Return the request that a JSON body of ``/endpoints`` or ``/periodic-deployment`` makes.

    Raises:
        InvalidRequest: A key is unknown, missing, of the wrong type, or for another kind of
            deployment.
    """
    given = {key: value for key, value in body.items() if value is not None}
    unknown = sorted(set(given) - _KNOWN)
    if unknown:
        raise InvalidRequest(
            f"Unknown key {', '.join(unknown)}; the keys are {', '.join(sorted(_KNOWN))}."
        )
    _check_rule(given, rule)
    mode = _mode(given)
    return DeploymentDraft(
        rule=rule,
        name=_text(given, "name"),
        pipeline_name=check_name(_text(given, "pipeline_name"), "pipeline_name"),
        description=_optional_text(given, "description"),
        inputs_mapping=_inputs_mapping(given) or (),
        outputs_mapping=_outputs_mapping(given) or (),
        url_path=_optional_text(given, "endpoint_url_path"),
        token=_optional_text(given, "endpoint_token"),
        schedule=ScheduleRequest(given.get("schedule"), ScheduleOptions.read(given)),
        timeout_s=_timeout(given),
        retries=read_retries(given.get("retries"), given.get("retry_backoff_s")),
        is_enabled=_flag(given, "is_enabled") is not False,
        low_latency=read_low_latency(given) if mode is Mode.LOW_LATENCY else None,
        pinned_version=read_version(given.get("pipeline_version"), "pipeline_version"),
        probe=_probe(given),
        attachments={place: one for place, one in _attachments(given).items() if one is not None},
    )


def read_deployment_update(body: Mapping[str, Any]) -> DeploymentChange:
    """Return the change that a JSON body of ``PATCH /deployments/{name}`` asks for.

    Raises:
        InvalidRequest: A key is unknown or of the wrong type, or there is none.
    """
    unknown = sorted(set(body) - set(_CHANGEABLE))
    if unknown or not body:
        what = f"{', '.join(unknown)} cannot be changed" if unknown else "Nothing is to be changed"
        raise InvalidRequest(f"{what}: what can be is {', '.join(_CHANGEABLE)}.")
    most, backoff_s = body.get("retries"), body.get("retry_backoff_s")
    retries = read_retries(most, backoff_s)
    return DeploymentChange(
        is_enabled=_flag(body, "is_enabled"),
        inputs_mapping=_inputs_mapping(body),
        outputs_mapping=_outputs_mapping(body),
        schedule=ScheduleRequest(body.get("schedule"), ScheduleOptions.read(body)),
        timeout_s=_timeout(body),
        retries=None if most is None else retries.most,
        retry_backoff_s=None if backoff_s is None else retries.backoff_s,
        low_latency={
            name: value for name in LOW_LATENCY_NAMES if (value := body.get(name)) is not None
        },
        replaces_pods=bool(_flag(body, "replace_pods")),
        pin=(read_version(body["pipeline_version"], "pipeline_version"),)
        if "pipeline_version" in body
        else None,
        probe=(_probe(body),) if "probe" in body else None,
        is_forced=bool(_flag(body, "force")),
        attachments=_attachments(body),
    )


def _check_rule(given: Mapping[str, Any], rule: Rule) -> None:
    is_endpoint = rule is Rule.ENDPOINT
    found = [key for key in (_PERIODIC_ONLY if is_endpoint else _ENDPOINT_ONLY) if key in given]
    if found:
        right, wrong = "periodic deployments", "an endpoint"
        if not is_endpoint:
            right, wrong = "endpoints", "a periodic deployment"
        verb = "is" if len(found) == 1 else "are"
        raise InvalidRequest(f"{', '.join(found)} {verb} for {right}; leave it out of {wrong}.")


def _mode(given: Mapping[str, Any]) -> Mode:
    try:
        mode = Mode(given.get("mode", Mode.ELASTIC.value))
    except ValueError:
        raise InvalidRequest(
            f"mode must be 'elastic' or 'low_latency', not {given['mode']!r:.80}."
        ) from None
    misplaced = [key for key in LOW_LATENCY_NAMES if key in given]
    if mode is Mode.ELASTIC and misplaced:
        raise InvalidRequest(
            f"{', '.join(misplaced)} is for mode 'low_latency'; leave it out with mode 'elastic'."
        )
    return mode


def _inputs_mapping(given: Mapping[str, Any]) -> tuple[tuple[str, InputSource], ...] | None:
    items = _list(given, "inputs_mapping", "inputs")
    return None if items is None else tuple(read_input_mapping(item) for item in items)


def _outputs_mapping(given: Mapping[str, Any]) -> tuple[tuple[str, OutputDestination], ...] | None:
    items = _list(given, "outputs_mapping", "outputs")
    return None if items is None else tuple(read_output_mapping(item) for item in items)


def _list(given: Mapping[str, Any], *names: str) -> list[Any] | None:
    for name in names:
        items = given.get(name)
        if items is None:
            continue
        if not isinstance(items, list):
            raise InvalidRequest(f"{name} must be a list of mapping objects.")
        return items
    return None


def _probe(given: Mapping[str, Any]) -> dict[str, Any] | None:
    values = given.get("probe")
    if values is not None and not isinstance(values, dict):
        raise InvalidRequest(f"probe must be an object of input values, not {values!r:.80}.")
    return values


def _attachments(given: Mapping[str, Any]) -> dict[str, Attachment | None]:
    items = given.get("attachments")
    if items is None:
        return {}
    if not isinstance(items, dict):
        raise InvalidRequest(
            'attachments must be a JSON object, such as {"models/iris.joblib": {"digest": "…", '
            '"size": 4096}}; null in the place of the inner object detaches.'
        )
    found: dict[str, Attachment | None] = {}
    for place, fields in items.items():
        if fields is None:
            found[check_place(place)] = None
            continue
        if not isinstance(fields, dict) or set(fields) != {"digest", "size"}:
            raise InvalidRequest(
                f"{place!r:.200} of attachments must be an object with the keys digest and size."
            )
        found[place] = attachment(place, fields["digest"], fields["size"])
    return found


def _timeout(given: Mapping[str, Any]) -> float | None:
    seconds = given.get("execution_timeout_s")
    if seconds is None:
        return None
    if not is_number(seconds) or not 0 < seconds <= MAX_TIMEOUT_S:
        raise InvalidRequest(
            f"execution_timeout_s must be a number of seconds above 0 and up to {MAX_TIMEOUT_S:,}, "
            f"not {seconds!r}."
        )
    return float(seconds)


def _text(given: Mapping[str, Any], key: str) -> str:
    value = given.get(key)
    if not isinstance(value, str) or not value:
        raise InvalidRequest(f"{key} is missing: give it as a text.")
    return value


def _optional_text(given: Mapping[str, Any], key: str) -> str | None:
    value = given.get(key)
    if value is not None and not isinstance(value, str):
        raise InvalidRequest(f"{key} must be a text, not {value!r}.")
    return value or None


def _flag(given: Mapping[str, Any], key: str) -> bool | None:
    flag = given.get(key)
    if flag is not None and not isinstance(flag, bool):
        raise InvalidRequest(f"{key} must be true or false, not {flag!r:.80}.")
    return flag
