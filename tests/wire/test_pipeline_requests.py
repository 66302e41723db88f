"""What the public client asks for is what the server understands, or is refused by name."""

import keyword
import string
from typing import Any

import craft_ai_sdk
import pytest
from craft_ai_sdk import CREATION_PARAMETER_VALUE
from craft_ai_sdk.core.pipelines import _prepare_create_pipeline_data
from hypothesis import given
from hypothesis import strategies as st

from headrace.core.errors import InvalidCode, InvalidEnvironment, InvalidRequest, InvalidValue
from headrace.core.parameters import Input, Output
from headrace.core.pipelines import ContainerConfig
from headrace.core.projects import Project
from headrace.core.repositories import Repository
from headrace.core.values import Json
from headrace.wire.creation import (
    UNSET,
    ConfigRequest,
    PipelineRequest,
    read_pipeline_request,
    repository_of,
    resolve_config,
)
from headrace.wire.forms import decode_tree

BASE = {"pipeline_name": "p", "function_path": "main.py", "function_name": "f"}

letters = string.ascii_lowercase
names = st.text(letters, min_size=1, max_size=8).filter(lambda text: not keyword.iskeyword(text))
keys = st.text(letters + "é _.", min_size=1, max_size=5)
numbers = st.integers(-(10**30), 10**30) | st.floats(allow_nan=False, allow_infinity=False)
# Texts that look like nothing else, so that guessing brings them back.
words = st.text(min_size=1, max_size=20).map(lambda text: f"w{text}")
leaves = words | numbers | st.booleans() | st.none()
# A list in a list comes back if it has two elements or more, and no null.
rows = st.lists(words | numbers | st.booleans(), min_size=2, max_size=4)
trees = st.recursive(
    leaves,
    lambda inner: (
        st.dictionaries(keys, inner, min_size=1, max_size=3)
        | st.lists(
            leaves | rows | st.dictionaries(keys, inner, min_size=1, max_size=2),
            min_size=1,
            max_size=4,
        )
    ),
    max_leaves=8,
)
defaults = {
    "string": st.text(max_size=20),
    "number": numbers,
    "boolean": st.booleans(),
    "json": trees.filter(lambda tree: isinstance(tree, dict)),
    "array": trees.filter(lambda tree: isinstance(tree, list)),
    "file": st.none(),
}


@st.composite
def inputs(draw):
    data_type = draw(st.sampled_from(sorted(defaults)))
    return {
        "name": draw(names),
        "data_type": data_type,
        "description": draw(st.none() | words),
        "is_required": draw(st.none() | st.booleans()),
        "default_value": draw(st.none() | defaults[data_type]),
    }


outputs = st.fixed_dictionaries(
    {
        "name": names,
        "data_type": st.sampled_from(sorted(defaults)),
        "description": st.none() | words,
    }
)
settings = st.fixed_dictionaries(
    {},
    optional={
        key: st.just(CREATION_PARAMETER_VALUE.NULL)
        | st.just(CREATION_PARAMETER_VALUE.FALLBACK_PROJECT)
        | (
            st.lists(words, max_size=3)
            if key in {"included_folders", "system_dependencies"}
            else words
        )
        for key in ConfigRequest.__dataclass_fields__
        if key != "dockerfile_path"
    },
)


def expected_setting(value):
    if value is CREATION_PARAMETER_VALUE.NULL:
        return None
    if value is CREATION_PARAMETER_VALUE.FALLBACK_PROJECT or value == []:
        return UNSET
    return tuple(value) if isinstance(value, list) else value


@given(
    config=settings,
    description=st.none() | st.text(max_size=20),
    declared=st.lists(inputs(), max_size=4, unique_by=lambda item: item["name"]),
    returned=st.lists(outputs, max_size=3, unique_by=lambda item: item["name"]),
)
def test_a_request_of_the_public_client_is_understood(
    encode, config, description, declared, returned
):
    data = _prepare_create_pipeline_data(
        "src/main.py",
        "train",
        description,
        config,
        [craft_ai_sdk.Input(**item) for item in declared],
        [craft_ai_sdk.Output(**item) for item in returned],
        "my-pipeline",
    )
    assert read_pipeline_request(decode_tree(encode(data))) == PipelineRequest(
        pipeline_name="my-pipeline",
        function_path="src/main.py",
        function_name="train",
        description=description or None,
        config=ConfigRequest(**{key: expected_setting(value) for key, value in config.items()}),
        inputs=tuple(Input(**item) for item in declared),
        outputs=tuple(Output(**item) for item in returned),
    )


