"""``headrace.toml`` says what is wrong with it: file, table and key."""

from __future__ import annotations

import pytest

from headrace.cli.manifest import read_manifest
from headrace.cli.usage import WrongUsage
from headrace.core.deployments import Mode
from headrace.core.sources import Rule

WHOLE = """
[pipelines.predict]
function = "src/model.py:predict"
requirements = false
python = "3.11"

[pipelines.train]
function = "train.py:train"
folder = "training"

[deployments.iris]
pipeline = "predict"
low_latency = true
pods = 2
idle_timeout = "10m"
inputs = {limit = "constant:5"}

[deployments.nightly]
pipeline = "train"
every = "0 3 * * *"
timezone = "Europe/Paris"
outputs = {model = "store:models/iris.joblib"}
"""


def test_a_file_says_pipelines_and_deployments(tmp_path):
    (tmp_path / "headrace.toml").write_text(WHOLE)
    manifest = read_manifest(tmp_path / "headrace.toml")
    assert list(manifest.jobs) == ["predict", "train"]
    predict, train = manifest.jobs.values()
    assert predict.order.requirements == ""
    assert train.order.folder == tmp_path / "training"
    (iris,) = predict.specs
    assert (iris.wish.name, iris.wish.rule, iris.wish.mode) == (
        "iris",
        Rule.ENDPOINT,
        Mode.LOW_LATENCY,
    )
    assert iris.wish.options == {"pods": 2, "idle_timeout_s": 600.0}
    assert iris.inputs == ("limit=constant:5",)
    (nightly,) = train.specs
    assert nightly.wish.rule is Rule.PERIODIC
    assert nightly.wish.options == {"schedule": "0 3 * * *", "timezone": "Europe/Paris"}
    assert nightly.outputs == ("model=store:models/iris.joblib",)


def test_one_pipeline_needs_no_name_in_its_deployments(tmp_path):
    (tmp_path / "headrace.toml").write_text("[pipelines.p]\nfunction = 'm.py:f'\n[deployments.d]\n")
    (job,) = read_manifest(tmp_path / "headrace.toml").jobs.values()
    assert [spec.wish.name for spec in job.specs] == ["d"]


ONE = "[pipelines.p]\nfunction = 'a.py:f'\n"
DEPLOYED = f"{ONE}[deployments.d]\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[pipelines.p\n", "is no TOML"),
        ("", "has no pipeline"),
        ("[pipeline.p]\n", "'pipeline' is not known"),
        ("pipelines = 3\n", "takes tables with names"),
        ("[pipelines.p]\n", "[pipelines.p] function is missing"),
        ("[pipelines.p]\nfunktion = 'a.py:f'\n", "[pipelines.p] funktion is not known; the keys"),
        ("[pipelines.'a b']\nfunction = 'a.py:f'\n", "[pipelines.a b]"),
        ("[pipelines.p]\nfunction = 3\n", "[pipelines.p] function must be a text"),
        (f"{ONE}include = 'a'\n", "include must be a list of texts"),
        (
            f"{DEPLOYED}pipeline = 'q'\n",
            "[deployments.d] pipeline names 'q', which the file does not have",
        ),
        (
            f"{ONE}[pipelines.q]\nfunction = 'a.py:f'\n[deployments.d]\n",
            "[deployments.d] pipeline is missing",
        ),
        (f"{DEPLOYED}probe = 3\n", "[deployments.d] probe must be a table of inputs"),
        (f"{DEPLOYED}version = 'newest'\n", "[deployments.d] version must be the number"),
        (
            f"{DEPLOYED}timeout = 'soon'\n",
            "[deployments.d] timeout cannot be used",
        ),
        (
            f"{DEPLOYED}pods = true\n",
            "[deployments.d] pods must be a whole number",
        ),
        (
            f"{DEPLOYED}low_latency = 'yes'\n",
            "[deployments.d] low_latency must be true or false",
        ),
        (
            f"{DEPLOYED}inputs = {{a = 1}}\n",
            "[deployments.d] inputs must be a table of texts",
        ),
    ],
)
def test_mistakes_name_file_table_and_key(tmp_path, text, words):
    path = tmp_path / "headrace.toml"
    path.write_text(text)
    with pytest.raises(WrongUsage) as error:
        read_manifest(path)
    assert words in error.value.message
    assert str(path) in error.value.message


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(WrongUsage, match=r"There is no .*headrace\.toml"):
        read_manifest(tmp_path / "headrace.toml")
