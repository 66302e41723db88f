"""Whatever is sent is answered or refused with words, and nothing half made is left."""

from __future__ import annotations

import io
import json
import re
import socket
import tarfile
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.api.conftest import check_error
from tests.conftest import RunningServer

pytestmark = pytest.mark.system

B = "multipart/form-data; boundary=B"
FORM = "application/x-www-form-urlencoded"
RUN = "/pipelines/api-echo/run"
VARIABLES = "/environment-variables"
PROJECT = "/project-information"


def part(name: str, text: str, filename: str | None = None) -> str:
    where = f'; filename="{filename}"' if filename is not None else ""
    return f'--B\r\nContent-Disposition: form-data; name="{name}"{where}\r\n\r\n{text}\r\n'


END = "--B--\r\n"
LATIN = "\r\nContent-Type: text/plain; charset=ISO-8859-1"


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


# What is posted as a form to /run: content type, body, what the message says.
TWICE = '[{"pipeline_input_name": "number", "constant_value": 2}]'
BAD_FORMS: dict[str, tuple[str, str | bytes, str]] = {
    "wrong type": ("text/plain", "a=1", "must be a form .* not text/plain"),
    "json": ("application/json", "{}", "must be a form .* not application/json"),
    "no boundary": ("multipart/form-data", "a", "no boundary"),
    "empty boundary": ("multipart/form-data; boundary=", "a", "boundary"),
    "empty body": (B, "", "ended before|malformed"),
    "not multipart": (B, "json_inputs={}", "malformed"),
    "other boundary": (B, "--C\r\n\r\n--C--\r\n", "malformed"),
    "truncated header": (B, "--B\r\nContent-Dispo", "ended before"),
    "truncated text": (
        B,
        '--B\r\nContent-Disposition: form-data; name="json_inputs"\r\n\r\n{',
        "ended",
    ),
    "truncated file": (B, part("document", "abc", "a"), "ended before"),
    "no headers": (B, f"--B\r\n\r\nabc\r\n{END}", "has no name"),
    "no name": (B, f"--B\r\nContent-Disposition: form-data\r\n\r\n{{}}\r\n{END}", "has no name"),
    "no disposition": (B, f"--B\r\nContent-Type: text/plain\r\n\r\n{{}}\r\n{END}", "has no name"),
    "name is not utf-8": (
        B,
        b'--B\r\nContent-Disposition: form-data; name="\xff"\r\n\r\na\r\n--B--\r\n',
        "UTF-8|malformed|unknown field",
    ),
    "text is not utf-8": (
        B,
        b'--B\r\nContent-Disposition: form-data; name="json_inputs"\r\n\r\n\xff\r\n--B--\r\n',
        "UTF-8",
    ),
    "doubled file": (B, part("document", "a", "a") + part("document", "b", "b") + END, "twice"),
    "doubled field": (B, part("json_inputs", "{}") * 2 + END, "json_inputs twice"),
    "unknown field": (B, part("number", "1") + END, "unknown field 'number'.*json_inputs"),
    "unknown file": (B, part("other", "a", "a") + END, "no input 'other'"),
    "file named as a field": (B, part("json_inputs", "{}", "a") + END, "no input 'json_inputs'"),
    "file named as a path": (B, part("../../x", "a", "a") + END, "no input '../../x'"),
    "file for a number": (B, part("number", "1", "a") + END, "'number' must be of type number"),
    "many fields": (
        B,
        part("json_inputs", "") * 10_001 + END,
        "more than 10,000 fields|larger than 1,000,000",
    ),
    "many files": (B, "".join(part(f"f{n}", "", "f") for n in range(101)) + END, "no input 'f0'"),
    "big field": (B, part("json_inputs", " " * 1_000_001) + END, "larger than 1,000,000.*'json_in"),
    "long name": (B, part("a" * 2000, "") + END, "name of a part is longer than 1,000"),
    "long boundary": (f"multipart/form-data; boundary={'B' * 71}", "a", "1 to 70 printable"),
    "longer boundary": (f"multipart/form-data; boundary={'B' * 3000}", "a", "1 to 70 printable"),
    "odd boundary": ('multipart/form-data; boundary="a\tb"', "a", "1 to 70 printable"),
    "part in Latin-1": (
        B,
        part("json_inputs", '{"text": "é"}').replace("\r\n\r\n", f"{LATIN}\r\n\r\n") + END,
        "'json_inputs' is sent as ISO-8859-1: send all text as UTF-8",
    ),
    "name of a file in Latin-1": (
        B,
        (part("document", "a", "é") + END).encode("latin-1"),
        "name of a file is not UTF-8",
    ),
    "form in Latin-1": (f"{FORM}; charset=latin-1", 'json_inputs={"text": "é"}', "sent as latin-1"),
    "charset of a browser": (
        FORM,
        'json_inputs={"text":"%C3%A9"}&_charset_=windows-1252',
        "sent as windows-1252: send all text as UTF-8",
    ),
    "a name twice": (FORM, 'json_inputs={"number": 1, "number": 2}', "the name 'number' twice"),
    "a name twice, escaped": (
        FORM,
        'json_inputs={"number": 1, "n%5Cu0075mber": 2, "text": ":"}',
        "the name 'number' twice",
    ),
    "byte order mark": (FORM, 'json_inputs=%EF%BB%BF{"number": 1}', "byte order mark"),
    "utf-16": (FORM, "json_inputs=%FF%FE{%00}%00", "not a valid urlencoded"),
    "much that is nothing": (B, part("json_inputs", "{}") + END + "x" * 4_100_000, "neither text"),
    "many headers": (
        B,
        "--B\r\n" + "X-A: b\r\n" * 10_000 + f"\r\n\r\n{END}",
        "malformed|no name",
    ),
    "big header": (B, f"--B\r\nX-A: {'b' * 500_000}\r\n\r\n\r\n{END}", "malformed|no name"),
    "urlencoded not utf-8": (FORM, b"json_inputs=\xff", "not a valid urlencoded"),
    "escapes not utf-8": (FORM, "json_inputs=%ff", "not a valid urlencoded"),
    "many pairs": (FORM, "a=&" * 10_001, "not a valid urlencoded"),
    "big form": (FORM, f"json_inputs={'x' * 1_000_001}", "larger than 1,000,000"),
    "not json": (FORM, "json_inputs={", "json_inputs is not valid JSON"),
    "not an object": (FORM, "json_inputs=[1]", "json_inputs must be a JSON object"),
    "nan": (FORM, 'json_inputs={"number": NaN}', "json_inputs is not valid JSON"),
    "huge float": (FORM, 'json_inputs={"number": 1e999}', "json_inputs is not valid JSON"),
    "huge integer": (
        FORM,
        f'json_inputs={{"number": {"1" * 5000}}}',
        "json_inputs is not valid JSON",
    ),
    "half a surrogate": (FORM, 'json_inputs={"text": "%5Cud800"}', "json_inputs is not valid"),
    "too deep": (FORM, f'json_inputs={{"record": {nested(300)}}}', "'record' is nested too deep"),
    "deeper": (FORM, f'json_inputs={{"record": {nested(990)}}}', "'record' is nested|valid JSON"),
    "without end": (FORM, f'json_inputs={{"record": {nested(50_000)}}}', "not valid JSON"),
    "unknown input": (FORM, 'json_inputs={"nobody": 1}', "no input 'nobody'.*number"),
    "wrong value": (FORM, 'json_inputs={"number": "1"}', "'number' must be of type number"),
    "value for a file": (FORM, 'json_inputs={"document": "a"}', "'document' must be of type file"),
    "big values": (FORM, f'json_inputs={{"text": "{"x" * 60_000}"}}', "at most 60,000"),
    "mapping is no list": (FORM, "inputs_mapping={}", "inputs_mapping must be a JSON array"),
    "mapping is no json": (FORM, "outputs_mapping=x", "outputs_mapping is not valid JSON"),
    "mapping of numbers": (FORM, "inputs_mapping=[1]", "Each element of inputs_mapping"),
    "mapping of nobody": (
        FORM,
        'inputs_mapping=[{"pipeline_input_name": "nobody", "is_null": true}]',
        "no input 'nobody'",
    ),
    "mapped and given": (
        FORM,
        f'json_inputs={{"number": 1}}&inputs_mapping={TWICE}',
        "'number' is mapped to another source",
    ),
    "endpoint in a run": (
        FORM,
        'inputs_mapping=[{"pipeline_input_name": "number", "endpoint_input_name": "n"}]',
        "'number' is mapped to endpoint_input_name.*a run",
    ),
}


