"""What a call reports: its outputs after conversion, or why it failed, as one JSON file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Optional

from headrace_harness import calling, room
from headrace_harness.converting import to_json
from headrace_harness.copying import copy_file
from headrace_harness.failing import BAD_OUTPUT, ENVIRONMENT, Failed, printable
from headrace_harness.scalars import Misfit, describe, is_null
from headrace_harness.stdlib import errno, io, json, math, os, stat, time
from headrace_harness.tracebacks import last_line

OUTCOME_FILE = "outcome.json"
OUTPUT_FOLDER = "outputs"

NOTE = "headrace: "
"""What a line of the log begins with that says what is not kept; of headrace.core.loglines."""

_SHOWN_KEYS = 20
_NAME_BYTES = 255
_SUFFIX_BYTES = 32
_said: set[str] = set()

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}
_NO_ROOM_PAUSE_S = 0.1

_quote = json.encoder.encode_basestring_ascii


def collect(
    returned: Any, outputs: Mapping[str, str], workspace: str, function: str, max_bytes: int
) -> str:
    """Return the report of what a function returned, having copied its files.

    Args:
        returned: What the function returned; ignored if no outputs are declared.
        outputs: Declared outputs: name to type.
        workspace: Folder of the call; files go to ``outputs/<output>/<filename>`` in it.
        function: Name of the function, for messages.
        max_bytes: JSON of all outputs together that are no files.

    Raises:
        Failed: It is not what was declared; the message says all that differs.
    """
    if not outputs:
        if returned is not None:
            _say_lost(returned, function)
        return returned_report({}, {})
    # Asked for a dict first, because asking for what behaves like one takes longer.
    is_dict = type(returned) is dict or isinstance(returned, Mapping)
    if is_dict and len(returned) > len(outputs):
        _say_undeclared(returned, outputs, function)
    if not is_dict:
        raise _no_dict(returned, outputs, function)
    report = _report_of_scalars(returned, outputs) if type(returned) is dict else None
    if report is not None and len(report) * 4 <= max_bytes:
        return report
    with room.taken():
        return _collect(returned, outputs, workspace, function, max_bytes)


def _no_dict(returned: Any, outputs: Mapping[str, str], function: str) -> Failed:
    wanted = ", ".join(f"{name} ({kind})" for name, kind in outputs.items())
    got = "None" if returned is None else describe(returned)
    noun = "output" if len(outputs) == 1 else "outputs"
    return Failed(
        BAD_OUTPUT, f"{function}() must return a dict with the {noun} {wanted}; it returned {got}."
    )


def _report_of_scalars(returned: dict[Any, Any], outputs: Mapping[str, str]) -> Optional[str]:
    """Return the report if all outputs are numbers and booleans of Python's own, as most are.

    That needs no descriptor, and none of the care that other values need.
    """
    values = {}
    for name, kind in outputs.items():
        value = returned.get(name)
        text_of = _SCALAR_TEXTS.get((kind, type(value)))
        text = None if text_of is None else text_of(value)
        if text is None:
            return None
        values[name] = text
    return returned_report(values, {})


def _text_of_integer(value: int) -> Optional[str]:
    return repr(value) if -_LARGE < value < _LARGE else None


def _text_of_float(value: float) -> Optional[str]:
    return repr(value) if math.isfinite(value) else None


def _text_of_boolean(value: bool) -> str:
    return "true" if value else "false"


_LARGE = 1 << 63
_SCALAR_TEXTS: dict[tuple[str, type], Callable[[Any], Optional[str]]] = {
    ("number", int): _text_of_integer,
    ("number", float): _text_of_float,
    ("json", int): _text_of_integer,
    ("json", float): _text_of_float,
    ("boolean", bool): _text_of_boolean,
    ("json", bool): _text_of_boolean,
}


def _collect(
    returned: Mapping[Any, Any],
    outputs: Mapping[str, str],
    workspace: str,
    function: str,
    max_bytes: int,
) -> str:
    values: dict[str, str] = {}
    files: dict[str, dict[str, Any]] = {}
    problems = []
    missing = [name for name in outputs if name not in returned]
    if missing:
        problems.append(_missing(missing, returned))
    for name, kind in outputs.items():
        if name in returned:
            try:
                if kind == "file" and not is_null(returned[name]):
                    files[name] = _keep_file(
                        returned[name], os.path.join(workspace, OUTPUT_FOLDER, name)
                    )
                else:
                    values[name] = to_json(returned[name], kind)
            except Misfit as misfit:
                problems.append(f"output '{name}' {misfit}")
            except Failed:
                raise
            except Exception as error:  # noqa: BLE001 - methods of the user's objects run here
                problems.append(f"output '{name}' could not be converted ({last_line(error)})")
    # A character has at most four bytes.
    if sum(map(len, values.values())) * 4 > max_bytes:
        problems += _oversize(values, max_bytes)
    if problems:
        raise Failed(BAD_OUTPUT, printable(f"{function}(): {'; '.join(problems)}."))
    return returned_report(values, files)


def _say_lost(returned: Any, function: str) -> None:
    what = describe(returned)
    if isinstance(returned, Mapping):
        what = f"a dict with the keys {_shown(returned)}"
    _say_once(f"{function}() returned {what}, but no output is declared, so it is not kept.")


def _say_undeclared(returned: Mapping[Any, Any], outputs: Mapping[str, str], function: str) -> None:
    keys = _shown(key for key in returned if key not in outputs)
    _say_once(
        f"{function}() returned values that no output declares and that are not kept: {keys}."
    )


def _shown(keys: Iterable[Any]) -> str:
    texts = [str(key) for key in keys]
    return ", ".join(texts[:_SHOWN_KEYS]) + (", …" if len(texts) > _SHOWN_KEYS else "")


def _say_once(text: str) -> None:
    """Write a line to the log of the call, of which a process of many calls has one."""
    if text not in _said:
        _said.add(text)
        calling.print_error(f"{NOTE}{printable(text)} Declare outputs for what is to be kept.\n")


def returned_report(values: Mapping[str, str], files: Mapping[str, Any]) -> str:
    """Return the report of a success; ``values`` holds JSON texts."""
    texts = ",".join([f"{_quote(name)}:{text}" for name, text in values.items()])
    return f'{{"values":{{{texts}}},"files":{json.dumps(files) if files else "{}"}}}'


def failed_report(failed: Failed) -> str:
    """Return the report of a failure."""
    return json.dumps({"kind": failed.kind, "message": printable(failed.message)})


def write_report(report: str, workspace: str) -> None:
    """Leave the report where the engine looks for it.

    It counts only if the process then ends with success, so that a part of it is never taken. While
    the disk is full, room is waited for: the result must not be lost for want of a little.
    """
    while True:
        try:
            with io.open(os.path.join(workspace, OUTCOME_FILE), "wb", buffering=0) as file:
                view = memoryview(report.encode("utf-8"))
                while view:
                    view = view[file.write(view) :]
                return
        except OSError as error:
            if error.errno not in _NO_ROOM:
                raise
        time.sleep(_NO_ROOM_PAUSE_S)


def _oversize(values: Mapping[str, str], max_bytes: int) -> list[str]:
    """Say which output is the largest if all together are too large."""
    sizes = {name: len(text.encode()) for name, text in values.items()}
    total = sum(sizes.values())
    if total <= max_bytes:
        return []
    name = max(sizes, key=lambda found: sizes[found])
    together = f" ({total:,} together with the others)" if len(sizes) > 1 else ""
    message = (
        f"output '{name}' is {sizes[name]:,} bytes of JSON{together}, and all outputs together may "
        f"be {max_bytes:,} (HEADRACE_MAX_OUTPUT_BYTES); write large results to a file and return "
        '{"path": ...} as an output of type file'
    )
    return [message]


def _missing(names: list[str], returned: Mapping[Any, Any]) -> str:
    has = f"has the keys {_shown(returned)}" if returned else "is empty"
    quoted = ", ".join(f"'{name}'" for name in names)
    subject = f"output {quoted} is" if len(names) == 1 else f"outputs {quoted} are"
    return f"{subject} missing; the returned dict {has}"


def _kept_name(name: str) -> str:
    """Return a name that a disk takes: what no text can hold is longer once it is escaped."""
    if len(name.encode()) <= _NAME_BYTES:
        return name
    suffix = os.path.splitext(name)[1]
    suffix = suffix if len(suffix.encode()) <= _SUFFIX_BYTES else ""
    return name.encode()[: _NAME_BYTES - len(suffix.encode())].decode(errors="ignore") + suffix


def _keep_file(value: Any, folder: str) -> dict[str, Any]:
    """Copy the file that an output names, as ``{"path": …}`` or as a path alone."""
    given = value.get("path") if isinstance(value, Mapping) else value
    if not isinstance(given, (str, os.PathLike)):
        raise Misfit(f'must be a file, as {{"path": "<path>"}}, but is {describe(value)}')
    path = os.fsdecode(os.fspath(given))
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise Misfit(f"names the file {path!r}, which cannot be read: {why}") from None
    if not stat.S_ISREG(mode):
        what = "a folder; put it into one file, such as a zip" if stat.S_ISDIR(mode) else "no file"
        raise Misfit(f"names {path!r}, which is {what}")
    filename = _kept_name(printable(os.path.basename(path)))
    os.makedirs(folder, exist_ok=True)
    try:
        size = copy_file(path, os.path.join(folder, filename))
    except PermissionError as error:
        raise Misfit(f"names the file {path!r}, which cannot be read: {error.strerror}") from None
    except OSError as error:
        raise Failed(
            ENVIRONMENT, f"The file {path!r} could not be kept: {error.strerror}."
        ) from None
    return {"filename": filename, "size": size}
