"""Files of the user's that have the name of a module of the standard library.

In ``python main.py`` a file ``signal.py`` beside it is what ``import signal`` finds, unless the
interpreter has loaded its own at its start. The harness has loaded many more by then, and goes on
to use them; so those step aside for the imports of user code.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Collection, Iterable, Iterator

from headrace_harness.stdlib import contextlib, os, types

# What the standard library and the harness import late: loaded before anything is in their way.
_NEEDED_LATE = ("ast", "asyncio", "concurrent.futures.thread", "linecache", "textwrap", "tokenize")

_STANDARD: frozenset[str] = getattr(sys, "stdlib_module_names", frozenset())  # from 3.10 on

_loaded_at_start: set[str] = set()
_aside: dict[str, types.ModuleType] = {}


def note_start(modules: Iterable[str]) -> None:
    """Note the modules that every interpreter has loaded before it runs a program."""
    _loaded_at_start.update(modules)


def step_aside(folders: Iterable[str], keep: Collection[str]) -> None:
    """Make imports find the files of these folders, and not a loaded module of the same name.

    Args:
        folders: The user's folders that are searched before the standard library.
        keep: Names that keep their modules.
    """
    here = {name for folder in folders for name in _importable(folder)}
    here -= {*_loaded_at_start, *sys.builtin_module_names, *keep}
    # Those that are not loaded yet matter too: what is needed late may import them.
    if not here & (_STANDARD | sys.modules.keys()):
        return
    for name in _NEEDED_LATE:
        importlib.import_module(name)
    for name in list(sys.modules):
        top = name.partition(".")[0]
        if top in here and top != __package__:
            _aside[name] = sys.modules.pop(name)


@contextlib.contextmanager
def lifted() -> Iterator[None]:
    """Make the standard library import its own modules until the end of the block."""
    if not _aside:
        yield
        return
    users = {name: sys.modules[name] for name in _aside if name in sys.modules}
    sys.modules.update(_aside)
    try:
        yield
    finally:
        for name in _aside:
            sys.modules.pop(name, None)
        sys.modules.update(users)


def _importable(folder: str) -> Iterator[str]:
    """Yield the names of the modules and packages in a folder."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            name, dot, suffix = entry.name.partition(".")
            is_file = suffix in {"py", "pyc"} or suffix.endswith("so")
            if is_file or (not dot and os.path.isfile(f"{entry.path}/__init__.py")):
                yield name
