"""The form of a run says its values and mappings, or is refused by name."""

import pytest

from headrace.core.destinations import DataStorePath, Nowhere
from headrace.core.errors import InvalidMapping, InvalidRequest
from headrace.core.sources import Constant, Null
from headrace.wire.runs import RunRequest, read_run_form


def test_values_and_mappings_are_read(encode):
    pairs = encode(
        {
            "json_inputs": '{"n": 1, "s": "1"}',
            "inputs_mapping": '[{"pipeline_input_name": "a", "constant_value": 0},'
            ' {"step_input_name": "b", "is_null": true}]',
            "outputs_mapping": '[{"pipeline_output_name": "r", "is_null": true},'
            ' {"step_output_name": "o", "datastore_path": "x/{date}"}]',
        }
    )
    assert read_run_form(pairs) == RunRequest(
        values={"n": 1, "s": "1"},
        inputs_mapping=(("a", Constant(0)), ("b", Null())),
        outputs_mapping=(("r", Nowhere()), ("o", DataStorePath("x/{date}"))),
    )


@pytest.mark.parametrize(
    "pairs",
    [
        [],
        [("json_inputs", "{}")],
        [("json_inputs", ""), ("inputs_mapping", ""), ("outputs_mapping", "[]")],
    ],
)
def test_what_is_absent_or_empty_is_nothing(pairs):
    assert read_run_form(pairs) == RunRequest({}, (), ())


@pytest.mark.parametrize(
    ("pairs", "kind", "message"),
    [
        ([("f1", "text")], InvalidRequest, "unknown field 'f1'.*must be sent as a file part"),
        ([("json_inputs", "{}")] * 2, InvalidRequest, "json_inputs twice"),
        ([("json_inputs", "[1]")], InvalidRequest, "json_inputs must be a JSON object"),
        ([("json_inputs", "{")], InvalidRequest, "json_inputs is not valid JSON"),
        ([("inputs_mapping", "{}")], InvalidRequest, "inputs_mapping must be a JSON array"),
        ([("outputs_mapping", "[")], InvalidRequest, "outputs_mapping is not valid JSON"),
        ([("inputs_mapping", "[1]")], InvalidMapping, "must be an object"),
        ([("outputs_mapping", '[{"pipeline_output_name": "r"}]')], InvalidMapping, "output 'r'"),
    ],
)
def test_what_is_wrong_is_named(pairs, kind, message):
    with pytest.raises(kind, match=message):
        read_run_form(pairs)
