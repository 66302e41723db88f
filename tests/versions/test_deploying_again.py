"""Deploying again makes a version, and whoever follows the pipeline has it once it is ready."""

from __future__ import annotations

from typing import Any

import pytest
from tests.conftest import wait_until
from tests.versions.conftest import Loop, X

from headrace import (
    AlreadyExists,
    Conflict,
    HeadraceSdk,
    InvalidRequest,
    NotFound,
    Output,
    PipelineCreationFailed,
)


def test_three_edits_behind_the_same_url(loop: Loop) -> None:
    assert loop.deploy(1)["version"] == 1
    call = loop.endpoint()
    assert call(x=1).json()["outputs"] == {"y": 2}
    for number in (2, 3):
        info = loop.deploy(number)
        assert (info["version"], info["is_new"], info["status"]) == (number, True, "ready")
        assert call(x=1).json()["outputs"] == {"y": 1 + number}
    assert loop.versions() == [(1, "ready", False), (2, "ready", False), (3, "ready", True)]


def test_nothing_changed_makes_nothing(loop: Loop) -> None:
    loop.deploy(1)
    again = loop.deploy(1, message="another message is no other code")
    assert (again["version"], again["is_new"]) == (1, False)
    assert loop.versions() == [(1, "ready", True)]


def test_an_existing_name_is_refused_without_replace(loop: Loop) -> None:
    loop.deploy(1, replace=False)
    with pytest.raises(AlreadyExists, match="replace"):
        loop.deploy(2, replace=False)
    assert loop.versions() == [(1, "ready", True)]


def test_a_build_that_fails_leaves_the_pipeline_as_it_was(loop: Loop, sdk: HeadraceSdk) -> None:
    loop.deploy(1)
    call = loop.endpoint()
    with pytest.raises(PipelineCreationFailed, match=r"version 2.*no_such_module"):
        loop.deploy("import no_such_module\n\ndef main(x):\n    return {'y': 1}\n")
    assert loop.versions() == [(1, "ready", True), (2, "creation_failed", False)]
    assert "no_such_module" in sdk.list_pipeline_versions(loop.name, limit=1)[0]["failure"]
    assert sdk.get_pipeline(loop.name)["creation_info"]["status"] == "ready"
    assert call(x=1).json()["outputs"] == {"y": 2}
    # The log of each build is its own.
    lines = [line["message"] for line in sdk.get_pipeline_logs(loop.name, version=2)]
    assert any("no_such_module" in line for line in lines)
    lines = [line["message"] for line in sdk.get_pipeline_logs(loop.name)]
    assert not any("no_such_module" in line for line in lines)
    assert loop.deploy(3)["version"] == 3


def test_a_first_build_that_fails_is_followed_by_a_second_version(loop: Loop) -> None:
    with pytest.raises(PipelineCreationFailed):
        loop.deploy("import no_such_module\n\ndef main(x):\n    return {'y': 1}\n")
    assert loop.deploy(1)["version"] == 2
    assert loop.versions() == [(1, "creation_failed", False), (2, "ready", True)]
    assert loop.endpoint()(x=1).json()["outputs"] == {"y": 2}


def test_going_back_and_forth(loop: Loop, sdk: HeadraceSdk) -> None:
    for number in (1, 2, 3):
        loop.deploy(number)
    call = loop.endpoint()
    assert sdk.rollback_pipeline(loop.name)["version"] == 2
    assert call(x=0).json()["outputs"] == {"y": 2}
    assert sdk.rollback_pipeline(loop.name)["version"] == 1
    assert call(x=0).json()["outputs"] == {"y": 1}
    with pytest.raises(Conflict, match="no version before 1 was current and is kept"):
        sdk.rollback_pipeline(loop.name)
    assert sdk.rollback_pipeline(loop.name, 3)["is_current"]
    assert call(x=0).json()["outputs"] == {"y": 3}
    with pytest.raises(NotFound, match="its versions are 1 to 3"):
        sdk.rollback_pipeline(loop.name, 4)
    with pytest.raises(InvalidRequest, match="version must be"):
        sdk.rollback_pipeline(loop.name, 0)
    # What was rolled back from is not what the next edit is compared with.
    sdk.rollback_pipeline(loop.name, 1)
    assert loop.deploy(3)["version"] == 4