@pytest.mark.parametrize("kind", BAD_FORMS)
def test_bad_forms(http: httpx.Client, pipelines: None, kind: str) -> None:
    content_type, body, said = BAD_FORMS[kind]
    content = body if isinstance(body, bytes) else body.encode()
    before = http.get("/pipelines/api-echo/executions/latest").content
    answer = http.post(RUN, content=content, headers={"Content-Type": content_type})
    message = check_error(answer)["message"]
    assert answer.status_code in {400, 413}
    assert re.search(said, message), message
    assert len(message) < 2000
    assert http.get("/pipelines/api-echo/executions/latest").content == before


def test_a_value_and_a_file_for_one_input(http: httpx.Client, pipelines: None) -> None:
    answer = http.post(
        RUN, data={"json_inputs": '{"document": 1}'}, files={"document": ("a", b"a")}
    )
    assert "'document' was given as a value and as a file" in check_error(answer, 400)["message"]


TEMPLATE, CLEANER = "pipeline_template_name", "csv-cleaner"
NEW = {"pipeline_name": "of-a-template"}

BAD_JSON: dict[str, tuple[str, str, Any, str]] = {
    "variables: missing": ("PUT", VARIABLES, {}, "environment_variables is missing"),
    "variables: list": ("PUT", VARIABLES, {"environment_variables": []}, "environment_variables"),
    "variables: text": ("PUT", VARIABLES, {"environment_variables": "a"}, "environment_variables"),
    "variables: empty": ("PUT", VARIABLES, {"environment_variables": {}}, "environment_variables"),
    "tokens: no name": ("POST", "/tokens", {}, "name is missing"),
    "tokens: number": ("POST", "/tokens", {"name": 7}, "name is missing"),
    "tokens: bad name": ("POST", "/tokens", {"name": "a b"}, "'a b' is not a valid name"),
    "tokens: long name": ("POST", "/tokens", {"name": "a" * 129}, "at most 128"),
    "project: unknown": ("PATCH", PROJECT, {"colour": 1}, "no setting colour; it has language"),
    "project: language": ("PATCH", PROJECT, {"language": "ruby"}, "language 'ruby' is not known"),
    "project: null language": ("PATCH", PROJECT, {"language": None}, "language"),
    "project: old language": ("PATCH", PROJECT, {"language": "python:3.5-slim"}, "3.5"),
    "project: folders text": ("PATCH", PROJECT, {"included_folders": "src"}, "included_folders"),
    "project: folders mixed": ("PATCH", PROJECT, {"included_folders": ["a", 1]}, "included_fol"),
    "project: folder outside": ("PATCH", PROJECT, {"included_folders": ["../a"]}, "'../a' leaves"),
    "project: requirements": ("PATCH", PROJECT, {"requirements_path": "../r"}, "requirements_path"),
    "project: requirements 7": ("PATCH", PROJECT, {"requirements_path": 7}, "requirements_path"),
    "project: packages": ("PATCH", PROJECT, {"system_dependencies": [None]}, "system_dependenci"),
    "project: package": ("PATCH", PROJECT, {"system_dependencies": ["a b;c"]}, "'a b;c'"),
    "project: repository": ("PATCH", PROJECT, {"repository_url": ["x"]}, "repository_url"),
    "logs: unknown": ("POST", "/pipelines/api-echo/logs", {"since": 1}, "Unknown key since"),
    "logs: from": ("POST", "/pipelines/api-echo/logs", {"from": "x"}, "from must be an integer"),
    "logs: from list": ("POST", "/pipelines/api-echo/logs", {"from": [1]}, "from must be an int"),
    "logs: from float": ("POST", "/pipelines/api-echo/logs", {"from": 1.5}, "from must be an int"),
    "logs: from true": ("POST", "/pipelines/api-echo/logs", {"from": True}, "from must be an int"),
    "logs: to": ("POST", "/pipelines/api-echo/logs", {"to": -1}, "to must be an integer"),
    "logs: to huge": ("POST", "/pipelines/api-echo/logs", {"to": 10**30}, "to must be an integer"),
    "logs: limit": ("POST", "/pipelines/api-echo/logs", {"limit": -1}, "limit must be an integer"),
    "logs: limit text": ("POST", "/pipelines/api-echo/logs", {"limit": "a"}, "limit must be an"),
    "pipeline: no code": (
        "POST",
        "/pipelines",
        {"pipeline_name": "x", "function_path": "a.py", "function_name": "f"},
        "code is missing",
    ),
    "template: no name": ("POST", "/pipelines", {TEMPLATE: CLEANER}, "pipeline_name must be"),
    "template: path": (
        "POST",
        "/pipelines",
        {**NEW, TEMPLATE: "../x"},
        f"{TEMPLATE} '../x' is not",
    ),
    "template: empty": ("POST", "/pipelines", {**NEW, TEMPLATE: ""}, f"{TEMPLATE} must be a non"),
    "template: number": ("POST", "/pipelines", {**NEW, TEMPLATE: 7}, f"{TEMPLATE} must be a non"),
    "template: long": ("POST", "/pipelines", {**NEW, TEMPLATE: "x" * 129}, f"{TEMPLATE} is 129"),
    "template: with code": (
        "POST",
        "/pipelines",
        {**NEW, TEMPLATE: CLEANER, "function_path": "main.py"},
        f"A request with {TEMPLATE} has the unknown key 'function_path'",
    ),
    "template: flag": (
        "POST",
        "/pipelines",
        {**NEW, TEMPLATE: CLEANER, "replace": 3},
        "replace must",
    ),
    "template: bad name": (
        "POST",
        "/pipelines",
        {"pipeline_name": "a/b", TEMPLATE: CLEANER},
        "pipeline_name 'a/b' is not a valid name",
    ),
}


