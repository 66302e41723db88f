"""Pipelines and their versions: a function with typed inputs and outputs, its code, its Python."""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum

from headrace.core.errors import InvalidCode, InvalidRequest
from headrace.core.filenames import MAX_PATH_BYTES, MAX_SEGMENT_BYTES, fits_a_disk
from headrace.core.parameters import Input, Output
from headrace.core.pipeline_templates import TemplateReference

MAX_FOLDER_BYTES = 50_000_000
"""Content of a pipeline's folder, unpacked, unless the server says otherwise."""

MAX_CONTRACT_FOLDER_BYTES = 5_000_000
"""The same for the public client (wire contract, 6.1)."""


_SYSTEM_PACKAGE = re.compile(
    r"[a-z0-9][a-z0-9+.-]*(:[a-z0-9][a-z0-9-]*)?(=[A-Za-z0-9][A-Za-z0-9.+:~*-]*)?"
)


MAX_MESSAGE = 1000
"""Characters of what the author of a version says of it."""

WARNING = "Warning: "
"""Begins a line of a build's log that its author should read though the pipeline is made."""


FAILS_UNTIL_MENDED = "Until that is mended, each run fails with it."
"""Ends the warning that code cannot be imported, though something else than code may mend that."""


class PipelineStatus(StrEnum):
    """The life of a pipeline, spelled as on the wire."""

    PENDING = "creation_pending"
    READY = "ready"
    FAILED = "creation_failed"


class Calling(StrEnum):
    """How values become arguments of a function, and what it returns becomes outputs."""

    PLATFORM = "platform"
    """As the specification says: values as they are, and a dict of outputs."""
    TYPED = "typed"
    """Both are converted as the type hints of the function say."""


class Origin(StrEnum):
    """Where a pipeline's folder came from."""

    LOCAL = "local"
    GIT = "git_repository"


@dataclass(frozen=True, slots=True)
class ContainerConfig:
    """How a pipeline's environment is made. Every key falls back on the project's setting.

    Attributes:
        language: ``python:3.X-slim``; None with a Dockerfile.
        requirements_path: Requirements file in the folder, or None.
        included_folders: Files and folders that are taken, or None for the function's file alone.
        system_dependencies: System packages that must be on the machine.
        repository_url: Git repository, or None.
        repository_branch: Its branch, tag or None for the default branch.
        dockerfile_path: The Dockerfile in the folder that an image is built from, or None.
    """

    language: str | None
    requirements_path: str | None = None
    included_folders: tuple[str, ...] | None = None
    system_dependencies: tuple[str, ...] | None = None
    repository_url: str | None = None
    repository_branch: str | None = None
    dockerfile_path: str | None = None


