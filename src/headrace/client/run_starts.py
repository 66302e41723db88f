"""How a run of a pipeline is started: its inputs and its mapping as a form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from headrace.client.messages import Form, Request
from headrace.client.parts import Part
from headrace.client.uploads import file_part, values_text
from headrace.core.values import DataType
from headrace.wire import routes

if TYPE_CHECKING:
    from headrace.client.mappings import InputSource, OutputDestination


class RunStarts(Part):
    """Starts runs."""

    def get_input_types(self, pipeline_name: str) -> dict[str, DataType]:
        """Return the type of each input that a pipeline declares.

        Raises:
            NotFound: There is no such pipeline.
        """
        pipeline = self._transport.call(routes.PIPELINE, name=pipeline_name)
        declared = pipeline["parameters"]["inputs"]
        return {item["name"]: DataType(item["data_type"]) for item in declared}

    def start_run(
        self,
        pipeline_name: str,
        types: Mapping[str, DataType],
        inputs: Mapping[str, Any] | None = None,
        inputs_mapping: Sequence[InputSource] | None = None,
        outputs_mapping: Sequence[OutputDestination] | None = None,
    ) -> str:
        """Start a run of a pipeline and return its execution's id.

        Args:
            pipeline_name: The pipeline.
            types: The type of each input (:meth:`get_input_types`).
            inputs: As :meth:`run_pipeline`, and so are the others.
            inputs_mapping: Other sources.
            outputs_mapping: Other destinations.
        """
        given = dict(inputs or {})
        # None for a file means that none is sent.
        files = {
            name: given.pop(name)
            for name in list(given)
            if types.get(name) is DataType.FILE and given[name] is not None
        }
        fields = [("json_inputs", values_text(given))]
        fields += mapping_fields(inputs_mapping, outputs_mapping)
        with ExitStack() as opened:
            parts = tuple(file_part(name, value, opened) for name, value in files.items())
            form = Form(tuple(fields), parts)
            started = self._transport.call(
                routes.RUN_PIPELINE, Request(body=form), name=pipeline_name
            )
        execution_id: str = started["execution_id"]
        self._say(f"Pipeline {pipeline_name}: execution {execution_id} started.")
        return execution_id


def mapping_fields(
    sources: Sequence[InputSource] | None, destinations: Sequence[OutputDestination] | None
) -> list[tuple[str, str]]:
    """Return the fields of a form that say where inputs come from and outputs go."""
    if sources is None and destinations is None:
        return []
    # Few runs map anything, and only those pay for this import.
    from headrace.client import forms, mappings  # noqa: PLC0415 - see above

    fields = []
    for key, kind, items in (
        ("inputs_mapping", mappings.InputSource, sources),
        ("outputs_mapping", mappings.OutputDestination, destinations),
    ):
        if items is not None:
            objects = mappings.mapping_objects(items, kind, key)
            fields.append((key, forms.json_bytes(objects).decode()))
    return fields