@pytest.mark.parametrize("kind", BAD_JSON)
def test_bad_json_values(http: httpx.Client, pipelines: None, kind: str) -> None:
    method, url, body, said = BAD_JSON[kind]
    before = [http.get(path).content for path in (PROJECT, VARIABLES, "/pipelines", "/tokens")]
    error = check_error(http.request(method, url, json=body), 400)
    assert said in error["message"]
    after = [http.get(path).content for path in (PROJECT, VARIABLES, "/pipelines", "/tokens")]
    assert after == before


@pytest.mark.parametrize(
    "body",
    [
        "{",
        "[]",
        "7",
        "null",
        '"a"',
        "{]",
        '{"a": NaN}',
        nested(100_000),
        b"\xff",
        b"{\x00}",
        "{} {}",
    ],
    ids=lambda body: repr(body)[:20],
)
@pytest.mark.parametrize(
    ("method", "url"),
    [
        ("PUT", VARIABLES),
        ("PATCH", PROJECT),
        ("POST", "/tokens"),
        ("POST", "/auth/refresh"),
        ("POST", "/pipelines/api-echo/logs"),
        ("POST", "/pipelines"),
    ],
)
def test_bad_json_bodies(
    http: httpx.Client, pipelines: None, method: str, url: str, body: str | bytes
) -> None:
    content = body.encode() if isinstance(body, str) else body
    answer = http.request(
        method, url, content=content, headers={"Content-Type": "application/json"}
    )
    assert "the body" in check_error(answer, 400)["message"].lower()


