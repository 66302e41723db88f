"""Schemas of values that requests have in common."""

from __future__ import annotations

from headrace.core.names import MAX_NAME_LENGTH
from headrace.core.sources import Rule
from headrace.core.values import DataType
from headrace.wire.schemas import Schema

TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
COUNT: Schema = {"type": "integer", "minimum": 1}
NUMBER: Schema = {"type": "number"}
INSTANT: Schema = {"type": "string", "format": "date-time"}
NAME: Schema = {
    "type": "string",
    "pattern": "^[A-Za-z0-9][A-Za-z0-9_.-]*$",
    "maxLength": MAX_NAME_LENGTH,
}
ANYTHING: Schema = {}


def maybe(schema: Schema) -> Schema:
    """Return the schema of a value that may be null."""
    return {"anyOf": [schema, {"type": "null"}]}


def listed(schema: Schema) -> Schema:
    """Return the schema of a list."""
    return {"type": "array", "items": schema}


def record(required: str = "", /, **properties: Schema) -> Schema:
    """Return the schema of an object; ``required`` are the keys that it must have."""
    schema: Schema = {"type": "object", "properties": properties}
    return schema | {"required": required.split()} if required else schema


DATA_TYPE: Schema = {"enum": [kind.value for kind in DataType]}
INPUT = record(
    "name data_type",
    name=TEXT,
    data_type=DATA_TYPE,
    description=maybe(TEXT),
    is_required=maybe(FLAG),
    default_value=ANYTHING,
)
OUTPUT = record("name data_type", name=TEXT, data_type=DATA_TYPE, description=maybe(TEXT))
CONFIG = record(
    language=maybe(TEXT),
    requirements_path=maybe(TEXT),
    included_folders=maybe(listed(TEXT)),
    system_dependencies=maybe(listed(TEXT)),
    repository_url=maybe(TEXT),
    repository_branch=maybe(TEXT),
    repository_deploy_key=maybe(TEXT),
    dockerfile_path=maybe(TEXT),
)
INPUT_MAPPING = record(
    pipeline_input_name=TEXT,
    step_input_name=TEXT,
    endpoint_input_name=TEXT,
    is_required=FLAG,
    default_value=ANYTHING,
    constant_value=ANYTHING,
    environment_variable_name=TEXT,
    datastore_path=TEXT,
    is_null=FLAG,
)
OUTPUT_MAPPING = record(
    pipeline_output_name=TEXT,
    step_output_name=TEXT,
    endpoint_output_name=TEXT,
    datastore_path=TEXT,
    is_null=FLAG,
)
SIGNATURE = {"inputs": maybe(listed(INPUT)), "outputs": maybe(listed(OUTPUT))}
RULES: Schema = {"enum": [rule.value for rule in Rule]}
LOG_PERIOD = record(**{"from": COUNT, "to": COUNT, "limit": COUNT})
