"""Inputs and outputs of a container: files in one folder, carried as tar streams.

Nothing of the server's disk is mounted, so nothing of it can be read or left behind by a container.
What comes out is written by user code and trusted with nothing.
"""

from __future__ import annotations

import io
import json
import os
import posixpath
import subprocess
import tarfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TypeVar

from headrace.core.calls import Call
from headrace.core.dockerfiles import INPUT_FILES, INPUTS_FILE, OUTPUTS_FILE
from headrace.core.outcomes import OutputFile
from headrace.core.values import DataType
from headrace.engines.container.tool import Tool, ToolFailed, kill_group, last_words, piped
from headrace_harness.converting import to_json
from headrace_harness.outputs import OUTPUT_FOLDER
from headrace_harness.scalars import Misfit

T = TypeVar("T")

COPY_S = 3600.0
"""Longest time of one copy from or to a container."""

_CHUNK = 1 << 20
_NAME_BYTES = 255
_FOLDER_MODE = 0o755
_OPEN_MODE = 0o1777
"""Of the folder itself: the image's user, whoever it is, writes the outputs there."""


class NotThere(Exception):
    """There is no such file in the container."""


class BadOutput(Exception):
    """The outputs of the container cannot be used; the message says why."""


def inputs_text(call: Call) -> str:
    """Return the JSON of all inputs: files as ``{"path": …}``, those without a value as null."""
    values: dict[str, Any] = {**dict.fromkeys(call.absent), **call.values}
    for name, file in call.files.items():
        values[name] = {"path": f"{INPUT_FILES}/{name}/{file.filename}"}
    return json.dumps(values, ensure_ascii=False)


def put_inputs(tool: Tool, name: str, call: Call) -> None:
    """Copy the inputs of a call into its container. It blocks.

    Raises:
        ToolFailed: They are not taken.
    """
    with _copying(tool, "-", f"{name}:/", given=True) as process:
        try:
            with piped(process.stdin) as pipe, tarfile.open(fileobj=pipe, mode="w|") as tar:
                _write_inputs(tar, call)
        except BrokenPipeError:
            pass  # What it says on its end explains it.
        # It says nothing else, so no other pipe can be full meanwhile.
        err = piped(process.stderr).read()
        if process.wait() != 0:
            raise ToolFailed(last_words(err) or "its inputs are not taken")


def read_outputs(
    tool: Tool, container: str, call: Call, folder: str, max_bytes: int
) -> tuple[dict[str, Any], dict[str, OutputFile]]:
    """Return values and files of the outputs that a container has left. It blocks.

    Args:
        tool: The container engine.
        container: Name of the container, which has ended.
        call: What declares the outputs, and has the workspace that files go to.
        folder: The container's working directory, from which relative paths begin.
        max_bytes: JSON of all outputs together.

    Raises:
        BadOutput: It is not what was declared; the message says all that differs.
        OSError: The server cannot keep it now.
        ToolFailed: It cannot be copied now.
    """
    returned = _returned(tool, container, max_bytes) if call.outputs else {}
    missing = [name for name in call.outputs if name not in returned]
    problems = [f"output '{name}' is missing" for name in missing]
    values: dict[str, Any] = {}
    files: dict[str, OutputFile] = {}
    for name, kind in call.outputs.items():
        if name in missing:
            continue
        try:
            if kind is DataType.FILE and returned[name] is not None:
                path = posixpath.join(folder or "/", _path_of(returned[name]))
                files[name] = _keep_file(tool, container, path, call.workspace, name)
            else:
                values[name] = json.loads(to_json(returned[name], kind.value))
        except Misfit as misfit:
            problems.append(f"output '{name}' {misfit}")
    if problems:
        raise BadOutput(f"{OUTPUTS_FILE}: {'; '.join(problems)}.")
    return values, files


def _write_inputs(tar: tarfile.TarFile, call: Call) -> None:
    _add_folder(tar, posixpath.dirname(INPUTS_FILE), _OPEN_MODE)
    content = inputs_text(call).encode()
    tar.addfile(_member(INPUTS_FILE, len(content)), io.BytesIO(content))
    if call.files:
        _add_folder(tar, INPUT_FILES, _FOLDER_MODE)
    for name, file in call.files.items():
        _add_folder(tar, f"{INPUT_FILES}/{name}", _FOLDER_MODE)
        with file.source.open("rb") as source:
            size = os.fstat(source.fileno()).st_size
            tar.addfile(_member(f"{INPUT_FILES}/{name}/{file.filename}", size), source)