@pytest.mark.parametrize(
    ("data_type", "sent", "understood"),
    [
        ("string", "", ""),
        ("string", "True", "True"),
        ("string", "1", "1"),
        ("number", "", None),
        ("boolean", "", None),
        ("json", "", None),
        ("array", "", None),
        (
            "json",
            {"a": "1", "b": "True", "c": "", "d": "007"},
            {"a": 1, "b": True, "c": None, "d": "007"},
        ),
        ("json", {"a": "[1, 2]"}, {"a": [1, 2]}),
        ("json", {"0": "a", "1": "b"}, ["a", "b"]),
        ("json", {"a": [], "b": "x"}, {"b": "x"}),
        (
            "json",
            {"a": "1e999", "b": "nan", "c": "9" * 5000},
            {"a": "1e999", "b": "nan", "c": "9" * 5000},
        ),
        ("json", '{"a": null}', {"a": None}),
        ("json", "some text", "some text"),
        ("array", "[1, 'two', None]", [1, "two", None]),
        ("array", (4, "5 it's", 1.5), [4, "5 it's", 1.5]),
    ],
)
def test_defaults_and_their_documented_losses(encode, data_type, sent, understood):
    item = {"name": "n", "data_type": data_type, "default_value": sent}
    request = read_pipeline_request(decode_tree(encode(BASE | {"inputs": [item]})))
    found = request.inputs[0].default_value
    assert found == understood
    assert type(found) is type(understood)


@pytest.mark.parametrize(
    "hostile",
    [
        "[" * 100_000,
        "(" * 50_000 + ")" * 50_000,
        "[" + "-" * 50_000 + "1]",
        "[" + "1" * 50_000 + "!",
        "[__import__('os').getcwd()]",
        "['\\d']",
        "['\\ud800']",
        "{1, 2}",
        "[1 2]",
        "('a' 'b'",
    ],
)
def test_a_text_that_only_looks_like_a_list_stays_a_text(hostile):
    pairs = decode_tree(
        [
            *BASE.items(),
            *fields("inputs[0]", name="n", data_type="json"),
            ("inputs[0][default_value][k]", hostile),
        ]
    )
    assert read_pipeline_request(pairs).inputs[0].default_value == {"k": hostile}


def test_a_json_body_is_taken_at_its_word():
    default: dict[str, Json] = {
        "a": "1",
        "b": "True",
        "c": "",
        "d": [],
        "e": "[1]",
        "f": None,
        "0": 0,
    }
    item = {"name": "n", "data_type": "json", "is_required": True, "default_value": default}
    tree = BASE | {
        "description": None,
        "container_config": {"included_folders": ["a"], "requirements_path": None},
        "inputs": [item, {"name": "s", "data_type": "string", "default_value": ""}],
        "outputs": [],
    }
    request = read_pipeline_request(tree)
    assert request.inputs == (
        Input("n", "json", is_required=True, default_value=default),
        Input("s", "string", default_value=""),
    )
    assert request.config == ConfigRequest(included_folders=("a",), requirements_path=None)


def test_a_number_sent_as_json_text_is_not_guessed():
    item = {"name": "n", "data_type": "number", "default_value": "1"}
    with pytest.raises(InvalidValue, match="default value of input 'n'"):
        read_pipeline_request(BASE | {"inputs": [item]})


def test_a_bottomless_default_is_refused():
    default: list[Any] = []
    for _ in range(500):
        default = [default]
    item = {"name": "n", "data_type": "array", "default_value": default}
    with pytest.raises(InvalidValue, match="too deeply"):
        read_pipeline_request(BASE | {"inputs": [item]})


