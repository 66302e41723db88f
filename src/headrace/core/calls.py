"""All that an engine is told: which code in which Python, its inputs and its limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from headrace.core.attachments import Attachment
from headrace.core.pipelines import Calling
from headrace.core.values import MAX_OUTPUT_BYTES, DataType, Json


@dataclass(frozen=True, slots=True)
class Code:
    """User code that can be called: what a warm template is made from.

    It says nothing of where files are: an engine has that resolved where the call runs.

    Attributes:
        environment: Digest of the pipeline's environment.
        bundle: Digest of the content of the pipeline's folder.
        function_path: File of the function, relative to the folder, with ``/``.
        function_name: Name of the function in that file.
        owner: Id of the user who made the pipeline; its import acts in that user's name.
        calling: How the function is called.
        attachments: Files that are present in the folder before the code is imported.
        dockerfile_path: The Dockerfile of its image, of which ``environment`` is the digest then;
            None if it is a function.
        language: The Python that ``environment`` is made for, as the pipeline names it.
        requirements_path: The list of requirements in the folder that ``environment`` is made from;
            None if there is none. Whoever has the folder can make the environment by these two.
    """

    environment: str
    bundle: str
    function_path: str
    function_name: str
    owner: str = ""
    calling: Calling = Calling.PLATFORM
    attachments: tuple[Attachment, ...] = ()
    dockerfile_path: str | None = None
    language: str = ""
    requirements_path: str | None = None

    @property
    def is_typed(self) -> bool:
        """Whether values are converted by the function's type hints."""
        return self.calling is Calling.TYPED


@dataclass(frozen=True, slots=True)
class Material:
    """What a process is started from, on the machine where it is to run.

    Attributes:
        python: Interpreter of the pipeline's environment.
        folder: The pipeline's folder, unpacked; never written to.
        attached: Where attached files are, by their places in the folder; never written to.
    """

    python: Path
    folder: Path
    attached: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one call may use; None means no limit.

    Attributes:
        timeout_s: Seconds from the start of user code to its end.
        memory_bytes: Resident memory of the call's processes together.
        grace_s: Seconds between the polite signal and SIGKILL when a call is stopped.
        output_bytes: JSON of all its outputs together that are no files.
    """

    timeout_s: float | None = None
    memory_bytes: int | None = None
    grace_s: float = 5.0
    output_bytes: int = MAX_OUTPUT_BYTES

    def within(self, timeout_s: float | None) -> Limits:
        """Return these limits with the tighter one of two times."""
        is_tighter = timeout_s is not None and (
            self.timeout_s is None or timeout_s < self.timeout_s
        )
        return replace(self, timeout_s=timeout_s) if is_tighter else self


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file given to a call. The engine makes a private copy of it for user code.

    Attributes:
        source: Where the bytes are now, on this machine.
        filename: Base name that user code sees.
    """

    source: Path
    filename: str


@dataclass(frozen=True, slots=True)
class Call:
    """One call of user code.

    Attributes:
        execution_id: Id of the execution that this call belongs to.
        attempt: Which try at the execution, from 1.
        code: What is called.
        values: Arguments of all types but file, by input name; None for null.
        files: Arguments of type file, by input name.
        absent: Inputs that nothing was given for, with what is wrong if the function has no default
            of its own; None if it then gets None.
        outputs: Declared outputs: name to type.
        variables: The environment's variables, present at import time and in the call.
        identity: Variables that only this call has (``CRAFT_AI_EXECUTION_ID`` and so on).
        workspace: Folder of this call alone; the engine fills it, and the caller of the engine
            removes it when the outputs have been taken from it.
        log: File that receives the call's log lines (:mod:`headrace.core.loglines`).
        limits: What the call may use.
    """

    execution_id: str
    attempt: int
    code: Code
    values: Mapping[str, Json]
    files: Mapping[str, InputFile]
    outputs: Mapping[str, DataType]
    variables: Mapping[str, str]
    identity: Mapping[str, str]
    workspace: Path
    log: Path
    limits: Limits = field(default_factory=Limits)
    absent: Mapping[str, str | None] = field(default_factory=dict)
