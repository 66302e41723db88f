"""Equal needs share a digest, and only equal needs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.core.environments import (
    SUPPORTED_PYTHONS,
    EnvironmentSpec,
    RequirementsFile,
    normalised_requirements,
    placeholders,
    python_version,
)
from headrace.core.errors import InvalidEnvironment

NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,8}[a-z0-9]", fullmatch=True)
VERSIONS = st.from_regex(r"[0-9]{1,2}\.[0-9]{1,2}", fullmatch=True)
LINES = st.builds("{}=={}".format, NAMES, VERSIONS)
NOISE = st.sampled_from(["", "   ", "\t", "# comment", "  # six==1.0", "#"])
INDENTATION = st.sampled_from(["", " ", "\t"])
TAIL = st.sampled_from(["", "  ", "  # why", "\t# why # twice"])
VARIABLES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,6}", fullmatch=True)


@given(st.lists(LINES, max_size=5), st.data())
def test_comments_blank_lines_and_indentation_do_not_count(lines, data):
    noisy: list[str] = data.draw(st.lists(NOISE, max_size=2))
    for line in lines:
        noisy.append(data.draw(INDENTATION) + line + data.draw(TAIL))
        noisy += data.draw(st.lists(NOISE, max_size=2))
    ends = data.draw(st.sampled_from(["\n", "\r\n"]))
    plain = EnvironmentSpec("3.11", "\n".join(lines))
    assert EnvironmentSpec("3.11", ends.join(noisy)).digest == plain.digest


@given(NAMES, VERSIONS, VERSIONS)
def test_versions_count(name, first, second):
    digests = {EnvironmentSpec("3.11", f"{name}=={v}").digest for v in (first, second)}
    assert len(digests) == len({first, second})


def test_the_interpreter_and_the_folder_count():
    specs = [
        EnvironmentSpec("3.11", "six"),
        EnvironmentSpec("3.12", "six"),
        EnvironmentSpec("3.11", "six", folder_digest="a"),
        EnvironmentSpec("3.11", "six", folder_digest="b"),
        EnvironmentSpec("3.11", "idna"),
        EnvironmentSpec("3.11", ""),
    ]
    assert len({spec.digest for spec in specs}) == len(specs)


def test_the_order_of_lines_counts():
    """The first of several options and of equal names may win, so order is meaning."""
    assert EnvironmentSpec("3.11", "a\nb").digest != EnvironmentSpec("3.11", "b\na").digest


def test_a_hash_sign_inside_a_word_is_no_comment():
    line = "name @ git+https://host/name.git#egg=name"
    assert normalised_requirements(f"{line}  # why") == line


@given(st.text())
def test_normalising_twice_is_normalising_once(text):
    once = normalised_requirements(text)
    assert normalised_requirements(once) == once


@pytest.mark.parametrize("version", SUPPORTED_PYTHONS)
@pytest.mark.parametrize("form", ["python:{}-slim", "python-cuda:{}-12.4"])
def test_supported_languages_give_their_version(form, version):
    assert python_version(form.format(version)) == version


@pytest.mark.parametrize(
    "language",
    [
        "", "python", "python:3.11", "python:3-slim", "python:3.11-slim ", "Python:3.11-slim",
        "python:3.8-slim", "python:3.99-slim", "python:3.1-slim", "python:3.11.2-slim",
        "python-cuda:3.11-slim", "python-cuda:3.8-12.4", "python:3.11-12.4", "python:3.11-slim\n",
    ],
)  # fmt: skip
def test_other_languages_are_refused_with_those_that_work(language):
    with pytest.raises(InvalidEnvironment) as caught:
        python_version(language)
    assert repr(language) in caught.value.message
    assert "python:3.11-slim" in caught.value.message


@given(st.lists(VARIABLES, max_size=5))
def test_placeholders_are_named_once_and_in_order(used):
    text = "|".join(f"${{{name}}}" for name in used)
    assert placeholders(text) == list(dict.fromkeys(used))


@pytest.mark.parametrize("text", ["$A", "{A}", "${}", "${1A}", "${A-B}", "$ {A}"])
def test_what_is_not_a_placeholder_stays(text):
    assert placeholders(text) == []


def test_constraints_count():
    specs = [
        EnvironmentSpec("3.11", "six"),
        EnvironmentSpec("3.11", "six", constraints="six<1.17"),
        EnvironmentSpec("3.11", "six", constraints="six<1.16"),
    ]
    assert len({spec.digest for spec in specs}) == len(specs)
    same = EnvironmentSpec("3.11", "six", constraints="# why\nsix<1.17\n")
    assert same.digest == specs[1].digest


def test_of_a_file_that_the_installer_reads_the_content_counts_and_not_the_place():
    def digest(content, path="uv.lock"):
        return EnvironmentSpec("3.11", "", file=RequirementsFile(path, content)).digest

    assert digest("a") == digest("a", "sub/uv.lock")
    assert len({digest("a"), digest("b"), EnvironmentSpec("3.11", "").digest}) == 3
