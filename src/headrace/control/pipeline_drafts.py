"""A request to create a pipeline, and the checks that can be made at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from headrace.core.dockerfiles import DOCKERFILE
from headrace.core.environments import python_version
from headrace.core.errors import InvalidCode, InvalidEnvironment, InvalidRequest
from headrace.core.parameters import Input, Output
from headrace.core.pipeline_templates import TemplateReference
from headrace.core.pipelines import Calling, ContainerConfig, Origin, check_function
from headrace.engines.port import Images
from headrace.environments.port import Builder

CheckFunction = Callable[[Path, Path, str, str, Sequence[str]], Awaitable[str | None]]
"""Say what is wrong with a function, by interpreter, folder, path, name and input names."""

_USUAL_REQUIREMENTS = ("requirements.txt", "uv.lock", "pylock.toml")
_LFS = b"version https://git-lfs.github.com/spec/"


@dataclass(frozen=True, slots=True)
class PipelineDraft:
    """A request to create a pipeline.

    Attributes:
        name: Its name.
        function_path: File of its function, relative to the folder; nothing with a Dockerfile.
        function_name: The function in that file; nothing with a Dockerfile.
        description: Free text, or None.
        inputs: Declared inputs.
        outputs: Declared outputs.
        config: The settings of its environment.
        archive: The folder's content: a gzip-compressed tar.
        max_bytes: Most content of the folder; None for what the server takes at all.
        needs_nothing: Whether the caller said that there are no requirements; otherwise it may be
            that nobody thought of them.
        origin: Where the folder came from.
        replaces: Whether a pipeline of that name gets another version.
        is_forced: Whether the version becomes current although it breaks deployments or callers.
        message: What the author says of the version, or None.
        commit_id: Commit of git that the folder is, or None.
        calling: How the function is called.
        template: The pipeline template that the code is of, or None.
    """

    name: str
    function_path: str | None
    function_name: str | None
    description: str | None
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    config: ContainerConfig
    archive: Path
    max_bytes: int | None = None
    needs_nothing: bool = False
    origin: Origin = Origin.LOCAL
    replaces: bool = False
    is_forced: bool = False
    message: str | None = None
    commit_id: str | None = None
    calling: Calling = Calling.PLATFORM
    template: TemplateReference | None = None


def check_machine(builder: Builder, config: ContainerConfig) -> None:
    """Refuse what this machine cannot give. It starts programs, so it belongs in a thread.

    Raises:
        InvalidEnvironment: An interpreter or a system package is missing.
    """
    version = python_version(config.language or "")
    found = builder.interpreters()
    if version not in found:
        there = ", ".join(f"{v} ({path})" for v, path in sorted(found.items())) or "none"
        raise InvalidEnvironment(
            f"language {config.language!r} needs Python {version}, which is not on this "
            f"machine; found: {there}. Install it, or point HEADRACE_PYTHONS at it."
        )
    missing = builder.missing_system_dependencies(config.system_dependencies or ())
    if missing:
        raise InvalidEnvironment(
            f"system_dependencies asks for {', '.join(missing)}, which this machine does not "
            f"have. Have them installed (apt install {' '.join(missing)}), then try again."
        )


def checked_function(draft: PipelineDraft) -> tuple[str, str]:
    """Return path and name of the function of a draft, both empty with a Dockerfile.

    Raises:
        InvalidRequest: Of the kind that says what is wrong.
    """
    if draft.config.dockerfile_path is not None:
        return "", ""
    return check_function(draft.function_path, draft.function_name)


async def check_image(images: Images, folder: Path, config: ContainerConfig) -> None:
    """Check that an image can be made of a folder; nothing of it is built.

    Raises:
        InvalidRequest: Of the kind that says what is wrong.
    """
    _check_file(folder, config.dockerfile_path or "", DOCKERFILE)
    await images.check()


async def check_code(
    check: CheckFunction,
    python: Path,
    folder: Path,
    draft: PipelineDraft,
    function: tuple[str, str],
) -> None:
    """Check that the folder holds what the draft names; nothing of it is run.

    Raises:
        InvalidRequest: Of the kind that says what is wrong.
    """
    path, name = function
    _check_file(folder, path, "function_path")
    if draft.config.requirements_path is not None:
        _check_file(folder, draft.config.requirements_path, "requirements_path")
    inputs = [parameter.name for parameter in draft.inputs]
    problem = await check(python, folder, path, name, inputs)
    if problem is not None:
        raise InvalidCode(problem)


def overlooked(draft: PipelineDraft, folder: Path) -> Iterator[str]:
    """Yield what the caller may not have thought of, each a sentence."""
    names_none = draft.config.requirements_path is None and not draft.needs_nothing
    usual = [name for name in _USUAL_REQUIREMENTS if (folder / name).is_file()]
    if names_none and usual:
        yield (
            f"{usual[0]} in the folder is not installed, because neither requirements_path nor the "
            "project names it. Create the pipeline with requirements_path "
            f"(--requirements {usual[0]}), or say that it needs none (null, --no-requirements)."
        )
    if draft.origin is Origin.GIT:
        yield from _left_behind(folder)


def _left_behind(folder: Path) -> Iterator[str]:
    """Yield what of a repository does not come along."""
    if (folder / ".gitmodules").is_file():
        yield "The repository has submodules, whose folders are empty here: they are not fetched."
    pointers = [
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink() and _is_pointer(path)
    ]
    if pointers:
        yield (
            f"{', '.join(pointers[:5])} and the like are kept by Git LFS: only pointers to them "
            "are here. Give data as file inputs, or from the data store."
        )


def _is_pointer(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_LFS)) == _LFS


def _check_file(folder: Path, path: str, field: str) -> None:
    if not (folder / path).is_file():
        files = sorted(
            str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()
        )
        some = ", ".join(files[:10]) or "no file at all"
        more = f" and {len(files) - 10} more" if len(files) > 10 else ""
        error = InvalidCode if field == "function_path" else InvalidRequest
        raise error(
            f"{field} {path!r} is not in the pipeline's folder, which holds {some}{more}. "
            "Check local_folder or repository_url, and included_folders."
        )