@pytest.mark.parametrize("token", ["hdr_x", "hdx_x", "hdp_x"])
def test_a_token_to_be_exchanged_is_told_from_one_that_is_not_valid(
    http: httpx.Client, token: str
) -> None:
    answer = http.get("/users/me", headers={"Authorization": f"Bearer {token}"})
    assert "refresh_token" in check_error(answer, 401)["message"]
    answer = http.get("/users/me", headers={"Authorization": "Bearer x"})
    assert "not valid" in check_error(answer, 401)["message"]


@pytest.mark.parametrize(("method", "url"), [("PUT", VARIABLES), ("POST", "/auth/refresh")])
def test_a_json_body_has_a_greatest_size(http: httpx.Client, method: str, url: str) -> None:
    answer = http.request(method, url, content=b'{"a": "' + b"x" * 1_000_000 + b'"}')
    assert check_error(answer, 413)["name"] == "TooLarge"


BAD_VARIABLES: dict[str, tuple[dict[str, Any], str]] = {
    "empty name": ({"": "a"}, "cannot be the name"),
    "digit": ({"1A": "a"}, "'1A' cannot be the name"),
    "equals": ({"A=B": "a"}, "'A=B' cannot be the name"),
    "not ascii": ({"É": "a"}, "'É' cannot be the name"),
    "nul": ({"A\0": "a"}, "cannot be the name"),
    "long name": ({"A" * 129: "a"}, "cannot be the name"),
    "reserved": ({"HEADRACE_SDK_TOKEN": "a"}, "'HEADRACE_SDK_TOKEN' is reserved"),
    "reserved too": ({"CRAFT_AI_X": "a"}, "'CRAFT_AI_X' is reserved"),
    "linker": ({"LD_PRELOAD": "x.so"}, "'LD_PRELOAD' cannot be set: it would change how"),
    "linker too": ({"LD_AUDIT": "x.so"}, "the dynamic linker"),
    "interpreter": ({"PYTHONPATH": "."}, "(interpreters would read it)"),
    "shell": ({"BASH_FUNC_ls": "() { :; }"}, "'BASH_FUNC_ls' cannot be set"),
    "path": ({"PATH": "."}, "Choose another name"),
    "git": ({"GOOD": "a", "GIT_SSH_COMMAND": "sh"}, "'GIT_SSH_COMMAND' cannot be set"),
    "nul in value": ({"A": "a\0b"}, "The value of 'A' holds a NUL"),
    "long value": ({"A": "a" * 100_001}, "The value of 'A' is too long"),
    "long list": ({"A": ["a" * 100_001]}, "The value of 'A' is too long"),
    "one of many": ({"GOOD": "a", "1A": "b"}, "'1A' cannot be the name"),
}


