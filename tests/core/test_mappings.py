"""Mappings: the specification's table, cell by cell, and a model of the rest."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.core import destinations, sources
from headrace.core.absence import ABSENT, Absent
from headrace.core.destinations import (
    DataStorePath,
    EndpointResult,
    Nowhere,
    OutputDestination,
    RunResult,
)
from headrace.core.errors import InvalidMapping, InvalidValue
from headrace.core.mappings import (
    GivenOnly,
    check_given,
    map_inputs,
    map_outputs,
    map_parameters,
    resolve_given,
    takes_values,
)
from headrace.core.parameters import Input, Output
from headrace.core.sources import (
    Constant,
    DataStoreFile,
    EndpointValue,
    EnvironmentVariable,
    InputSource,
    Null,
    Rule,
    RunValue,
)
from headrace.core.values import DataType, FileValue, fits

RUN, ENDPOINT, PERIODIC = Rule.RUN, Rule.ENDPOINT, Rule.PERIODIC
VALUES: dict[DataType, Any] = {
    DataType.STRING: "text",
    DataType.NUMBER: 0,
    DataType.BOOLEAN: False,
    DataType.JSON: {},
    DataType.ARRAY: [],
}
FILE = FileValue("executions/1/inputs/x", "a.csv", 3)
NOT_FILES = frozenset(VALUES)
ALL_TYPES = frozenset(DataType)
ONLY_FILES = frozenset({DataType.FILE})

# The table of the specification: which rule has which kind, and which types fit it.
INPUT_CELLS: dict[str, tuple[set[Rule], frozenset[DataType]]] = {
    "constant": ({RUN, ENDPOINT, PERIODIC}, NOT_FILES),
    "endpoint": ({ENDPOINT}, ALL_TYPES),
    "environment_variable": ({RUN, ENDPOINT, PERIODIC}, NOT_FILES),
    "datastore": ({RUN, ENDPOINT, PERIODIC}, ONLY_FILES),
    "is_null": ({RUN, ENDPOINT, PERIODIC}, ALL_TYPES),
    "run": ({RUN}, ALL_TYPES),
}
OUTPUT_CELLS: dict[str, tuple[set[Rule], frozenset[DataType]]] = {
    "endpoint": ({ENDPOINT}, ALL_TYPES),
    "datastore": ({RUN, ENDPOINT, PERIODIC}, ONLY_FILES),
    "is_null": ({RUN, ENDPOINT, PERIODIC}, ALL_TYPES),
    "run": ({RUN}, ALL_TYPES),
}


def source_of(kind: str, data_type: DataType) -> InputSource:
    return {
        "constant": Constant(VALUES.get(data_type, "text")),
        "endpoint": EndpointValue("outside"),
        "environment_variable": EnvironmentVariable("VARIABLE"),
        "datastore": DataStoreFile("a/b"),
        "is_null": Null(),
        "run": RunValue("x"),
    }[kind]


def destination_of(kind: str) -> OutputDestination:
    return {
        "endpoint": EndpointResult("outside"),
        "datastore": DataStorePath("a/{date}"),
        "is_null": Nowhere(),
        "run": RunResult("x"),
    }[kind]


def alternatives(rule: Rule, noun: str) -> list[str]:
    keys = ["datastore_path", "is_null"]
    if noun == "input":
        keys += ["constant_value", "environment_variable_name"]
    return [*keys, f"endpoint_{noun}_name"] if rule is ENDPOINT else keys


def test_the_table_has_every_kind() -> None:
    for module, cells in ((sources, INPUT_CELLS), (destinations, OUTPUT_CELLS)):
        assert {thing.kind for thing in vars(module).values() if hasattr(thing, "kind")} == {*cells}


@pytest.mark.parametrize("rule", Rule)
@pytest.mark.parametrize("kind", INPUT_CELLS)
@pytest.mark.parametrize("data_type", DataType)
def test_each_cell_of_the_inputs(rule: Rule, kind: str, data_type: DataType) -> None:
    rules, types = INPUT_CELLS[kind]
    parameter, source = Input("x", data_type.value), source_of(kind, data_type)
    if rule in rules and data_type in types:
        (mapped,) = map_inputs(rule, [parameter], [("x", source)])
        assert (mapped.parameter, mapped.source) == (parameter, source)
        return
    with pytest.raises(InvalidMapping, match="input 'x'") as refusal:
        map_inputs(rule, [parameter], [("x", source)])
    message = refusal.value.message
    if rule not in rules:
        assert {RUN: "a run", ENDPOINT: "an endpoint", PERIODIC: "a periodic"}[rule] in message
        assert all(key in message for key in alternatives(rule, "input"))
    else:
        assert "file" in message


@pytest.mark.parametrize("rule", Rule)
@pytest.mark.parametrize("kind", OUTPUT_CELLS)
@pytest.mark.parametrize("data_type", DataType)
def test_each_cell_of_the_outputs(rule: Rule, kind: str, data_type: DataType) -> None:
    rules, types = OUTPUT_CELLS[kind]
    parameter, destination = Output("x", data_type.value), destination_of(kind)
    if rule in rules and data_type in types:
        (mapped,) = map_outputs(rule, [parameter], [("x", destination)])
        assert (mapped.parameter, mapped.destination) == (parameter, destination)
        return
    with pytest.raises(InvalidMapping, match="output 'x'") as refusal:
        map_outputs(rule, [parameter], [("x", destination)])
    if rule not in rules:
        assert all(key in refusal.value.message for key in alternatives(rule, "output"))
    else:
        assert "file" in refusal.value.message


@pytest.mark.parametrize("data_type", sorted(NOT_FILES))
@pytest.mark.parametrize("value", [*VALUES.values(), None], ids=repr)
def test_a_constant_is_of_the_type_of_its_input(data_type: DataType, value: Any) -> None:
    given = [("x", Constant(value))]
    if value is not None and fits(value, data_type):
        assert map_inputs(RUN, [Input("x", data_type.value)], given)[0].source == given[0][1]
    elif value is not None or data_type is not DataType.JSON:
        with pytest.raises(InvalidMapping, match=f"constant_value must be of type {data_type}"):
            map_inputs(RUN, [Input("x", data_type.value)], given)


def test_an_endpoint_default_is_of_the_type_of_its_input() -> None:
    wrong = [("x", EndpointValue("a", None, "text"))]
    with pytest.raises(InvalidMapping, match=r"'x': its default_value .* a string: .text."):
        map_inputs(ENDPOINT, [Input("x", "number")], wrong)


def test_what_is_unmapped_goes_by_its_own_name_where_there_is_a_caller() -> None:
    inputs, outputs = [Input("x", "number"), Input("f", "file")], [Output("r", "string")]
    assert [i.source for i in map_inputs(RUN, inputs, [])] == [RunValue("x"), RunValue("f")]
    assert [i.source for i in map_inputs(ENDPOINT, inputs, [])] == [
        EndpointValue("x"),
        EndpointValue("f"),
    ]
    assert [o.destination for o in map_outputs(RUN, outputs, [])] == [RunResult("r")]
    assert [o.destination for o in map_outputs(ENDPOINT, outputs, [])] == [EndpointResult("r")]


def test_a_periodic_deployment_maps_everything() -> None:
    inputs = [Input(name, "number") for name in "abc"]
    with pytest.raises(InvalidMapping) as refusal:
        map_inputs(PERIODIC, inputs, [("b", Null())])
    assert "input 'a' has no source" in refusal.value.message
    assert "input 'c' has no source" in refusal.value.message
    assert "'b'" not in refusal.value.message
    with pytest.raises(InvalidMapping, match="output 'r' has no destination: map it to datastore"):
        map_outputs(PERIODIC, [Output("r", "number")], [])


def test_all_problems_come_in_one_message() -> None:
    inputs = [Input(name, "number") for name in ("a", "b", "c", "d", "e")]
    mapping: list[tuple[str, InputSource]] = [
        ("nobody", Null()),
        ("a", Constant("text")),
        ("b", DataStoreFile("x")),
        ("c", EndpointValue("same")),
        ("d", EndpointValue("same")),
        ("e", Null()),
        ("e", Null()),
    ]
    with pytest.raises(InvalidMapping) as refusal:
        map_inputs(ENDPOINT, inputs, mapping)
    for piece in (
        "there is no input 'nobody' (the inputs of the pipeline are: a, b, c, d, e)",
        "input 'a': its constant_value must be of type number",
        "input 'b': only an input of type file",
        "2 inputs use the endpoint name 'same'",
        "input 'e' is mapped 2 times",
    ):
        assert piece in refusal.value.message


def test_an_endpoint_name_may_not_hide_an_unmapped_input() -> None:
    inputs = [Input("a", "number"), Input("b", "number")]
    with pytest.raises(InvalidMapping, match="2 inputs use the endpoint name 'b'"):
        map_inputs(ENDPOINT, inputs, [("a", EndpointValue("b"))])
    outputs = [Output("a", "number"), Output("b", "number")]
    with pytest.raises(InvalidMapping, match="2 outputs use the endpoint name 'b'"):
        map_outputs(ENDPOINT, outputs, [("a", EndpointResult("b"))])
    swapped = [("a", EndpointValue("b")), ("b", EndpointValue("a"))]
    assert len(map_inputs(ENDPOINT, inputs, swapped)) == 2


# A model: the same rules written once more, on plain data, as small as can be.

NAMES = ["a", "b", "c"]
kinds = st.sampled_from(sorted(INPUT_CELLS))
types = st.sampled_from(DataType)
given_values = st.none() | st.sampled_from([*VALUES.values(), "", 1, True, FILE])


@st.composite
def declared_inputs(draw: st.DrawFn) -> list[Input]:
    inputs = []
    for name in draw(st.lists(st.sampled_from(NAMES), unique=True)):
        data_type = draw(types)
        default = VALUES.get(data_type) if draw(st.booleans()) else None
        required = draw(st.sampled_from([None, False, True]))
        inputs.append(Input(name, data_type.value, None, required, default))
    return inputs


@st.composite
def mappings(draw: st.DrawFn) -> list[tuple[str, str, Any]]:
    items = []
    for name in draw(st.lists(st.sampled_from([*NAMES, "z"]), max_size=4)):
        kind = draw(kinds)
        extra = draw(given_values.filter(lambda value: value is not FILE))
        items.append((name, kind, (draw(st.sampled_from(["a", "o"])), extra)))
    return items


def as_source(name: str, kind: str, extra: tuple[str, Any]) -> InputSource:
    outside, value = extra
    if kind == "run":
        return RunValue(name)
    if kind == "endpoint":
        return EndpointValue(outside, None, value)
    return Constant(value) if kind == "constant" else source_of(kind, DataType.STRING)


def inputs_are_mapped(
    rule: Rule, inputs: Sequence[Input], mapping: Sequence[tuple[str, str, Any]]
) -> bool:
    names = [name for name, _, _ in mapping]
    if len(set(names)) < len(names) or set(names) - {i.name for i in inputs}:
        return False
    chosen = {name: (kind, extra) for name, kind, extra in mapping}
    outside = []
    for parameter in inputs:
        if parameter.name not in chosen:
            if rule is PERIODIC:
                return False
            outside.append(parameter.name)
            continue
        kind, (external, value) = chosen[parameter.name]
        rules, fitting = INPUT_CELLS[kind]
        if rule not in rules or parameter.data_type not in fitting:
            return False
        if kind == "constant" and not fits_or_is_null_json(value, parameter.data_type):
            return False
        if kind == "endpoint":
            outside.append(external)
            if value is not None and not fits(value, parameter.data_type):
                return False
    return rule is not ENDPOINT or max(Counter(outside).values(), default=1) == 1


def fits_or_is_null_json(value: Any, data_type: DataType) -> bool:
    return fits(value, data_type) or (value is None and data_type is DataType.JSON)


@given(st.sampled_from(Rule), declared_inputs(), mappings())
def test_map_inputs_agrees_with_the_model(
    rule: Rule, inputs: list[Input], mapping: list[tuple[str, str, Any]]
) -> None:
    sources = [(name, as_source(name, kind, extra)) for name, kind, extra in mapping]
    if not inputs_are_mapped(rule, inputs, mapping):
        with pytest.raises(InvalidMapping):
            map_inputs(rule, inputs, sources)
        return
    mapped = map_inputs(rule, inputs, sources)
    assert [item.parameter for item in mapped] == inputs
    own: Mapping[Rule, Any] = {RUN: RunValue, ENDPOINT: EndpointValue}
    for item in mapped:
        chosen = dict(sources).get(item.parameter.name)
        assert item.source == (chosen or own[rule](item.parameter.name))


@given(
    st.sampled_from(Rule),
    st.lists(st.tuples(st.sampled_from(NAMES), types), unique_by=lambda item: item[0]),
    st.lists(
        st.tuples(st.sampled_from([*NAMES, "z"]), st.sampled_from(sorted(OUTPUT_CELLS))), max_size=4
    ),
)
def test_map_outputs_agrees_with_the_model(
    rule: Rule, declared: list[tuple[str, DataType]], mapping: list[tuple[str, str]]
) -> None:
    outputs = [Output(name, data_type.value) for name, data_type in declared]
    given_names = [name for name, _ in mapping]
    chosen = dict(mapping)
    legal = len(chosen) == len(mapping) and not set(given_names) - {name for name, _ in declared}
    legal = legal and list(chosen.values()).count("endpoint") <= 1
    for name, data_type in declared:
        if name in chosen:
            rules, fitting = OUTPUT_CELLS[chosen[name]]
            legal = legal and rule in rules and data_type in fitting
        else:
            legal = legal and rule is not PERIODIC
    destinations = [(name, destination_of(kind)) for name, kind in mapping]
    if not legal:
        with pytest.raises(InvalidMapping):
            map_outputs(rule, outputs, destinations)
        return
    own: Mapping[Rule, Any] = {RUN: RunResult, ENDPOINT: EndpointResult}
    assert [item.destination for item in map_outputs(rule, outputs, destinations)] == [
        dict(destinations).get(name) or own[rule](name) for name, _ in declared
    ]


@given(declared_inputs(), st.dictionaries(st.sampled_from([*NAMES, "z"]), given_values, max_size=4))
def test_resolve_given_agrees_with_the_model(inputs: list[Input], sent: dict[str, Any]) -> None:
    """Each value is the one sent, else the default, else none is there unless it is required."""
    wanted: dict[str, Any] = {}
    wrong = set(sent) - {i.name for i in inputs}
    for parameter in inputs:
        value = sent.get(parameter.name)
        value = parameter.default_value if value is None else value
        is_file = value is FILE and parameter.data_type is DataType.FILE
        if value is None:
            wrong |= {parameter.name} if parameter.is_required else set()
        elif not is_file and (value is FILE or not fits(value, parameter.data_type)):
            wrong.add(parameter.name)
        is_absent = value is None and parameter.name not in sent
        wanted[parameter.name] = ABSENT if is_absent else value
    mapped = map_inputs(RUN, inputs, [])
    if not wrong:
        assert resolve_given(mapped, sent) == wanted
        return
    with pytest.raises(InvalidValue) as refusal:
        resolve_given(mapped, sent)
    assert set(re.findall(r"input '(\w)'", refusal.value.message)) == wrong


def test_late_sources_are_left_for_the_start_and_take_nothing_from_the_caller() -> None:
    inputs = [Input("a", "number"), Input("f", "file"), Input("n", "string"), Input("c", "number")]
    mapping: list[tuple[str, InputSource]] = [
        ("a", EnvironmentVariable("A")),
        ("f", DataStoreFile("x")),
        ("n", Null()),
        ("c", Constant(3)),
    ]
    mapped = map_inputs(RUN, inputs, mapping)
    assert resolve_given(mapped, {}) == {"n": None, "c": 3}
    for name in "afnc":
        with pytest.raises(InvalidValue, match=f"input '{name}' is mapped to another source"):
            resolve_given(mapped, {name: 1})


def test_an_endpoint_mapping_overrides_requirement_and_default() -> None:
    def resolve(source: EndpointValue, **sent: Any) -> Any:
        parameter = Input("x", "number", is_required=True, default_value=5)
        return resolve_given(map_inputs(ENDPOINT, [parameter], [("x", source)]), sent)["x"]

    assert resolve(EndpointValue("out")) == 5
    assert resolve(EndpointValue("out", None, 0)) == 0
    assert resolve(EndpointValue("out", None, 0), out=7) == 7
    mapped = map_inputs(ENDPOINT, [Input("x", "number")], [("x", EndpointValue("out", True))])
    with pytest.raises(InvalidValue, match=r"input 'out' is required \(number\) but missing"):
        resolve_given(mapped, {"out": None})
    optional = Input("x", "number", is_required=True)
    mapped = map_inputs(ENDPOINT, [optional], [("x", EndpointValue("out", False))])
    assert resolve_given(mapped, {}) == {"x": ABSENT}


class State:
    """The variables and the data store at the start of an execution."""

    given: Mapping[str, Any] = {}

    def __init__(self, **variables: str) -> None:
        self.variables = variables

    def variable(self, name: str) -> str | None:
        return self.variables.get(name)

    def object_at(self, path: str) -> FileValue | None:
        return FILE if path == "there" else None


def test_a_variable_is_read_as_the_type_of_its_input() -> None:
    source = EnvironmentVariable("V")
    assert source.resolve(Input("x", "number"), State(V=" 6 ")) == 6
    assert source.resolve(Input("x", "string"), State(V=" 6 ")) == " 6 "
    assert source.resolve(Input("x", "boolean"), State(V="True")) is True
    assert source.resolve(Input("x", "number", default_value=1), State()) == 1
    why = "variable 'V', the source of input 'x', is not set"
    with pytest.raises(InvalidValue, match=why):
        source.resolve(Input("x", "number", is_required=True), State())
    # The function may have a default of its own, which is known where it runs.
    absent = source.resolve(Input("x", "number"), State())
    assert isinstance(absent, Absent)
    assert why in str(absent.why)


def test_a_variable_that_does_not_fit_is_refused_without_its_value() -> None:
    with pytest.raises(InvalidValue, match="cannot be read as type number") as refusal:
        EnvironmentVariable("V").resolve(Input("x", "number"), State(V="sesame"))
    assert "sesame" not in refusal.value.message


def test_a_data_store_source_gives_the_file_or_says_which_is_missing() -> None:
    assert DataStoreFile("there").resolve(Input("x", "file"), State()) is FILE
    with pytest.raises(InvalidValue, match=r"no file at 'gone', the source of input 'x'"):
        DataStoreFile("gone").resolve(Input("x", "file"), State())


def test_both_mappings_are_refused_in_one_message() -> None:
    inputs, outputs = [Input("x", "number")], [Output("y", "number")]
    with pytest.raises(InvalidMapping, match=r"no input 'a'.*no output 'b'"):
        map_parameters(RUN, (inputs, outputs), [("a", Null())], [("b", Nowhere())])
    mapped_inputs, mapped_outputs = map_parameters(RUN, (inputs, outputs), [], [])
    assert takes_values(mapped_inputs)
    assert [item.destination for item in mapped_outputs] == [RunResult("y")]
    assert not takes_values(map_inputs(RUN, inputs, [("x", Null())]))


def test_what_no_input_takes_is_refused_before_it_is_received() -> None:
    mapped = map_inputs(ENDPOINT, [Input("x", "number"), Input("f", "file")], [])
    file = FileValue("k", "f.txt", 1)
    check_given(mapped, "x")
    check_given(mapped, "f", file)
    with pytest.raises(InvalidValue, match="must be of type number, but a file was sent"):
        check_given(mapped, "x", file)
    with pytest.raises(InvalidValue, match=r"no input 'z' \(the inputs are: f, x\)"):
        check_given(mapped, "z")
    constant = map_inputs(ENDPOINT, [Input("x", "number")], [("x", Constant(1))])
    with pytest.raises(InvalidValue, match="mapped to another source"):
        check_given(constant, "x")


def test_late_sources_are_not_asked_before_the_start() -> None:
    bindings = GivenOnly({"x": 1})
    for ask in (bindings.variable, bindings.object_at):
        with pytest.raises(LookupError):
            ask("name")
