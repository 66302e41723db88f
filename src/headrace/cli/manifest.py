"""``headrace.toml``: pipelines and deployments as a file says them."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import typer

from headrace.cli.deploy_jobs import Job, Spec
from headrace.cli.times import seconds_from_text
from headrace.cli.usage import WrongUsage
from headrace.client.deploying.attaching import ATTACH
from headrace.client.deploying.plans import Order
from headrace.client.deploying.wishes import FOLLOWS, Wish
from headrace.core.attachments import check_place
from headrace.core.deployments import Mode
from headrace.core.errors import HeadraceError, InvalidRequest
from headrace.core.names import check_name
from headrace.core.numbers import is_number, is_whole_number
from headrace.core.sources import Rule

FILE_NAME = "headrace.toml"
"""Where the file is looked for, in the current folder."""

Read = Callable[[Any], Any]


class _Wrong(Exception):
    """A value is not of the kind that a key takes."""


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise _Wrong("must be a text")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _Wrong("must be true or false")
    return value


def _number(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _Wrong("must be a whole number")
    return value


def _texts(value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise _Wrong("must be a list of texts")
    return value


def _seconds(value: Any) -> float:
    if is_number(value):
        return float(value)
    try:
        return seconds_from_text(_text(value))
    except typer.BadParameter as error:
        raise _Wrong(f"cannot be used: {error.message}") from None


def _requirements(value: Any) -> str:
    return "" if value is False else _text(value)


def _files(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
        raise _Wrong("must be a table of files by their places, such as {'model.bin' = './m.bin'}")
    for place in value:
        check_place(place)
    return value


def _inputs(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _Wrong("must be a table of inputs, such as {x = 1}")
    return value


def _version(value: Any) -> int | str:
    if value == FOLLOWS:
        return FOLLOWS
    if is_whole_number(value):
        return value
    raise _Wrong(f"must be the number of a version, or {FOLLOWS!r}")


def _connections(value: Any) -> tuple[str, ...]:
    if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
        raise _Wrong("must be a table of texts, such as {limit = 'constant:5'}")
    return tuple(f"{name}={text}" for name, text in value.items())


PIPELINE_KEYS: Mapping[str, Read] = {
    "function": _text,
    "folder": _text,
    "requirements": _requirements,
    "python": _text,
    "include": _texts,
    "system_dependencies": _texts,
}
"""Keys of a table of a pipeline."""

OPTIONS: Mapping[str, tuple[str, Read]] = {
    "every": ("schedule", _text),
    "timezone": ("timezone", _text),
    "missed": ("missed", _text),
    "missed_window": ("missed_window_s", _seconds),
    "overlap": ("overlap", _text),
    "jitter": ("jitter_s", _seconds),
    "timeout": ("execution_timeout_s", _seconds),
    "retries": ("retries", _number),
    "retry_backoff": ("retry_backoff_s", _seconds),
    "pods": ("pods", _number),
    "parallel": ("enable_parallel_executions", _flag),
    "max_parallel": ("max_parallel_executions_per_pod", _number),
    "ram": ("ram_request", _text),
    "idle_timeout": ("idle_timeout_s", _seconds),
    "max_queue": ("max_queue", _number),
    "probe": ("probe", _inputs),
    "version": ("pipeline_version", _version),
}
"""Keys of a table of a deployment that are arguments of ``create_deployment``."""

DEPLOYMENT_KEYS: Mapping[str, Read] = {
    "attach": _files,
    "pipeline": _text,
    "low_latency": _flag,
    "inputs": _connections,
    "outputs": _connections,
    **{key: read for key, (_, read) in OPTIONS.items()},
}
"""Keys of a table of a deployment."""

TABLES: Mapping[str, Mapping[str, Read]] = {
    "pipelines": PIPELINE_KEYS,
    "deployments": DEPLOYMENT_KEYS,
}


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a file says.

    Attributes:
        path: The file.
        jobs: Its pipelines, by their names.
        deployments: The names of all its deployments.
    """

    path: Path
    jobs: Mapping[str, Job]
    deployments: frozenset[str]

    def job(self, name: str) -> Job:
        """Return the pipeline of a name, with its deployments.

        Raises:
            WrongUsage: The file has none.
        """
        if name not in self.jobs:
            raise WrongUsage(
                f"{self.path} has no pipeline {name!r}; it has {', '.join(self.jobs)}. A function "
                "is named as PATH/TO/FILE.py:FUNCTION."
            )
        return self.jobs[name]