@pytest.mark.parametrize("kind", BAD_VARIABLES)
def test_bad_variables_and_none_of_them_is_kept(http: httpx.Client, kind: str) -> None:
    variables, said = BAD_VARIABLES[kind]
    before = http.get(VARIABLES).json()
    answer = http.put(VARIABLES, json={"environment_variables": variables})
    assert said in check_error(answer, 400)["message"]
    assert http.get(VARIABLES).json() == before


def test_a_deep_value_of_a_variable_is_kept_or_refused(http: httpx.Client) -> None:
    for depth in (150, 900, 970, 990):
        body = f'{{"environment_variables": {{"API_DEEP": {nested(depth)}}}}}'
        answer = http.put(VARIABLES, content=body.encode())
        assert answer.status_code in {200, 400}, depth
    http.delete(f"{VARIABLES}/API_DEEP")


BAD_QUERIES = [
    ("/executions?limit=0", "limit must be an integer from 1 to"),
    ("/executions?limit=1001", "limit must be an integer"),
    ("/executions?limit=ten", "limit must be an integer"),
    ("/executions?limit=", "limit must be an integer"),
    ("/executions?limit=1e2", "limit must be an integer"),
    ("/executions?limit=" + "9" * 5000, "limit must be an integer"),
    ("/executions?status=Skipped", "status must be one of Pending, Running"),
    ("/pipelines/api-echo?wait_for_completion=maybe", "wait_for_completion must be true or false"),
    ("/pipelines/api-echo/executions?limit=-1", "limit must be an integer"),
    ("/pipelines/api-echo/log-lines?cursor=-1", "cursor must be an integer"),
    ("/pipelines/api-echo/log-lines?cursor=x", "cursor must be an integer"),
    ("/pipelines/api-echo/log-lines?limit=0", "limit must be an integer"),
    ("/pipelines/api-echo/log-lines?wait_s=1.5", "wait_s must be an integer"),
]


@pytest.mark.parametrize(("url", "said"), BAD_QUERIES, ids=lambda text: text[:50])
def test_bad_queries(http: httpx.Client, pipelines: None, url: str, said: str) -> None:
    message = check_error(http.get(url), 400)["message"]
    assert said in message
    assert len(message) < 1000


