"""Credentials, unreachable servers and the project's settings, against a real server."""

from __future__ import annotations

import socket
import threading

import pytest

from headrace import (
    HeadraceError,
    HeadraceSdk,
    Input,
    InvalidRequest,
    NotFound,
    Output,
    PipelineExecutionFailed,
    Unauthenticated,
    Unavailable,
)
from headrace.server.data_directory import DataDirectory

pytestmark = pytest.mark.system


def test_the_sdk_knows_who_it_is(sdk):
    user = sdk.who_am_i()
    assert user.keys() == {"id", "name", "email"}
    assert sdk.get_user(user["id"]) == user


def test_a_server_that_is_not_there_is_named():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
    with (
        HeadraceSdk("t", url) as sdk,
        pytest.raises(Unavailable, match=f"No server answers at {url}: is `headrace serve`"),
    ):
        sdk.list_pipelines()


def test_a_wrong_token_is_refused(server):
    with HeadraceSdk("wrong", server.url) as sdk, pytest.raises(Unauthenticated, match="token"):
        sdk.who_am_i()


def test_a_token_works_from_its_creation_to_its_revocation(sdk, server):
    made = sdk.create_token("sdk-test")
    with HeadraceSdk(made["token"], server.url) as other:
        assert other.who_am_i() == sdk.who_am_i()
    assert "sdk-test" in [token["name"] for token in sdk.list_tokens()]
    assert sdk.revoke_token("sdk-test") == {"name": "sdk-test"}
    with HeadraceSdk(made["token"], server.url) as late, pytest.raises(Unauthenticated):
        late.who_am_i()
    with pytest.raises(NotFound):
        sdk.revoke_token("sdk-test")


def test_an_access_token_that_is_refused_is_fetched_anew(own_server):
    """A server that lost its keys knows none of its access tokens, but still the SDK's own."""
    server = own_server()
    with HeadraceSdk(server.token, server.url) as sdk:
        user = sdk.who_am_i()
        server.stop()
        DataDirectory(server.data_dir).keys.unlink()
        server.start()
        assert sdk.who_am_i() == user


def test_a_wait_outlives_a_restart_of_the_server(own_server, folder):
    """The execution is lost with the server, and the wait says so instead of breaking."""
    server = own_server()
    with HeadraceSdk(server.token, server.url) as sdk:
        config = {"local_folder": str(folder)}
        seconds = [Input("seconds", "number")]
        sdk.create_pipeline(
            "wait",
            "main.py",
            "wait",
            container_config=config,
            inputs=seconds,
            outputs=[Output("waited", "number")],
        )
        started = sdk.run_pipeline("wait", {"seconds": 60}, wait_for_completion=False)
        next(iter(sdk.iter_execution_logs(started["execution_id"], follow=True)))
        caught = []

        def wait():
            try:
                sdk.retrieve_pipeline_execution_outputs(started["execution_id"])
            except HeadraceError as error:
                caught.append(error)

        waiting = threading.Thread(target=wait)
        waiting.start()
        # The restart is what is waited for: when it comes, whether the wait has begun or not,
        # the question is asked of a server that is not there, or breaks on one that goes.
        server.kill()
        server.start()
        waiting.join(60)
    assert [type(error) for error in caught] == [PipelineExecutionFailed]


def test_environment_variables_are_set_listed_and_deleted(sdk):
    sdk.create_or_update_environment_variable("SDK_TEST", "one")
    sdk.create_or_update_environment_variable("SDK_TEST", 6)
    assert {"name": "SDK_TEST", "value": "6"} in sdk.list_environment_variables()
    assert sdk.delete_environment_variable("SDK_TEST") == {"name": "SDK_TEST", "value": "6"}
    with pytest.raises(NotFound):
        sdk.delete_environment_variable("SDK_TEST")


def test_settings_of_the_project_are_changed_and_refused(sdk):
    before = sdk.get_project_information()
    try:
        changed = sdk.update_project_information(language="python:3.12-slim")
        assert changed == before | {"language": "python:3.12-slim"}
        with pytest.raises(InvalidRequest, match="speed"):
            sdk.update_project_information(speed="fast")
    finally:
        assert sdk.update_project_information(**before) == before


def test_progress_is_told_on_stderr_when_wanted(server, capsys):
    with HeadraceSdk(server.token, server.url, verbose_log=True) as sdk:
        sdk.create_or_update_environment_variable("SDK_VERBOSE", "secret")
        sdk.delete_environment_variable("SDK_VERBOSE")
    told = capsys.readouterr()
    assert told.out == ""
    assert "SDK_VERBOSE: set" in told.err
    assert "secret" not in told.err


def test_what_is_no_headrace_says_so(server):
    with HeadraceSdk("t", f"{server.url}/elsewhere") as sdk, pytest.raises(HeadraceError):
        sdk.who_am_i()
