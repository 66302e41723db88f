"""Inputs and outputs of executions, as users are shown them."""

from __future__ import annotations

from typing import Any

from headrace.core.values import DataType

Record = dict[str, Any]


def has_file(item: Record, noun: str) -> bool:
    """Check whether an ``input`` or ``output`` of the wire has a file that the server keeps.

    What a mapping put into the data store is an output; what it took from there was no input of
    the caller's.
    """
    elsewhere = {"is_null"} if noun == "output" else {"is_null", "datastore"}
    return item["data_type"] == DataType.FILE and item["mapping_type"] not in elsewhere


def record(item: Record, noun: str, value: Any) -> Record:
    """Return an input or output with its value, and the keys of its mapping beside its own."""
    name = item[f"pipeline_{noun}_name"]
    hidden = {"is_required", "default_value", f"run_{noun}_name"}
    return {
        f"pipeline_{noun}_name": name,
        f"step_{noun}_name": name,
        "data_type": item["data_type"],
        **{key: part for key, part in item["mapping_value"].items() if key not in hidden},
        "source" if noun == "input" else "destination": item["mapping_type"],
        "value": value,
        **({"is_absent": True} if item.get("is_absent") else {}),
    }
