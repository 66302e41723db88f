"""To which call the running code belongs: output and variables follow from that."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any, Optional, Protocol

from headrace_harness.sinks import Sink
from headrace_harness.stdlib import contextvars, ctypes, io, os

try:
    _libc: Any = ctypes.CDLL(None)
except (AttributeError, OSError):  # an interpreter built without ctypes
    _libc = None

_SPARE_BYTES = 512


class Scoped(Protocol):
    """A call, as far as what it prints and the variables it sees are concerned.

    Attributes:
        overlay: Variables that it alone has.
        is_over: Whether its outcome has been said.
    """

    overlay: dict[str, str]
    is_over: bool

    def sink(self) -> Sink:
        """Return what takes its output."""
        ...


_call: contextvars.ContextVar[Optional[Scoped]] = contextvars.ContextVar(
    "headrace_call", default=None
)


class Scope:
    """Tells which call the present context belongs to.

    Attributes:
        outside: Takes output that belongs to no call.
        alone: The call that runs, if never more than one does: then what has no context, such as
            a thread that it started, belongs to it as well.
    """

    def __init__(self, outside: Sink) -> None:
        self.outside = outside
        self.alone: Optional[Scoped] = None

    def enter(self, call: Scoped) -> None:
        """Make the present context, and those copied from it, belong to a call."""
        _call.set(call)

    def call(self) -> Optional[Scoped]:
        """Return the call that the present context belongs to, if that is not over."""
        call = _call.get()
        if call is None:
            return self.alone
        return None if call.is_over else call

    def take(self, letter: bytes, data: bytes) -> None:
        """Take output of the present context."""
        call = self.call()
        (self.outside if call is None else call.sink()).take(letter, data)

    def install(self) -> None:
        """Make stdout, stderr and ``os.environ`` of this process ask the scope."""
        sys.stdout = sys.__stdout__ = _stream(self, b"o", 1)  # type: ignore[misc]  # Final
        sys.stderr = sys.__stderr__ = _stream(self, b"e", 2)  # type: ignore[misc]  # Final
        _CallEnviron.scope = self
        os.environ.__class__ = _CallEnviron


class _Stream(io.RawIOBase):
    """The bytes of stdout or stderr, on the way to the log of whoever writes them."""

    def __init__(self, scope: Scope, letter: bytes, descriptor: int) -> None:
        self._scope = scope
        self._letter = letter
        self._descriptor = descriptor
        self.name = "<stdout>" if letter == b"o" else "<stderr>"

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def write(self, data: Any) -> int:
        taken = bytes(data)
        self._scope.take(self._letter, taken)
        return len(taken)

    def close(self) -> None:
        """Stay open: what one call closes, the next one needs."""


def _stream(scope: Scope, letter: bytes, descriptor: int) -> io.TextIOWrapper:
    # Text is handed on with each write, or pieces of several calls would meet in one buffer.
    raw: Any = _Stream(scope, letter, descriptor)
    return io.TextIOWrapper(raw, encoding="utf-8", errors="backslashreplace", write_through=True)


class _CallEnviron(os._Environ):  # type: ignore[type-arg]  # noqa: SLF001 - the class of os.environ
    """``os.environ`` with the variables of the present call in front."""

    scope: Scope

    def _overlay(self) -> dict[str, str]:
        call = self.scope.call()
        return {} if call is None else call.overlay

    def __getitem__(self, key: str) -> str:
        found = self._overlay().get(key)
        return super().__getitem__(key) if found is None else found

    def __setitem__(self, key: str, value: str) -> None:
        overlay = self._overlay()
        if key in overlay and isinstance(value, str):
            overlay[key] = value
        else:
            super().__setitem__(key, value)

    def __delitem__(self, key: str) -> None:
        if self._overlay().pop(key, None) is None:
            super().__delitem__(key)

    def __iter__(self) -> Iterator[str]:
        overlay = self._overlay()
        yield from list(overlay)
        for key in super().__iter__():
            if key not in overlay:
                yield key

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, key: object) -> bool:
        return key in self._overlay() or super().__contains__(key)


class ProcessVariables:
    """A call's variables in the environment that this process hands to programs it starts.

    They have places of their own in memory, which are written over for each call: ``setenv`` of
    the C library would keep every value for ever.
    """

    def __init__(self) -> None:
        self._places: list[tuple[str, bytes, int]] = []
        self._memory: Any = None

    def show(self, variables: Mapping[str, str]) -> None:
        """Set the variables for programs that start from now on."""
        if not variables:
            return
        if _libc is None:
            for name, value in variables.items():
                os.putenv(name, value)
            return
        texts = []
        for name, prefix, room in self._places:
            if name not in variables:
                break
            text = prefix + variables[name].encode("utf-8", "surrogateescape")
            if len(text) >= room:
                break
            texts.append(text.ljust(room, b"\0"))
        if len(texts) == len(variables):
            self._memory[:] = b"".join(texts)
        else:
            self._lay_out(variables)

    def _lay_out(self, variables: Mapping[str, str]) -> None:
        """Make places with room for these variables, and for values that are somewhat longer."""
        self._places = []
        texts = []
        for name, value in variables.items():
            text = os.fsencode(f"{name}={value}")
            room = len(text) * 2 + _SPARE_BYTES
            self._places.append((name, os.fsencode(name) + b"=", room))
            texts.append(text.ljust(room, b"\0"))
        whole = b"".join(texts)
        buffer = ctypes.create_string_buffer(whole, len(whole))
        # Never freed: the C library has pointers into it from now on.
        _kept.append(buffer)
        self._memory = memoryview(buffer).cast("B")
        start = ctypes.addressof(buffer)
        for _, _, room in self._places:
            _libc.putenv(ctypes.c_void_p(start))
            start += room


_kept: list[Any] = []
