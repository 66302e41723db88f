"""Requests to create a pipeline, from the tree that a form or a JSON body stands for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from enum import Enum
from typing import Any, TypeVar

from headrace.core.dockerfiles import DOCKERFILE, refuse_beside
from headrace.core.environments import python_version
from headrace.core.errors import InvalidRequest
from headrace.core.names import check_name
from headrace.core.parameters import Input, Output
from headrace.core.pipelines import (
    Calling,
    ContainerConfig,
    check_commit,
    check_folder_path,
    check_function,
    check_message,
    check_system_package,
)
from headrace.core.projects import Project
from headrace.core.repositories import Repository, shown_url
from headrace.wire.fields import (
    flag_of,
    object_of,
    refuse_unknown,
    text_or_none,
    texts_or_none,
)
from headrace.wire.parameters import read_parameters

T = TypeVar("T")


class Unset(Enum):
    """Stands for a key that was left out, where null means something else."""

    UNSET = "unset"


UNSET = Unset.UNSET


@dataclass(frozen=True, slots=True)
class ConfigRequest:
    """The ``container_config`` of a request: each key a value, null, or left out.

    What is left out falls back on the project's setting; null does not.
    """

    language: str | Unset | None = UNSET
    repository_url: str | Unset | None = UNSET
    repository_branch: str | Unset | None = UNSET
    repository_deploy_key: str | Unset | None = field(default=UNSET, repr=False)
    requirements_path: str | Unset | None = UNSET
    included_folders: tuple[str, ...] | Unset | None = UNSET
    system_dependencies: tuple[str, ...] | Unset | None = UNSET
    dockerfile_path: str | Unset | None = UNSET


@dataclass(frozen=True, slots=True)
class PipelineRequest:
    """A request to create a pipeline, checked as far as it can be without the project.

    Attributes:
        pipeline_name: Name of the pipeline.
        function_path: File of the function, relative to the folder; ``""`` with a Dockerfile.
        function_name: The function in that file; ``""`` with a Dockerfile.
        description: Free text, or None.
        config: The settings of its environment.
        inputs: Declared inputs.
        outputs: Declared outputs.
        replaces: Whether a pipeline of that name gets another version.
        is_forced: Whether the version becomes current although it breaks deployments or callers.
        message: What the author says of the version, or None.
        commit_id: Commit of git that the folder is, or None.
        calling: How the function is called.
    """

    pipeline_name: str
    function_path: str
    function_name: str
    description: str | None = None
    config: ConfigRequest = ConfigRequest()
    inputs: tuple[Input, ...] = ()
    outputs: tuple[Output, ...] = ()
    replaces: bool = False
    is_forced: bool = False
    message: str | None = None
    commit_id: str | None = None
    calling: Calling = Calling.PLATFORM


_TOP_KEYS = (
    "pipeline_name",
    "function_path",
    "function_name",
    "description",
    "container_config",
    "inputs",
    "outputs",
    "replace",
    "force",
    "message",
    "commit_id",
    "calling",
)
_CONFIG_KEYS = tuple(item.name for item in fields(ConfigRequest))
_LISTS = frozenset({"included_folders", "system_dependencies"})


def read_pipeline_request(tree: Mapping[str, Any]) -> PipelineRequest:
    """Return the request that a decoded form or a JSON object stands for (wire contract, 3).

    Args:
        tree: The tree of :func:`headrace.wire.forms.decode_tree`, or the object of a JSON body.
            The types that a form has lost are guessed; a JSON body is taken at its word.

    Raises:
        InvalidRequest: Something is missing, unknown or wrong; all problems of the inputs and
            outputs come together.
    """
    refuse_unknown(tree, _TOP_KEYS, "The request")
    name = str(check_name(tree.get("pipeline_name"), "pipeline_name"))
    config = _config(tree.get("container_config"))
    path, function = _function(tree, config)
    inputs, outputs = read_parameters(tree)
    return PipelineRequest(
        pipeline_name=name,
        function_path=path,
        function_name=function,
        description=text_or_none(tree.get("description"), "description"),
        config=config,
        inputs=inputs,
        outputs=outputs,
        replaces=flag_of(tree, "replace"),
        is_forced=flag_of(tree, "force"),
        message=check_message(text_or_none(tree.get("message"), "message")),
        commit_id=check_commit(text_or_none(tree.get("commit_id"), "commit_id")),
        calling=_calling(tree.get("calling")),
    )


def repository_of(request: PipelineRequest, project: Project) -> Repository:
    """Return the repository that a pipeline without a folder is made from.

    Raises:
        InvalidRequest: Neither the request nor the project names one.
    """
    config = request.config
    url = _or_else(config.repository_url, project.repository_url)
    if url is None:
        raise InvalidRequest(
            "The pipeline's code is missing: give container_config a local_folder, so that the "
            "client sends it, or a repository_url; the project has none either."
        )
    branch = _or_else(config.repository_branch, project.repository_branch)
    return Repository(url, branch, _or_else(config.repository_deploy_key, None))


def resolve_config(
    request: PipelineRequest, project: Project, repository: Repository | None
) -> ContainerConfig:
    """Return the settings of the pipeline's environment: the request's settings over the project's.

    Args:
        request: The request.
        project: The project.
        repository: The repository that the code is from; None if a folder was sent.

    Raises:
        InvalidRequest: A path leaves the folder, a system package has no such name, both a folder
            and a repository are there.
        InvalidEnvironment: The language is not supported.
    """
    config = request.config
    for key in ("repository_url", "repository_deploy_key"):
        if repository is None and isinstance(getattr(config, key), str):
            raise InvalidRequest(
                f"container_config has a {key}, and a folder was sent as well: a pipeline comes "
                "from one or the other."
            )
    url = shown_url(repository.url) if repository else None
    branch = repository.branch if repository else _or_else(config.repository_branch, None)
    folders = _each(
        _or_else(config.included_folders, project.included_folders),
        lambda path: _path(path, "included_folders"),
    )
    if isinstance(config.dockerfile_path, str):
        dockerfile = check_folder_path(config.dockerfile_path, DOCKERFILE)
        return ContainerConfig(
            language=None,
            included_folders=folders,
            repository_url=url,
            repository_branch=branch,
            dockerfile_path=dockerfile,
        )
    language = _or_else(config.language, project.language)
    if language is None:
        raise InvalidRequest(
            "container_config[language] cannot be null: leave it out to use the project's "
            f"({project.language}), or give one such as python:3.11-slim."
        )
    python_version(language)
    requirements = _or_else(config.requirements_path, project.requirements_path)
    packages = _or_else(config.system_dependencies, project.system_dependencies)
    return ContainerConfig(
        language=language,
        requirements_path=None
        if requirements is None
        else _path(requirements, "requirements_path"),
        included_folders=folders,
        system_dependencies=_each(
            packages,
            lambda name: check_system_package(name, "container_config[system_dependencies]"),
        ),
        repository_url=url,
        repository_branch=branch,
    )


def _config(tree: object) -> ConfigRequest:
    if tree is None or tree == "":
        return ConfigRequest()
    settings = object_of(tree, "container_config", _CONFIG_KEYS)
    read: dict[str, Any] = {
        key: (texts_or_none if key in _LISTS else text_or_none)(value, f"container_config[{key}]")
        for key, value in settings.items()
    }
    return ConfigRequest(**read)


def _calling(value: object) -> Calling:
    try:
        return Calling(str(value or Calling.PLATFORM.value))
    except ValueError:
        names = " or ".join(repr(kind.value) for kind in Calling)
        raise InvalidRequest(f"calling must be {names}, not {value!r:.80}.") from None


def _function(tree: Mapping[str, Any], config: ConfigRequest) -> tuple[str, str]:
    """Return path and name of the function, both empty with a Dockerfile, which has none."""
    if not isinstance(config.dockerfile_path, str):
        path, name = check_function(tree.get("function_path"), tree.get("function_name"))
        return str(path), str(name)
    given = {key: tree.get(key) for key in ("function_path", "function_name")}
    for key in ("language", "requirements_path", "system_dependencies"):
        value = getattr(config, key)
        given[f"container_config[{key}]"] = None if isinstance(value, Unset) else value
    given["calling"] = _calling(tree.get("calling")) is Calling.TYPED
    refuse_beside(given)
    return "", ""


def _or_else(given: T | Unset | None, fallback: T | None) -> T | None:
    return fallback if isinstance(given, Unset) else given


def _each(texts: tuple[str, ...] | None, read: Callable[[str], str]) -> tuple[str, ...] | None:
    return None if texts is None else tuple(read(text) for text in texts)


def _path(path: str, key: str) -> str:
    # The whole folder keeps the spelling of the contract's default.
    canonical = check_folder_path(path, f"container_config[{key}]")
    return "/" if canonical == "." else canonical