def test_whoever_goes_back_is_not_carried_forward(loop: Loop, sdk: HeadraceSdk) -> None:
    loop.deploy(1)
    loop.deploy(2)
    go = loop.folder.parent / "go"
    source = f"import pathlib, time\nwhile not pathlib.Path({str(go)!r}).exists():\n"
    source += "    time.sleep(0.01)\n\ndef main(x):\n    return {'y': 3}\n"
    coming = loop.deploy(source, wait_for_completion=False)
    assert coming["version"] == 3
    sdk.rollback_pipeline(loop.name, 1)
    go.touch()
    found = sdk.get_pipeline_version(loop.name, 3, wait_for_completion=True)
    assert (found["status"], found["is_current"]) == ("ready", False)
    assert "rolled back to version 1" in found["failure"]
    assert sdk.rollback_pipeline(loop.name, 3)["failure"] is None


def test_the_later_of_two_builds_wins_whichever_ends_first(loop: Loop, sdk: HeadraceSdk) -> None:
    loop.deploy(1)
    go = loop.folder.parent / "go"
    source = f"import pathlib, time\nwhile not pathlib.Path({str(go)!r}).exists():\n"
    source += "    time.sleep(0.01)\n\ndef main(x):\n    return {'y': 2}\n"
    loop.deploy(source, wait_for_completion=False)
    assert loop.deploy(3)["version"] == 3
    go.touch()
    found = sdk.get_pipeline_version(loop.name, 2, wait_for_completion=True)
    assert (found["status"], found["is_current"]) == ("ready", False)
    assert "Version 3, which is newer" in found["failure"]
    wait_until(lambda: loop.versions()[2] == (3, "ready", True))


def test_a_version_shows_all_of_itself(loop: Loop, sdk: HeadraceSdk) -> None:
    loop.deploy(1, message="the first")
    loop.deploy(2, outputs=[Output("y", "number", "the sum")], message="said better")
    found = sdk.get_pipeline_version(loop.name)
    assert (found["version"], found["message"], found["is_current"]) == (2, "said better", True)
    assert found["calling"] == "platform"
    assert found["parameters"]["outputs"][0]["description"] == "the sum"
    (file,) = found["files"]
    assert (file["path"], file["size"]) == ("main.py", len((loop.folder / "main.py").read_bytes()))
    first = sdk.get_pipeline_version(loop.name, 1)
    assert first["message"] == "the first"
    assert first["files"][0]["digest"] != file["digest"]
    assert first["requirements_digest"] == found["requirements_digest"]
    assert first["digest"] != found["digest"]
    sdk.download_pipeline_local_folder(loop.name, loop.folder, version=1)
    assert (loop.folder / f"{loop.name}.tgz").stat().st_size > 0
    assert [v["version"] for v in sdk.list_pipeline_versions(loop.name, limit=1)] == [2]


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"calling": "somehow"}, "calling must be"),
        ({"message": "m" * 1001}, "message has 1,001 characters"),
    ],
    ids=["calling", "message"],
)
def test_bad_words_are_refused_by_name(loop: Loop, more: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidRequest, match=named):
        loop.deploy(1, **more)


def test_what_is_not_waited_for_is_shown_as_it_comes(loop: Loop, sdk: HeadraceSdk) -> None:
    loop.deploy(1)
    go = loop.folder.parent / "go"
    source = f"import pathlib, time\nwhile not pathlib.Path({str(go)!r}).exists():\n"
    source += "    time.sleep(0.01)\n\ndef main(x):\n    return {'y': 2}\n"
    (loop.folder / "main.py").write_text(source)
    for is_new in (True, False):  # Whoever repeats a request that was lost makes nothing twice.
        coming = sdk.create_pipeline(
            loop.name,
            "main.py",
            "main",
            container_config={"local_folder": str(loop.folder)},
            inputs=[X],
            outputs=[Output("y", "number", "another")],
            wait_for_completion=False,
            replace=True,
        )
        info = coming["creation_info"]
        assert (info["version"], info["status"]) == (2, "creation_pending")
        assert info["is_new"] is is_new
        assert coming["parameters"]["outputs"][0]["description"] == "another"
    assert sdk.get_pipeline(loop.name)["creation_info"]["version"] == 1
    # The current one deployed again is what stays.
    assert loop.deploy(1)["version"] == 1
    go.touch()
    found = sdk.get_pipeline_version(loop.name, 2, wait_for_completion=True)
    assert (found["status"], found["is_current"]) == ("ready", False)
    assert "Version 1 was deployed again" in found["failure"]