@pytest.mark.parametrize("value", ["include_io_values=2", "include_io_values="])
def test_bad_queries_of_one_execution(
    http: httpx.Client, run: Callable[..., str], value: str
) -> None:
    execution_id = run("echo")
    answer = http.get(f"/executions/{execution_id}?{value}")
    assert "include_io_values must be true or false" in check_error(answer, 400)["message"]
    answer = http.get(f"/executions/{execution_id}/outputs?wait_for_results=x")
    assert "wait_for_results must be" in check_error(answer, 400)["message"]
    answer = http.get(f"/executions/{execution_id}/log-lines?cursor={1 << 62}")
    assert answer.status_code == 200


ODD = [
    "%00",
    "%ff",
    "..%2f..",
    "%2e%2e",
    "a%0ab",
    "a'b",
    'a"b',
    "%F0%9F%92%A9",
    "a;b",
    "x" * 3000,
    "-",
]


@pytest.mark.parametrize("name", ODD, ids=lambda name: name[:12])
def test_odd_names_are_not_found(http: httpx.Client, name: str) -> None:
    for method, url in (
        ("GET", f"/pipelines/{name}"),
        ("DELETE", f"/pipelines/{name}"),
        ("POST", f"/pipelines/{name}/run"),
        ("POST", f"/pipelines/{name}/logs"),
        ("GET", f"/pipelines/{name}/log-lines"),
        ("GET", f"/pipelines/{name}/download"),
        ("GET", f"/pipelines/{name}/executions"),
        ("GET", f"/executions/{name}"),
        ("DELETE", f"/executions/{name}"),
        ("GET", f"/executions/{name}/outputs"),
        ("GET", f"/executions/{name}/outputs/{name}"),
        ("POST", f"/executions/{name}/logs"),
        ("POST", f"/executions/{name}/cancel"),
        ("GET", f"/executions?pipeline_name={name}"),
        ("DELETE", f"/environment-variables/{name}"),
        ("DELETE", f"/tokens/{name}"),
        ("GET", f"/users/{name}"),
        ("GET", f"/deployments/{name}"),
    ):
        body = check_error(http.request(method, url), 404)
        assert body["name"] == "NotFound"


def test_a_link_that_is_not_signed_is_refused_in_xml(server: RunningServer) -> None:
    for query in ("", "?signature=x", "?expires=9999999999&signature=00", "?expires=x"):
        answer = httpx.get(f"{server.url}/api/v1/signed/bundles/x{query}")
        assert 400 <= answer.status_code < 500
        assert answer.headers["content-type"].startswith("application/xml")
        assert "<Code>" in answer.text
        assert "<Message>" in answer.text


@pytest.mark.parametrize(
    "path",
    ["/api", "/api/v1", "/api/v1/", "/api/v1/nothing", "/api/v1/pipelines/", "/api/v2/health"],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_unknown_paths(server: RunningServer, http: httpx.Client, method: str, path: str) -> None:
    answer = http.request(method, server.url + path, follow_redirects=False)
    error = check_error(answer, 404)
    assert error["name"] == "NotFound"
    assert path in error["message"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/health"),
        ("PUT", "/pipelines"),
        ("GET", "/pipelines/x/run"),
        ("PATCH", "/executions/x"),
        ("TRACE", "/executions"),
    ],
)
def test_wrong_methods(http: httpx.Client, method: str, path: str) -> None:
    error = check_error(http.request(method, path), 405)
    assert error["name"] == "MethodNotAllowed"
    assert method in error["message"]


