"""What the calls of one deployment have in common, prepared once."""

from __future__ import annotations

from collections.abc import Mapping

from headrace.core.absence import Absent
from headrace.core.deployments import Deployment
from headrace.core.destinations import EndpointResult, Nowhere
from headrace.core.mappings import resolve_given
from headrace.core.outcomes import Failure, FailureKind, Returned
from headrace.core.sources import DataStoreFile, EndpointValue, EnvironmentVariable, GivenValue
from headrace.core.values import DataType, Json, JsonText, check_total_size, fits
from headrace.pods.lanes import Crew, Lane
from headrace.running.bindings import StartBindings
from headrace.running.delivery import problem_with
from headrace.store.execution_row import RowMaker
from headrace.store.recorded_values import ABSENT_TEXT
from headrace.wire.codec import encode

_NOTHING: Mapping[str, str | None] = {}


class Form:
    """How the values of a call become arguments, and what a pod returns an answer and a record.

    Attributes:
        deployment: The deployment with the version that its pods have.
        asked: The deployment that it was made for, which may have another version on record.
        crew: The pods that may make its calls.
        version: Number of that version.
        late: Inputs that get their values when a call begins.
        rows: Makes the rows of its calls.

    Args:
        max_input_bytes: JSON of all values that a caller may send.
    """

    def __init__(
        self, deployment: Deployment, asked: Deployment, crew: Crew, max_input_bytes: int
    ) -> None:
        self.deployment = deployment
        self.asked = asked
        self.crew = crew
        self.version = deployment.pipeline.version.number
        self._max_input_bytes = max_input_bytes
        self.rows = RowMaker(deployment)
        self._inputs = deployment.inputs
        self._outputs = [
            (
                item.parameter.name,
                item.parameter.data_type,
                item.destination.name if isinstance(item.destination, EndpointResult) else None,
                isinstance(item.destination, Nowhere),
            )
            for item in deployment.outputs
        ]
        shown = [name for _, _, name, _ in self._outputs if name is not None]
        names = [f"{encode(name).decode().replace('%', '%%')}:%s" for name in shown]
        self._answer = f"{{{','.join(names)}}}"
        self._are_all_shown = len(shown) == len(self._outputs)
        self.late = [item for item in self._inputs if item.source.is_late]
        self._recorded = [
            None if isinstance(item.source, EnvironmentVariable) else item.parameter.name
            for item in self._inputs
        ]
        self._takes_values = any(isinstance(item.source, GivenValue) for item in self._inputs)
        self._plain = [
            (item.source.name, item.parameter.name, item.parameter.data_type)
            for item in self._inputs
            if isinstance(item.source, EndpointValue)
        ]
        self._fixed: Mapping[str, Json] = {}
        if len(self._plain) + len(self.late) < len(self._inputs):
            others = [i for i in self._inputs if not isinstance(i.source, EndpointValue)]
            self._fixed = _json(resolve_given(others, {}))

    def read(self, values: Mapping[str, Json], *, is_small: bool) -> dict[str, Json]:
        """Return the arguments of a call.

        Args:
            values: What was sent.
            is_small: Whether it came in so few bytes that it cannot be too large.

        Raises:
            InvalidValue: With all that is wrong.
            TooLarge: The values are larger together than is allowed.
        """
        arguments = self._read_plain(values) if is_small else None
        return self._read_any(values) if arguments is None else arguments

    def _read_plain(self, values: Mapping[str, Json]) -> dict[str, Json] | None:
        """Return the arguments if each input of the call is there and fits; None otherwise."""
        if len(values) != len(self._plain):
            return None
        arguments = dict(self._fixed)
        for name, parameter, data_type in self._plain:
            value = values.get(name)
            if value is None or not fits(value, data_type):
                return None
            arguments[parameter] = value
        return arguments

    def _read_any(self, values: Mapping[str, Json]) -> dict[str, Json]:
        """Return the arguments, defaults included, or raise all that is wrong."""
        # Where nothing comes from the call, what it brings is ignored, as by elastic deployments.
        given = dict(values) if self._takes_values else {}
        check_total_size(given, self._max_input_bytes)
        return _json(resolve_given(self._inputs, given))

    def add_late(self, arguments: dict[str, Json], variables: Mapping[str, str]) -> None:
        """Add the arguments that come from environment variables.

        Raises:
            InvalidValue: A variable is missing or does not fit.
        """
        bindings = StartBindings(variables, {})
        for item in self.late:
            value = item.source.resolve(item.parameter, bindings)
            arguments[item.parameter.name] = value

    def texts_of(self, arguments: Mapping[str, Json]) -> list[str]:
        """Return the JSON of each input as it is recorded: secrets are not."""
        texts = []
        for name in self._recorded:
            value = None if name is None else arguments.get(name)
            texts.append(repr(value) if type(value) is int else _input_text(value))
        return texts

    def outputs_of(self, returned: Returned) -> list[str] | Failure:
        """Return the JSON of each output as it is recorded, or what is wrong with them."""
        texts = []
        for name, data_type, _, is_dropped in self._outputs:
            value = None if is_dropped else returned.values.get(name)
            if value is not None and not fits(value, data_type):
                return self._misfit(returned)
            # Most are whole numbers, which need no encoder.
            texts.append(repr(value) if type(value) is int else _text_of(value))
        return texts

    def answer(self, texts: list[str]) -> str:
        """Return the JSON object of what the caller gets."""
        if self._are_all_shown:
            return self._answer % tuple(texts)
        shown = [
            text
            for (_, _, shown_as, _), text in zip(self._outputs, texts, strict=True)
            if shown_as is not None
        ]
        return self._answer % tuple(shown)

    def _misfit(self, returned: Returned) -> Failure:
        problems = [
            problem
            for item in self.deployment.outputs
            if (problem := problem_with(item.parameter, returned))
        ]
        return Failure(FailureKind.BAD_OUTPUT, " ".join(problems))


