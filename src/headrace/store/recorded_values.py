"""What executions were given and what they returned, as the text of a column.

It is JSON: of each value its name, its type, where it comes from or goes to, and the value itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from headrace.core.absence import ABSENT, Absent
from headrace.core.attachments import Attachment
from headrace.core.destinations import OutputDestination
from headrace.core.executions import InputRecord, OutputRecord
from headrace.core.parameters import Input, Output
from headrace.core.sources import InputSource
from headrace.core.values import DataType, FileStore, FileValue, Value
from headrace.wire.codec import decode, decode_records, encode
from headrace.wire.mappings import (
    destination_fields,
    destination_from,
    source_fields,
    source_from,
)


def attachments_text(attachments: Sequence[Attachment]) -> str | None:
    """Return attachments as their column holds them; None if there are none."""
    if not attachments:
        return None
    return encode([[one.path, one.digest, one.size, one.object] for one in attachments]).decode()


def attachments_from(text: str | None) -> tuple[Attachment, ...]:
    """Return the attachments of a column."""
    return tuple(Attachment(*fields) for fields in decode(text or "[]", "attachments"))


ABSENT_TEXT = 'null,"absent":true'
"""What the column of the inputs has in the place of a value that was not given."""


def inputs_text(records: Sequence[InputRecord]) -> str:
    """Return inputs as their column holds them."""
    return encode(
        [
            [r.name, r.data_type.value, r.source.kind, source_fields(r.source), _pack(r.value)]
            for r in records
        ]
    ).decode()


def outputs_text(records: Sequence[OutputRecord]) -> str:
    """Return outputs as their column holds them."""
    return encode(
        [
            [
                r.name,
                r.data_type.value,
                r.destination.kind,
                destination_fields(r.destination),
                _pack(r.value),
            ]
            for r in records
        ]
    ).decode()


def inputs_from(text: str) -> tuple[InputRecord, ...]:
    """Return the inputs of a column."""
    return tuple(
        InputRecord(name, DataType(kind), source_from(source, fields), _unpack(value))
        for name, kind, source, fields, value in decode(text, "inputs")
    )


def outputs_from(text: str) -> tuple[OutputRecord, ...]:
    """Return the outputs of a column."""
    return tuple(
        OutputRecord(name, DataType(kind), destination_from(goal, fields), _unpack(value))
        for name, kind, goal, fields, value in decode_records(text, "outputs")
    )


def input_frame(parameter: Input, source: InputSource) -> tuple[str, str]:
    """Return the text of the inputs' column before and after the JSON of one value."""
    return _frame(parameter.name, parameter.data_type, source.kind, source_fields(source))


def output_frame(parameter: Output, destination: OutputDestination) -> tuple[str, str]:
    """Return the text of the outputs' column before and after the JSON of one value."""
    fields = destination_fields(destination)
    return _frame(parameter.name, parameter.data_type, destination.kind, fields)


def _frame(name: str, kind: DataType, where: str, fields: dict[str, Any]) -> tuple[str, str]:
    before = encode([name, kind.value, where, fields, {}]).decode()
    return before.removesuffix("}]") + '"json":', "}]"


def _pack(value: Value) -> Any:
    """A file is an object under the key ``file``, any other value one under ``json``.

    Beside the null of what was not given stands the key ``absent``.
    """
    if isinstance(value, Absent):
        return {"json": None, "absent": True}
    if isinstance(value, FileValue):
        return {"file": [value.path, value.filename, value.size, value.store.value]}
    return {"json": value}


def _unpack(stored: dict[str, Any]) -> Value:
    if "file" in stored:
        path, filename, size, store = stored["file"]
        return FileValue(path, filename, size, FileStore(store))
    return ABSENT if "absent" in stored else stored["json"]