@pytest.mark.parametrize(
    "request_line",
    [
        b"GET /api/v1/nothing?a=\xff HTTP/1.1\r\nHost: a",
        b"GET /api/v1/nothing HTTP/1.1\r\nHost: [",
        b"GET /api/v1/health HTTP/1.1\r\nHost: [::1",
        b"GET /api/v1/nothing HTTP/1.1\r\nHost: \xff\xfe",
        b"GET /api/v1/nothing HTTP/1.0",
        b"DELETE /api/v1/health HTTP/1.1\r\nHost: a:b:c]",
        b"GET /\xff HTTP/1.1\r\nHost: a",
        b"GET http://[/api/v1/health HTTP/1.1\r\nHost: a",
        b"GET //[x/y HTTP/1.1\r\nHost: a",
        b"POST /api/v1/auth/refresh HTTP/1.1\r\nHost: a\r\nContent-Length: -1",
        b"POST /api/v1/auth/refresh HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nZZ",
        b"\x00\x01\x02",
    ],
    ids=repr,
)
def test_odd_bytes_on_the_socket(server: RunningServer, request_line: bytes) -> None:
    """What no client would send is answered with less than 500, or the connection is closed."""
    where = urlsplit(server.url)
    with socket.create_connection((where.hostname, where.port), timeout=10) as connection:
        connection.sendall(request_line + b"\r\nConnection: close\r\n\r\n")
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
    if received:
        status = int(received.split()[1])
        assert status < 500, received
    assert httpx.get(f"{server.url}/api/v1/health").status_code == 200


def archive(**files: str) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(f"{name}.py")
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    return made.getvalue()


CODE = archive(a="def f(x):\n    return {}\n")
GOOD = {"pipeline_name": "api-never", "function_path": "a.py", "function_name": "f"}
PYTHON = "container_config[language]"

BAD_PIPELINES: dict[str, tuple[dict[str, str], bytes | None, str]] = {
    "no folder": ({}, None, "code is missing"),
    "no gzip": ({}, b"no gzip", "archive|tar|gzip"),
    "no name": ({"pipeline_name": ""}, CODE, "pipeline_name"),
    "bad name": ({"pipeline_name": "a/b"}, CODE, "pipeline_name 'a/b'"),
    "long name": ({"pipeline_name": "a" * 129}, CODE, "at most 128"),
    "no function": ({"function_name": ""}, CODE, "function_name is missing"),
    "no such file": ({"function_path": "b.py"}, CODE, "'b.py' is not in the pipeline's folder"),
    "no such function": ({"function_name": "g"}, CODE, "g"),
    "file outside": ({"function_path": "../a.py"}, CODE, "leaves the pipeline's folder"),
    "no such parameter": ({"inputs[0][name]": "y", "inputs[0][data_type]": "json"}, CODE, "'?y"),
    "bad type": ({"inputs[0][name]": "x", "inputs[0][data_type]": "int"}, CODE, "'int'"),
    "no type": ({"inputs[0][name]": "x"}, CODE, r"inputs\[0\]\[data_type\] is missing"),
    "no list": ({"inputs": "x"}, CODE, "inputs must be a list"),
    "gap": ({"inputs[1][name]": "x", "inputs[1][data_type]": "json"}, CODE, "inputs must be a li"),
    "unknown key": ({"colour": "red"}, CODE, "unknown key 'colour'"),
    "unknown config": ({"container_config[colour]": "red"}, CODE, "unknown key 'colour'"),
    "bad config": ({"container_config": "x"}, CODE, "container_config must be an object"),
    "malformed": ({"inputs[": "x"}, CODE, "is malformed"),
    "deep": ({"inputs" + "[a]" * 40: "x"}, CODE, "nested too deeply"),
    "contradiction": ({"inputs": "x", "inputs[0][name]": "x"}, CODE, "contradicts"),
    "bad language": ({PYTHON: "python:3.7-slim"}, CODE, "3.7"),
    "dockerfile": ({"container_config[dockerfile_path]": "D"}, CODE, "dockerfile_path"),
    "repository": ({"container_config[repository_url]": "git@x:y"}, CODE, "repository_url"),
    "package": ({"container_config[system_dependencies][0]": "a b"}, CODE, "'a b'"),
    "no such package": ({"container_config[system_dependencies][0]": "no-such"}, CODE, "no-such"),
    "requirements": ({"container_config[requirements_path]": "r.txt"}, CODE, "'r.txt'"),
}


@pytest.mark.parametrize("kind", BAD_PIPELINES)
def test_bad_pipelines_and_none_of_them_is_kept(http: httpx.Client, kind: str) -> None:
    fields, code, said = BAD_PIPELINES[kind]
    files = {} if code is None else {"step_file": ("step_file", code)}
    answer = http.post("/pipelines", data=GOOD | fields, files=files)
    message = check_error(answer, 400)["message"]
    assert re.search(said, message), message
    assert "api-never" not in http.get("/pipelines").text


