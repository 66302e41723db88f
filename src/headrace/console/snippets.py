"""Calls of an endpoint as code to copy."""

from __future__ import annotations

import json
import shlex
from typing import NamedTuple

from headrace.core.deployments import Deployment
from headrace.core.sources import EndpointValue
from headrace.core.values import DataType

_EXAMPLES: dict[DataType, object] = {
    DataType.STRING: "text",
    DataType.NUMBER: 1,
    DataType.BOOLEAN: True,
    DataType.JSON: {"key": "value"},
    DataType.ARRAY: [1, 2],
}

NO_TOKEN = "<ENDPOINT_TOKEN>"  # noqa: S105 - what stands for one


class Snippet(NamedTuple):
    """A call in one language."""

    name: str
    text: str


def snippets_of(deployment: Deployment, url: str, token: str | None) -> list[Snippet]:
    """Return the same call in several languages.

    Args:
        deployment: An endpoint.
        url: Its address.
        token: Its token, if it is to be in the text.
    """
    values, files = _example(deployment)
    shown = token or NO_TOKEN
    return [
        Snippet("curl", _curl(url, shown, values, files)),
        Snippet("Python", _python(url, shown, values, files)),
        Snippet("Headrace SDK", _sdk(deployment.name, values, files)),
        Snippet("JavaScript", _javascript(url, shown, values, files)),
        Snippet("Command line", _command(deployment.name, values, files)),
    ]


def _example(deployment: Deployment) -> tuple[dict[str, object], list[str]]:
    values: dict[str, object] = {}
    files: list[str] = []
    for item in deployment.inputs:
        source = item.source
        if not isinstance(source, EndpointValue):
            continue
        if item.parameter.data_type is DataType.FILE:
            files.append(source.name)
        elif source.default_for(item.parameter) is not None:
            values[source.name] = source.default_for(item.parameter)
        else:
            values[source.name] = _EXAMPLES[item.parameter.data_type]
    return values, files


def _curl(url: str, token: str, values: dict[str, object], files: list[str]) -> str:
    parts = [f"curl -L -X POST {shlex.quote(url)}", f'-H "Authorization: EndpointToken {token}"']
    if files:
        parts += [
            f"-F {shlex.quote(f'{name}={json.dumps(value)}')}" for name, value in values.items()
        ]
        parts += [f"-F {shlex.quote(f'{name}=@FILE')}" for name in files]
    else:
        parts.append('-H "Content-Type: application/json"')
        parts.append(f"-d {shlex.quote(json.dumps(values, ensure_ascii=False))}")
    return " \\\n  ".join(parts)


def _python(url: str, token: str, values: dict[str, object], files: list[str]) -> str:
    body = f"    json={values!r},"
    if files:
        given = {name: json.dumps(value) for name, value in values.items()}
        opened = ", ".join(f'{name!r}: open("FILE", "rb")' for name in files)
        body = f"    data={given!r},\n    files={{{opened}}},"
    return (
        "import requests\n\nresponse = requests.post(\n"
        f"    {url!r},\n"
        f'    headers={{"Authorization": "EndpointToken {token}"}},\n'
        f"{body}\n)\nresponse.raise_for_status()\nprint(response.json())"
    )


def _sdk(name: str, values: dict[str, object], files: list[str]) -> str:
    given = ", ".join(
        [f"{key!r}: {value!r}" for key, value in values.items()]
        + [f'{key!r}: "FILE"' for key in files]
    )
    return (
        "from headrace import HeadraceSdk\n\nsdk = HeadraceSdk()\n"
        f"result = sdk.trigger_endpoint({name!r}, inputs={{{given}}})\nprint(result)"
    )


def _javascript(url: str, token: str, values: dict[str, object], files: list[str]) -> str:
    if not files:
        kind, body = '\n    "Content-Type": "application/json",', f"JSON.stringify({_js(values)})"
        form = ""
    else:
        kind, body = "", "form"
        lines = [
            f"form.append({_js(key)}, {_js(json.dumps(value))});" for key, value in values.items()
        ]
        lines += [f"form.append({_js(key)}, file);" for key in files]
        form = "const form = new FormData();\n" + "\n".join(lines) + "\n"
    return (
        f'{form}const response = await fetch({_js(url)}, {{\n  method: "POST",\n  headers: {{\n'
        f'    "Authorization": {_js(f"EndpointToken {token}")},{kind}\n  }},\n'
        f"  body: {body},\n}});\n"
        "console.log(await response.json());"
    )


def _command(name: str, values: dict[str, object], files: list[str]) -> str:
    given = [
        f"-i {shlex.quote(f'{key}={value if isinstance(value, str) else json.dumps(value)}')}"
        for key, value in values.items()
    ]
    given += [f"-i {shlex.quote(f'{key}=@FILE')}" for key in files]
    return " ".join([f"headrace trigger {shlex.quote(name)}", *given])


def _js(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