@dataclass(frozen=True, slots=True)
class PipelineVersion:
    """What a pipeline runs: code, the spec of its environment, and a signature.

    These never change: other code is another version. What becomes of its build is recorded in it.

    Attributes:
        id: Its id, by which processes that have its code know it.
        number: Its place among the versions of its pipeline, from 1.
        function_path: File of the function, relative to the folder; ``""`` with a Dockerfile.
        function_name: The function in that file; ``""`` with a Dockerfile.
        config: How its environment is made.
        origin: Where its folder came from.
        bundle: Digest of its folder.
        created_at: When, UTC.
        created_by: Id of its author.
        inputs: Declared inputs.
        outputs: Declared outputs.
        message: What its author says of it, or None.
        commit_id: Commit of the git repository, or None.
        status: Where its build is.
        environment: Digest of its environment, once known.
        failure: Why its build failed, or None.
        calling: How its function is called.
        discarded_at: When its folder and its environment were let go, UTC; None while it can run.
        is_forced: Whether it becomes current although it breaks a deployment or a caller.
        held_back: Why it did not become current, or will not when its build has ended; None if
            nothing keeps it from that.
        template: The pipeline template that its code is of, or None.
    """

    id: str
    number: int
    function_path: str
    function_name: str
    config: ContainerConfig
    origin: Origin
    bundle: str
    created_at: datetime
    created_by: str
    inputs: tuple[Input, ...] = ()
    outputs: tuple[Output, ...] = ()
    message: str | None = None
    commit_id: str | None = None
    status: PipelineStatus = PipelineStatus.PENDING
    environment: str | None = None
    failure: str | None = None
    calling: Calling = Calling.PLATFORM
    discarded_at: datetime | None = None
    is_forced: bool = False
    held_back: str | None = None
    template: TemplateReference | None = None

    @property
    def digest(self) -> str:
        """SHA-256 of all that it runs: equal for versions that differ in number and history alone.

        It does not depend on the order in which keys of a default value were written.
        """
        runs = (self.bundle, self.function_path, self.function_name, self.calling.value)
        # To leave it open whether an input is required is to say that it is not.
        inputs = [asdict(item) | {"is_required": bool(item.is_required)} for item in self.inputs]
        outputs = [asdict(item) for item in self.outputs]
        whole = [*runs, inputs, outputs, asdict(self.config)]
        return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()

    @property
    def can_run(self) -> bool:
        """Whether its build succeeded, and its folder and environment are kept."""
        return self.status is PipelineStatus.READY and self.discarded_at is None


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A pipeline, with one of its versions: the current one, or that which an execution has.

    Attributes:
        id: Its id; a pipeline that is deleted and created again has another.
        name: Its name, unique among the pipelines.
        created_at: When, UTC.
        created_by: Id of the user who created it.
        version: What it runs.
        description: Free text, or None.
        step_name: The step that it was made of, or None.
    """

    id: str
    name: str
    created_at: datetime
    created_by: str
    version: PipelineVersion
    description: str | None = None
    step_name: str | None = None

    @property
    def inputs(self) -> tuple[Input, ...]:
        """Declared inputs of the version."""
        return self.version.inputs

    @property
    def outputs(self) -> tuple[Output, ...]:
        """Declared outputs of the version."""
        return self.version.outputs

    @property
    def status(self) -> PipelineStatus:
        """Where the build of the version is."""
        return self.version.status

    @property
    def build_id(self) -> str:
        """Id by which the log of the version's build is found; the first has the pipeline's."""
        return self.id if self.version.number == 1 else self.version.id


_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")


def check_commit(commit_id: str | None) -> str | None:
    """Return the id of a commit of git.

    Raises:
        InvalidRequest: It is not 40 or 64 digits of hex.
    """
    if commit_id is not None and not _COMMIT.fullmatch(commit_id):
        raise InvalidRequest(
            "commit_id must be the whole id of a commit, 40 or 64 digits of 0-9 and a-f, not "
            f"{commit_id!r:.80}."
        )
    return commit_id


def check_message(message: str | None) -> str | None:
    """Return what the author of a version says of it, without space around.

    Raises:
        InvalidRequest: It is longer than :data:`MAX_MESSAGE`.
    """
    text = (message or "").strip()
    if len(text) > MAX_MESSAGE:
        raise InvalidRequest(
            f"message has {len(text):,} characters, and may have {MAX_MESSAGE:,}: shorten it."
        )
    return text or None


def check_folder_path(path: object, what: str) -> str:
    """Return the canonical form of a path inside a pipeline's folder.

    ``what`` names the field in messages. A leading ``/`` or ``./`` means the folder itself.

    Raises:
        InvalidRequest: Empty, longer than a path can be, or it leaves the folder.
    """
    if isinstance(path, str) and not fits_a_disk(path):
        raise InvalidRequest(
            f"{what} is longer than the path of a file can be: at most {MAX_PATH_BYTES} bytes, "
            f"and {MAX_SEGMENT_BYTES} between two slashes."
        )
    is_path = isinstance(path, str) and path.strip()
    canonical = posixpath.normpath(str(path).lstrip("/") or ".") if is_path else ""
    if not canonical.strip():
        raise InvalidRequest(f"{what} must be a path inside the pipeline's folder.")
    if canonical == ".." or canonical.startswith("../") or "\0" in canonical:
        raise InvalidRequest(
            f"{what} {path!r} leaves the pipeline's folder; give a path inside it."
        )
    return canonical


def check_system_package(name: str, what: str) -> str:
    """Return ``name`` if it can be that of a system package, as ``apt`` takes it.

    ``what`` names the field in messages.

    Raises:
        InvalidRequest: It cannot.
    """
    if not _SYSTEM_PACKAGE.fullmatch(name):
        shown = name if len(name) <= 100 else f"{name[:97]}..."
        raise InvalidRequest(
            f"{what} names {shown!r}, which cannot be a system package: use lower-case letters, "
            "digits, '+', '.' and '-', such as libgomp1."
        )
    return name


def check_function(function_path: object, function_name: object) -> tuple[str, str]:
    """Return the canonical path and name of a pipeline's function.

    Raises:
        InvalidCode: One of them is missing, the file is no Python file, or the name no identifier.
        InvalidRequest: The path leaves the folder.
    """
    if not function_path or not function_name:
        missing = "function_path" if not function_path else "function_name"
        raise InvalidCode(
            f"{missing} is missing: name the file and the function, such as "
            "function_path='src/train.py' and function_name='train'."
        )
    path = check_folder_path(function_path, "function_path")
    if not path.endswith(".py"):
        raise InvalidCode(f"function_path {path!r} must be a Python file (.py).")
    if not isinstance(function_name, str) or not function_name.isidentifier():
        raise InvalidCode(f"function_name {function_name!r} is not the name of a Python function.")
    return path, function_name