def read_manifest(path: Path) -> Manifest:
    """Return what a file says.

    Raises:
        WrongUsage: It cannot be read; the message names file, table and key.
    """
    try:
        tree = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise WrongUsage(
            f"There is no {path}: write the pipelines and deployments of this folder into one."
        ) from None
    except OSError as error:
        raise WrongUsage(f"{path}: {error.strerror}.") from None
    except ValueError as error:
        raise WrongUsage(f"{path} is no TOML: {error}.") from None
    tables = _tables(path, tree)
    specs: dict[str, list[Spec]] = {name: [] for name in tables["pipelines"]}
    for name, table in tables["deployments"].items():
        specs[_pipeline_of(path, name, table, specs)].append(_spec(path, name, table))
    jobs = {
        name: Job(_order(path, name, table), tuple(specs[name]), f"{path}: [pipelines.{name}]")
        for name, table in tables["pipelines"].items()
    }
    return Manifest(path, jobs, frozenset(tables["deployments"]))


def _tables(path: Path, tree: Mapping[str, Any]) -> dict[str, dict[str, dict[str, Any]]]:
    unknown = [key for key in tree if key not in TABLES]
    if unknown:
        raise WrongUsage(
            f"{path}: {unknown[0]!r} is not known; it takes the tables [pipelines.NAME] and "
            "[deployments.NAME]."
        )
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for kind, keys in TABLES.items():
        named = tree.get(kind, {})
        if not isinstance(named, dict) or not all(isinstance(t, dict) for t in named.values()):
            raise WrongUsage(f"{path}: {kind!r} takes tables with names, such as [{kind}.predict].")
        found[kind] = {name: _read(path, kind, name, table, keys) for name, table in named.items()}
    if not found["pipelines"]:
        raise WrongUsage(f"{path} has no pipeline: write a table such as [pipelines.predict].")
    return found


def _read(
    path: Path, kind: str, name: str, table: Mapping[str, Any], keys: Mapping[str, Read]
) -> dict[str, Any]:
    try:
        check_name(name, f"the name in [{kind}.{name}]")
    except HeadraceError as error:
        raise WrongUsage(f"{path}: {error.message}") from None
    found = {}
    for key, value in table.items():
        if key not in keys:
            _refuse(path, kind, name, key, f"is not known; the keys are {', '.join(keys)}")
        try:
            found[key] = keys[key](value)
        except (_Wrong, InvalidRequest) as error:
            _refuse(path, kind, name, key, str(error).rstrip("."))
    return found


def _order(path: Path, name: str, table: Mapping[str, Any]) -> Order:
    if "function" not in table:
        _refuse(path, "pipelines", name, "function", "is missing: name one, as 'model.py:predict'")
    return Order(
        function=table["function"],
        name=name,
        folder=path.parent / table.get("folder", "."),
        requirements=table.get("requirements"),
        python=table.get("python"),
        include=table.get("include"),
        system_dependencies=table.get("system_dependencies"),
    )


def _pipeline_of(
    path: Path, name: str, table: Mapping[str, Any], pipelines: Mapping[str, Any]
) -> str:
    given = table.get("pipeline")
    if given is None and len(pipelines) == 1:
        return next(iter(pipelines))
    if given not in pipelines:
        what = "is missing" if given is None else f"names {given!r}, which the file does not have"
        _refuse(
            path, "deployments", name, "pipeline", f"{what}: give one of {', '.join(pipelines)}"
        )
    return str(given)


def _spec(path: Path, name: str, table: Mapping[str, Any]) -> Spec:
    is_fast = table.get("low_latency")
    where = f"{path}: [deployments.{name}]"
    options = {OPTIONS[key][0]: value for key, value in table.items() if key in OPTIONS}
    if files := table.get("attach"):
        options[ATTACH] = {place: str(path.parent / file) for place, file in files.items()}
    wish = Wish(
        name,
        Rule.PERIODIC if "every" in table else Rule.ENDPOINT,
        None if is_fast is None else Mode.LOW_LATENCY if is_fast else Mode.ELASTIC,
        options=options,
    )
    return Spec(
        wish,
        table.get("inputs", ()),
        table.get("outputs", ()),
        (f"{where} inputs", f"{where} outputs"),
        where,
    )


def _refuse(path: Path, kind: str, name: str, key: str, why: str) -> NoReturn:
    raise WrongUsage(f"{path}: [{kind}.{name}] {key} {why}.")