class Forms:
    """The form of each deployment whose pods take calls now.

    Args:
        lanes: The pods by deployment.
        max_input_bytes: JSON of all values that a caller may send.
    """

    def __init__(self, lanes: Mapping[str, Lane], max_input_bytes: int) -> None:
        self._all_lanes = lanes
        self._lanes = lanes
        self._max_input_bytes = max_input_bytes
        self._kept: dict[str, Form] = {}

    def hold_back(self, *, is_held: bool) -> None:
        """Hide all forms from now on, as if no pods were up, or show them again."""
        self._lanes = {} if is_held else self._all_lanes

    def of(self, deployment: Deployment) -> Form | None:
        """Return the form of a deployment's calls now; None if its pods are not up, or do not do.

        It is that of the version that the pods have which take calls in this step of the event
        loop, whichever version the deployment is given with.
        """
        lane = self._lanes.get(deployment.id)
        if lane is None or lane.crew is None or not lane.is_up:
            return None
        form = self._kept.get(deployment.id)
        if form is not None and form.asked is deployment and form.crew is lane.crew:
            return form
        served = lane.served(deployment)
        if not is_plain(served):
            return None
        if len(self._kept) > len(self._lanes):
            # Of deployments that are gone.
            self._kept.clear()
        form = Form(served, deployment, lane.crew, self._max_input_bytes)
        self._kept[deployment.id] = form
        return form


def is_plain(deployment: Deployment) -> bool:
    """Tell whether calls need nothing but values: no files, no second attempt."""
    if deployment.retries.most or not deployment.is_enabled or deployment.low_latency is None:
        return False
    return not any(
        item.parameter.data_type is DataType.FILE or isinstance(item.source, DataStoreFile)
        for item in deployment.inputs
    ) and not any(item.parameter.data_type is DataType.FILE for item in deployment.outputs)


def _input_text(value: Json | Absent) -> str:
    # What stands behind the value stands beside it in the row (headrace.store.executions).
    return ABSENT_TEXT if isinstance(value, Absent) else encode(value).decode()


def _text_of(value: Json | JsonText) -> str:
    if value is None:
        return "null"
    return value.text if isinstance(value, JsonText) else encode(value).decode()


def separated(
    arguments: dict[str, Json],
) -> tuple[Mapping[str, Json], Mapping[str, str | None]]:
    """Return the arguments that were given, and of the others what is wrong without a default."""
    if Absent not in map(type, arguments.values()):
        return arguments, _NOTHING
    given = {name: value for name, value in arguments.items() if not isinstance(value, Absent)}
    return given, {name: arguments[name].why for name in arguments if name not in given}


def _json(values: Mapping[str, object]) -> dict[str, Json]:
    return dict(values)