@pytest.mark.parametrize("text", ["true", "TRUE", "True"])
def test_is_required_is_read_in_any_case(text):
    tree = decode_tree(
        [*BASE.items(), *fields("inputs[0]", name="n", data_type="number", is_required=text)]
    )
    assert read_pipeline_request(tree).inputs[0].is_required is True


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pipeline_name": None}, "pipeline_name must be"),
        ({"pipeline_name": "a b"}, "pipeline_name 'a b'"),
        ({"function_path": None}, "function_path is missing"),
        ({"function_name": ""}, "function_name is missing"),
        ({"function_path": "../main.py"}, "leaves the pipeline's folder"),
        ({"colour": "red"}, "unknown key 'colour'; the keys are pipeline_name, function_path"),
        (
            {"container_config": {"local_folder": "."}},
            "container_config has the unknown key 'local_",
        ),
        ({"container_config": "text"}, "container_config must be an object"),
        ({"container_config": {"language": ["a", "b"]}}, r"container_config\[language\] must be a"),
        ({"container_config": {"included_folders": "src"}}, r"included_folders\] must be a list"),
        ({"description": {"a": "b"}}, "description must be a single text"),
        ({"inputs": {"1": {}}}, r"inputs must be a list; in a form, number it inputs\[0\]"),
        ({"inputs": ["n"]}, r"inputs\[0\] must be an object with the keys name"),
        ({"inputs": [{"data_type": "number"}]}, r"inputs\[0\]\[name\] is missing"),
        ({"inputs": [{"name": "n"}]}, r"inputs\[0\]\[data_type\] is missing"),
        ({"inputs": [{"name": "n", "data_type": "text"}]}, "must be one of string, number"),
        (
            {"outputs": [{"name": "n", "data_type": "file", "is_required": True}]},
            "unknown key 'is_re",
        ),
    ],
)
def test_what_is_wrong_is_named(change, message):
    tree = {key: value for key, value in (BASE | change).items() if value is not None}
    with pytest.raises(InvalidRequest, match=message):
        read_pipeline_request(tree)


def test_a_flag_that_is_no_boolean_is_refused():
    tree = decode_tree(
        [*BASE.items(), *fields("inputs[0]", name="n", data_type="number", is_required="yes")]
    )
    with pytest.raises(InvalidValue, match="is_required of input 'n' must be true or false"):
        read_pipeline_request(tree)


def test_all_problems_of_inputs_and_outputs_come_together():
    tree = BASE | {
        "inputs": [
            {"name": "a", "data_type": "number", "default_value": "x"},
            {"name": "ok", "data_type": "number"},
            {"name": "b c", "data_type": "number"},
        ],
        "outputs": [{"name": "r"}],
    }
    with pytest.raises(InvalidRequest) as caught:
        read_pipeline_request(tree)
    assert len(caught.value.details["problems"]) == 3
    for part in ("input 'a'", "'b c'", "outputs[0][data_type]"):
        assert part in caught.value.message


def test_two_inputs_of_one_name_are_refused():
    item = {"name": "n", "data_type": "number"}
    with pytest.raises(InvalidRequest, match="doubled: n"):
        read_pipeline_request(BASE | {"inputs": [item, item]})


def test_a_deploy_key_is_not_shown():
    request = read_pipeline_request(
        BASE | {"container_config": {"repository_deploy_key": "s3cret"}}
    )
    assert "s3cret" not in repr(request)


PROJECT = Project(
    language="python:3.12-slim",
    requirements_path="requirements.txt",
    included_folders=("/",),
    system_dependencies=("libgomp1",),
    repository_url="git@host:a/b.git",
    repository_branch="main",
)


def resolved(config, project=PROJECT):
    return resolve_config(read_pipeline_request(BASE | {"container_config": config}), project, None)


def test_what_is_left_out_falls_back_on_the_project():
    assert resolved({}) == ContainerConfig(
        language="python:3.12-slim",
        requirements_path="requirements.txt",
        included_folders=("/",),
        system_dependencies=("libgomp1",),
    )


def test_null_does_not_fall_back_on_the_project():
    config = dict.fromkeys(
        (
            "requirements_path",
            "included_folders",
            "system_dependencies",
            "dockerfile_path",
            "repository_url",
            "repository_branch",
            "repository_deploy_key",
        )
    )
    assert resolved(config) == ContainerConfig(language="python:3.12-slim")


def test_values_go_before_the_project():
    assert resolved(
        {
            "language": "python:3.10-slim",
            "requirements_path": "/conf/../req.txt",
            "included_folders": ["./src", "/", "", "a/"],
            "system_dependencies": ["ffmpeg=7:5.1*", "libc6:amd64", "g++"],
            "repository_branch": "dev",
        }
    ) == ContainerConfig(
        language="python:3.10-slim",
        requirements_path="req.txt",
        included_folders=("src", "/", "a"),
        system_dependencies=("ffmpeg=7:5.1*", "libc6:amd64", "g++"),
        repository_branch="dev",
    )