def test_a_file_of_another_name_is_no_folder(http: httpx.Client) -> None:
    answer = http.post("/pipelines", data=GOOD, files={"folder": ("a", CODE)})
    assert (
        "unexpected file 'folder'; the files are: step_file" in check_error(answer, 400)["message"]
    )


def test_a_taken_name_is_refused(http: httpx.Client, pipelines: None) -> None:
    fields = GOOD | {"pipeline_name": "api-echo"}
    answer = http.post("/pipelines", data=fields, files={"step_file": ("step_file", CODE)})
    error = check_error(answer, 409)
    assert error["name"] == "AlreadyExists"
    assert "'api-echo'" in error["message"]


# Fuzz: whatever is sent, the server answers with less than 500 and stays silent.

quick = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
keys = st.sampled_from([*GOOD, "container_config", "inputs", "outputs", "name", "data_type"])
any_json = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(keys | st.text(max_size=9), inner, max_size=4)
    ),
    max_leaves=12,
)
field_names = st.sampled_from(
    [
        *GOOD,
        "description",
        "inputs",
        "inputs[0][name]",
        "inputs[0][data_type]",
        "inputs[0][default_value]",
        "inputs[0][default_value][a][0]",
        "outputs[0]",
        "container_config[language]",
        "container_config[included_folders][0]",
        "container_config[system_dependencies]",
        "json_inputs",
        "inputs_mapping",
        "outputs_mapping",
    ]
)
field_texts = (
    st.sampled_from(["", "x", "number", "json", "True", "1e400", "[1", "{}", "[]", "a.py", "f"])
    | any_json.map(json.dumps)
    | st.text(max_size=30)
)
forms = st.lists(st.tuples(field_names | st.text(max_size=12), field_texts), max_size=8)


@given(any_json)
@quick
def test_fuzzed_json(http: httpx.Client, pipelines: None, value: Any) -> None:
    content = json.dumps(value).encode()
    headers = {"Content-Type": "application/json"}
    for method, url in (("POST", "/pipelines"), ("POST", "/pipelines/api-echo/logs")):
        answer = http.request(method, url, content=content, headers=headers)
        assert answer.status_code < 500, answer.text


@given(
    st.dictionaries(st.text(max_size=9) | st.from_regex(r"API_[A-Z]{1,3}"), any_json, max_size=3)
)
@quick
def test_fuzzed_variables(http: httpx.Client, value: dict[str, Any]) -> None:
    content = json.dumps({"environment_variables": value}).encode()
    answer = http.put(VARIABLES, content=content)
    assert answer.status_code < 500, answer.text
    if answer.status_code == 200:
        kept = {item["name"]: item["value"] for item in http.get(VARIABLES).json()}
        for name, sent in value.items():
            assert kept[name] == (sent if isinstance(sent, str) else json.dumps(sent))
            assert http.delete(f"{VARIABLES}/{name}").status_code == 200


@given(forms, st.booleans())
@quick
def test_fuzzed_forms(
    http: httpx.Client, pipelines: None, form: list[tuple[str, str]], is_multipart: bool
) -> None:
    body = httpx.QueryParams(tuple(form))
    for url in ("/pipelines", "/pipelines/api-nobody/run", "/pipelines/api-odd/run"):
        if is_multipart:
            parts = "".join(part(name.replace('"', ""), text) for name, text in form)
            content, kind = (parts + END).encode("utf-8", "replace"), B
        else:
            content, kind = str(body).encode(), FORM
        answer = http.post(url, content=content, headers={"Content-Type": kind})
        assert answer.status_code < 500, answer.text
        if answer.status_code < 300:
            http.delete(f"/executions/{answer.json()['execution_id']}")


@given(st.binary(max_size=200), st.sampled_from([B, FORM, "multipart/form-data; boundary=\"'", ""]))
@quick
def test_fuzzed_bytes(http: httpx.Client, pipelines: None, body: bytes, kind: str) -> None:
    for content in (body, b"--B\r\n" + body, b"--B\r\nContent-Disposition: " + body):
        headers = {"Content-Type": kind} if kind else {}
        answer = http.post("/pipelines/api-odd/run", content=content, headers=headers)
        assert 400 <= answer.status_code < 500, answer.text
