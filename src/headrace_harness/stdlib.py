# ruff: noqa: PLC0414, ICN001, SIM905 - names are given on, and there are many of them
"""The standard library as it was before user code: nobody can patch what the harness calls.

User code shares this process and may replace any function of any module when it is imported, as
``gevent.monkey.patch_all`` does. So the modules of the harness import the standard library from
here: copies of its modules, made when the harness is imported. Where functions of one module call
those of another, the copies call each other.

Only what user code is meant to change is looked up where it lives: ``sys`` with its streams,
``os.environ``, ``asyncio``, and the shutdown of ``threading``.
"""

from __future__ import annotations

import importlib
import sys
import types as types
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import _thread as _thread
    import atexit as atexit
    import collections as collections
    import contextlib as contextlib
    import contextvars as contextvars
    import dataclasses as dataclasses
    import datetime as datetime
    import decimal as decimal
    import enum as enum
    import errno as errno
    import faulthandler as faulthandler
    import fcntl as fcntl
    import functools as functools
    import gc as gc
    import inspect as inspect
    import io as io
    import json as json
    import math as math
    import mmap as mmap
    import numbers as numbers
    import os as os
    import queue as queue
    import random as random
    import re as re
    import resource as resource
    import select as select
    import signal as signal
    import socket as socket
    import stat as stat
    import struct as struct
    import termios as termios
    import time as time
    import traceback as traceback
    import uuid as uuid
    import warnings as warnings

    ctypes: Any  # None in an interpreter that was built without it


def _named(name: str) -> types.ModuleType:
    return importlib.import_module(name)


def _plain_copy(name: str) -> types.ModuleType:
    """Return a copy of a module whose functions stay as they are."""
    copy = types.ModuleType(name)
    vars(copy).update(vars(_named(name)))
    return copy


def _linked_copies(*names: str) -> dict[str, types.ModuleType]:
    """Return copies of modules whose functions call nothing but each other and what is in C."""
    copies = {name: _plain_copy(name) for name in names}
    by_globals = {id(vars(_named(name))): vars(copy) for name, copy in copies.items()}
    by_module = {id(_named(name)): copy for name, copy in copies.items()}
    for copy in copies.values():
        for name, value in list(vars(copy).items()):
            if isinstance(value, types.FunctionType) and id(value.__globals__) in by_globals:
                setattr(copy, name, _with_globals(value, by_globals[id(value.__globals__)]))
            elif id(value) in by_module:
                setattr(copy, name, by_module[id(value)])
    return copies


def _with_globals(function: types.FunctionType, found: dict[str, Any]) -> types.FunctionType:
    copy = types.FunctionType(
        function.__code__, found, function.__name__, function.__defaults__, function.__closure__
    )
    copy.__kwdefaults__ = function.__kwdefaults__
    return copy


def _imported_anew(name: str) -> types.ModuleType:
    """Return a module of our own, with classes that user code cannot reach."""

    def take_out() -> dict[str, types.ModuleType]:
        parts = [part for part in sys.modules if part == name or part.startswith(f"{name}.")]
        return {part: sys.modules.pop(part) for part in parts}

    known = take_out()
    found = _named(name)
    take_out()
    sys.modules.update(known)
    return found


def _sockets() -> types.ModuleType:
    """Return a copy of ``socket`` with the classes that are written in C."""
    copy = _plain_copy("socket")
    in_c = _named("_socket")
    copy.socket = in_c.socket  # type: ignore[attr-defined]
    copy.socketpair = in_c.socketpair  # type: ignore[attr-defined]
    return copy


if not TYPE_CHECKING:
    _linked = _linked_copies(
        *"os posixpath genericpath stat signal inspect functools types contextlib enum".split(),
        *"collections dataclasses re queue".split(),
    )
    globals().update(_linked)
    json = _imported_anew("json")
    socket = _sockets()
    for _name in (
        "_thread atexit contextvars datetime decimal errno faulthandler fcntl gc io math mmap"
        " numbers random resource select struct termios time traceback uuid warnings"
    ).split():
        globals()[_name] = _plain_copy(_name)
    try:
        ctypes = _plain_copy("ctypes")
    except ImportError:
        ctypes = None