@pytest.mark.parametrize(
    ("config", "kind", "message"),
    [
        ({"language": None}, InvalidRequest, r"language\] cannot be null.*python:3.12-slim"),
        ({"language": "ruby"}, InvalidEnvironment, "language 'ruby'"),
        (
            {"requirements_path": "../r.txt"},
            InvalidRequest,
            r"\[requirements_path\] '../r.txt' leaves",
        ),
        (
            {"included_folders": ["src", "a/../.."]},
            InvalidRequest,
            r"\[included_folders\] .* leaves",
        ),
        ({"system_dependencies": ["-o Dpkg::x"]}, InvalidRequest, "names '-o Dpkg::x'"),
        ({"system_dependencies": ["a;rm"]}, InvalidRequest, "names 'a;rm'"),
        (
            {"repository_url": "git@h:a/b.git"},
            InvalidRequest,
            "has a repository_(url|deploy_key), and a folder was sent",
        ),
        (
            {"repository_deploy_key": "key"},
            InvalidRequest,
            "has a repository_(url|deploy_key), and a folder was sent",
        ),
        ({"language": "python:3.7-slim"}, InvalidEnvironment, "3.7"),
    ],
)
def test_settings_that_cannot_be_had_are_named(config, kind, message):
    with pytest.raises(kind, match=message):
        resolved(config)


@pytest.mark.parametrize(
    ("config", "repository"),
    [
        ({}, Repository("git@host:a/b.git", "main")),
        ({"repository_branch": None}, Repository("git@host:a/b.git")),
        (
            {"repository_url": "https://me:secret@h/c", "repository_deploy_key": "key"},
            Repository("https://me:secret@h/c", "main", "key"),
        ),
    ],
)
def test_without_a_folder_the_repository_falls_back_on_the_project(config, repository):
    request = read_pipeline_request(BASE | {"container_config": config})
    assert repository_of(request, PROJECT) == repository
    resolved = resolve_config(request, PROJECT, repository)
    assert resolved.repository_branch == repository.branch
    assert "secret" not in repr(resolved)


def test_without_any_code_it_is_said_what_to_give():
    with pytest.raises(InvalidRequest, match=r"give container_config a local_folder.*repository_u"):
        repository_of(read_pipeline_request(BASE), Project())


def of_dockerfile(path="Dockerfile", config=(), **keys):
    config = {"dockerfile_path": path, **dict(config)}
    return read_pipeline_request({"pipeline_name": "p", "container_config": config, **keys})


def test_a_dockerfile_has_no_function_and_nothing_of_the_projects_python():
    config = {"language": None, "requirements_path": None, "system_dependencies": None}
    request = of_dockerfile("/docker/./Dockerfile", config, function_path=None, function_name="")
    assert (request.function_path, request.function_name) == ("", "")
    assert resolve_config(request, PROJECT, None) == ContainerConfig(
        language=None,
        included_folders=PROJECT.included_folders,
        dockerfile_path="docker/Dockerfile",
    )
    repository = Repository("git@host:a/b.git", "main")
    assert resolve_config(request, PROJECT, repository).repository_branch == "main"


@pytest.mark.parametrize(
    ("keys", "config", "names"),
    [
        ({"function_path": "a.py", "function_name": "f"}, {}, "function_path, function_name"),
        ({"function_name": "f"}, {}, "function_name"),
        ({}, {"language": "python:3.11-slim"}, r"container_config\[language\]"),
        ({}, {"requirements_path": "r.txt"}, r"container_config\[requirements_path\]"),
        ({}, {"system_dependencies": ["git"]}, r"container_config\[system_dependencies\]"),
        ({"calling": "typed"}, {}, "calling"),
    ],
)
def test_what_a_dockerfile_says_itself_must_be_null_beside_it(keys, config, names):
    refused = rf"^{names} must be null beside container_config\[dockerfile_path\]"
    with pytest.raises(InvalidRequest, match=refused):
        of_dockerfile(config=config, **keys)


@pytest.mark.parametrize("path", ["../Dockerfile", "a/../../D", "a\0b", "x" * 300])
def test_a_dockerfile_is_in_the_folder(path):
    with pytest.raises(InvalidRequest, match=r"container_config\[dockerfile_path\]"):
        resolve_config(of_dockerfile(path), PROJECT, None)


def test_a_function_file_must_be_python():
    with pytest.raises(InvalidCode, match="Python file"):
        read_pipeline_request(BASE | {"function_path": "main.sh"})


def fields(prefix, **values):
    return [(f"{prefix}[{key}]", value) for key, value in values.items()]
