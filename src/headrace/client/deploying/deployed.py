"""The result of a deployment, which shows itself well."""

from __future__ import annotations

import html
import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headrace.core.values import DataType

TOKEN_VARIABLE = "$HEADRACE_ENDPOINT_TOKEN"  # noqa: S105 - where the token is to be put
_EXAMPLES: Mapping[str, Any] = {
    DataType.STRING: "text",
    DataType.NUMBER: 1,
    DataType.BOOLEAN: True,
    DataType.JSON: {},
    DataType.ARRAY: [],
}


@dataclass(frozen=True, slots=True, repr=False)
class Deployed:
    """A pipeline as it is after a deployment, with what calls it.

    Attributes:
        name: Name of the pipeline.
        version: The version that is current.
        is_new: Whether this deployment made it.
        changes: What it changed of the version before, a line each.
        server: Root of the server.
        notes: What its author may want to know of how the code was understood, each a sentence.
        deployments: The deployments that were asked for, as ``get_deployment`` returns them; if
            none were, the one that calls the pipeline, if there is no other.
        is_planned: Whether nothing was done, and ``changes`` are those that would be made.
    """

    name: str
    version: int
    is_new: bool
    server: str
    changes: Sequence[str] = ()
    notes: Sequence[str] = ()
    deployments: Sequence[Mapping[str, Any]] = ()
    is_planned: bool = False

    @property
    def deployment(self) -> Mapping[str, Any] | None:
        """The deployment, or the first of several; None without."""
        return self.deployments[0] if self.deployments else None

    @property
    def url(self) -> str | None:
        """URL of the endpoint, if there is one."""
        return self._of_deployment("endpoint_url")

    @property
    def token(self) -> str | None:
        """Token of the endpoint, if there is one; it is not shown unless asked for."""
        return self._of_deployment("endpoint_token")

    @property
    def page(self) -> str | None:
        """Page that tries the endpoint in a browser, if there is one."""
        return self.url and f"{self.url}/docs"

    @property
    def curl(self) -> str | None:
        """Command line that calls the endpoint, if there is one."""
        return curl_line(self.deployment, TOKEN_VARIABLE) if self.deployment and self.url else None

    @property
    def schedule(self) -> str | None:
        """Schedule of the periodic deployment, if there is one."""
        return self._of_deployment("schedule")

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON, the token with it."""
        return {
            "pipeline_name": self.name,
            "version": self.version,
            "is_new": self.is_new,
            "changes": list(self.changes),
            "notes": list(self.notes),
            "deployments": list(self.deployments),
            "url": self.url,
            "curl": self.curl,
        }

    def __repr__(self) -> str:
        pairs = self._pairs()
        widest = max(len(name) for name, _ in pairs)
        return "\n".join(f"{name:<{widest}}  {value}" for name, value in pairs)

    def _repr_html_(self) -> str:
        rows = (
            f"<tr><th style='text-align:left'>{html.escape(name)}</th>"
            f"<td style='text-align:left'>{_linked(value)}</td></tr>"
            for name, value in self._pairs()
        )
        return f"<table>{''.join(rows)}</table>"

    def _pairs(self) -> list[tuple[str, str]]:
        pairs = [
            ("pipeline", self.name),
            ("version", self._version()),
            *(("would change" if self.is_planned else "changed", one) for one in self.changes),
            ("url", self.url),
            ("token", self.token and f"in .token, for {TOKEN_VARIABLE}"),
            ("page", self.page),
            ("call", self.curl),
            ("schedule", self.schedule),
            ("server", self.server),
            *(("note", note) for note in self.notes),
        ]
        return [(name, value) for name, value in pairs if value]

    def _version(self) -> str:
        if self.is_planned:
            return str(self.version or "none yet")
        return f"{self.version}, {'new' if self.is_new else 'unchanged'}"

    def _of_deployment(self, key: str) -> str | None:
        value = (self.deployment or {}).get(key)
        return None if value is None else str(value)


def curl_line(deployment: Mapping[str, Any], token: str) -> str:
    """Return a command line that calls an endpoint with values of the right types."""
    inputs = [item for item in deployment["inputs_mapping"] if "endpoint_input_name" in item]
    needed = [item for item in inputs if item.get("is_required")] or inputs
    parts = ["curl", "-L", "-X", "POST", shlex.quote(deployment["endpoint_url"])]
    # In double quotes, so that a shell puts in what a variable holds.
    parts += ["-H", f'"Authorization: EndpointToken {token}"']
    parts += _form(needed) if any(_is_file(item) for item in needed) else _json(needed)
    return " ".join(parts)


def _form(inputs: Iterable[Mapping[str, Any]]) -> list[str]:
    parts = []
    for item in inputs:
        value = "@FILE" if _is_file(item) else _text(_example(item))
        parts += ["-F", shlex.quote(f"{item['endpoint_input_name']}={value}")]
    return parts


def _json(inputs: Iterable[Mapping[str, Any]]) -> list[str]:
    values = {item["endpoint_input_name"]: _example(item) for item in inputs}
    body = shlex.quote(json.dumps(values, ensure_ascii=False))
    return ["-H", '"Content-Type: application/json"', "-d", body]


def _is_file(item: Mapping[str, Any]) -> bool:
    return bool(item["data_type"] == DataType.FILE)


def _example(item: Mapping[str, Any]) -> Any:
    default = item.get("default_value")
    return _EXAMPLES.get(item["data_type"]) if default is None else default


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _linked(value: str) -> str:
    text = html.escape(value)
    is_link = value.startswith(("http://", "https://")) and " " not in value
    return f'<a href="{text}">{text}</a>' if is_link else text