def _add_folder(tar: tarfile.TarFile, path: str, mode: int) -> None:
    member = _member(path, 0)
    member.type, member.mode = tarfile.DIRTYPE, mode
    tar.addfile(member)


def _member(path: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(path.lstrip("/"))
    member.size, member.mode = size, 0o644
    return member


def _returned(tool: Tool, container: str, max_bytes: int) -> Mapping[str, Any]:
    """Return the object of the file of outputs."""

    def read(source: IO[bytes], size: int) -> bytes:
        if size > max_bytes:
            raise BadOutput(
                f"{OUTPUTS_FILE} is {size:,} bytes, and all outputs together may be {max_bytes:,} "
                "(HEADRACE_MAX_OUTPUT_BYTES): write large results to a file and give its path as "
                "an output of type file."
            )
        return source.read(size)

    try:
        found = json.loads(_taken(tool, container, OUTPUTS_FILE, read))
    except NotThere as error:
        raise BadOutput(
            f"The container ended without {OUTPUTS_FILE}, in which its outputs must be ({error})."
        ) from None
    except (ValueError, RecursionError) as error:
        raise BadOutput(f"{OUTPUTS_FILE} is not JSON: {error}.") from None
    if not isinstance(found, dict):
        raise BadOutput(f"{OUTPUTS_FILE} must be a JSON object with a key for each output.")
    return found


def _path_of(value: Any) -> str:
    path = value.get("path") if isinstance(value, dict) else value
    if not isinstance(path, str) or not path or "\0" in path:
        raise Misfit('must be a file, as {"path": "<path in the container>"}')
    return path


def _keep_file(tool: Tool, container: str, path: str, workspace: Path, name: str) -> OutputFile:
    """Copy a file of the container into the workspace."""
    target = workspace / OUTPUT_FOLDER / name / _kept_name(path)

    def keep(source: IO[bytes], size: int) -> int:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as file:
            while chunk := source.read(_CHUNK):
                file.write(chunk)
        return size

    try:
        size = _taken(tool, container, path, keep)
    except NotThere as error:
        raise Misfit(
            f"names the file {path!r}, which cannot be read: {str(error).rstrip('.')}"
        ) from None
    except BadOutput as error:
        raise Misfit(f"cannot be kept: {str(error).rstrip('.')}") from None
    return OutputFile(target, target.name, size)


def _kept_name(path: str) -> str:
    """Return the name under which a file of a container is kept."""
    found = posixpath.basename(path).encode("utf-8", "replace")[:_NAME_BYTES]
    name = found.decode(errors="ignore")
    return "file" if name in {"", ".", ".."} else name


def _taken(tool: Tool, container: str, path: str, take: Callable[[IO[bytes], int], T]) -> T:
    """Return what ``take`` makes of a file of a container, given its bytes and their number.

    Raises:
        NotThere: There is none.
        BadOutput: It is a folder or something else.
        ToolFailed: It cannot be copied now.
    """
    with _copying(tool, f"{container}:{path}", "-") as process:
        try:
            with tarfile.open(fileobj=piped(process.stdout), mode="r|") as tar:
                member = tar.next()
                source = None if member is None or not member.isreg() else tar.extractfile(member)
                if member is not None and source is None:
                    raise BadOutput(f"{path} is no file: put what belongs together into one.")
                if member is not None and source is not None:
                    return take(source, member.size)
        except tarfile.TarError:
            pass  # It is what comes of a command that failed.
        raise NotThere(last_words(piped(process.stderr).read()) or "no such file")


@contextmanager
def _copying(
    tool: Tool, source: str, target: str, *, given: bool = False
) -> Iterator[subprocess.Popen[bytes]]:
    """Give the process of a copy from or to a container, which is gone afterwards.

    Raises:
        ToolFailed: It cannot be run, or did not end within :data:`COPY_S`.
    """
    process = tool.start("cp", source, target, given=given)
    is_late = threading.Event()

    def give_up() -> None:
        is_late.set()
        kill_group(process)

    limit = threading.Timer(COPY_S, give_up)
    limit.start()
    try:
        yield process
    finally:
        limit.cancel()
        kill_group(process)
        process.wait()
        for stream in (process.stdout, process.stderr):
            piped(stream).close()
        if is_late.is_set():
            raise ToolFailed(f"copying {source} to {target} did not end within {COPY_S:g} s.")
