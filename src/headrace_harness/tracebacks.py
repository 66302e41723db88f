"""Exceptions of user code as text, without the frames of the harness."""

from __future__ import annotations

import importlib
from typing import Any

from headrace_harness import denials, shadows
from headrace_harness.failing import printable
from headrace_harness.stdlib import os, traceback

_OWN_FOLDER = os.path.dirname(os.path.abspath(__file__)) + os.sep
_IMPORTLIB = os.path.dirname(importlib.__file__) + os.sep
_MESSAGE_CHARACTERS = 2000
_roots: list[str] = []


def name_files_from(folder: str) -> None:
    """Make tracebacks name the files of a pipeline's folder as its author does: ``src/m.py``."""
    for place in (folder, os.path.realpath(folder)):
        root = place.rstrip(os.sep) + os.sep
        if root not in _roots:
            _roots.append(root)


def last_line(error: BaseException) -> str:
    """Return the last line of the traceback of ``error``: its type and its message."""
    kind = type(error)
    name = kind.__qualname__
    if kind.__module__ not in {"builtins", "__main__"}:
        name = f"{kind.__module__}.{name}"
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - user code: anything may be raised
        text = "<no message: its str() raised an exception>"
    line = printable(f"{name}: {text}" if text else name)
    return line if len(line) <= _MESSAGE_CHARACTERS else line[:_MESSAGE_CHARACTERS] + "…"


def full_text(error: BaseException) -> str:
    """Return the traceback with causes, contexts and groups, and the user's frames alone.

    If it comes from writing where runs may not write, a line that says so follows.
    """
    try:
        # Tracebacks import modules while they are made.
        with shadows.lifted():
            found = traceback.TracebackException.from_exception(error)
            _keep_user_frames(found, set())
            return printable("".join(found.format()) + denials.explanation(error))
    except Exception:  # noqa: BLE001 - user code: anything may be raised
        return last_line(error) + "\n"


def _keep_user_frames(found: Any, seen: set[int]) -> None:
    if found is None or id(found) in seen:
        return
    seen.add(id(found))
    kept: list[traceback.FrameSummary] = []
    for frame in found.stack:
        # The import system comes before the first frame of the user's because we called it.
        if not (_is_ours(frame.filename) or (not kept and frame.filename.startswith(_IMPORTLIB))):
            _rename(frame)
            kept.append(frame)
    if isinstance(getattr(found, "filename", None), str):
        # A file that could not even be parsed.
        found.filename = _short(found.filename)
    found.stack = traceback.StackSummary.from_list(kept)
    _keep_user_frames(found.__cause__, seen)
    _keep_user_frames(found.__context__, seen)
    for inner in getattr(found, "exceptions", None) or ():
        _keep_user_frames(inner, seen)


def _rename(frame: traceback.FrameSummary) -> None:
    # The text of the line is looked up by the whole name, so that comes first.
    _ = frame.line
    frame.filename = _short(frame.filename)


def _short(filename: str) -> str:
    for root in _roots:
        if filename.startswith(root):
            return filename[len(root) :]
    return filename


def _is_ours(filename: str) -> bool:
    return filename.startswith((_OWN_FOLDER, "<frozen importlib", "<frozen runpy"))
