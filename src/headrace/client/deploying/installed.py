"""Modules that code imports: which are Python's, which of a package, and which only here."""

from __future__ import annotations

import ast
import importlib.util
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from headrace.client.selection import Selection, select

PLACES = ("stdlib", "platstdlib", "purelib", "platlib")


def imported_by(text: str) -> set[str]:
    """Return the top-level names of the modules that a Python text imports."""
    names: set[str] = set()
    with suppress(SyntaxError, ValueError):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import):
                names.update(alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                names.add(node.module.partition(".")[0])
    return names


def is_installed(file: Path) -> bool:
    """Tell whether a file is Python's own or that of an installed package."""
    places = (Path(path).resolve() for key, path in sysconfig.get_paths().items() if key in PLACES)
    return any(file.resolve().is_relative_to(place) for place in places)


def pinned(modules: Iterable[str]) -> list[str]:
    """Return the requirements that install modules in the versions that are installed here."""
    # Few need it, and it takes long to import.
    from importlib.metadata import packages_distributions, version  # noqa: PLC0415 - see above

    distributions = packages_distributions()
    wanted = {name for module in modules for name in distributions.get(module, ())}
    return sorted(f"{name}=={version(name)}" for name in wanted)


def local_modules(modules: Iterable[str]) -> tuple[Selection, set[str]]:
    """Return the files of modules that are in no package, and of those that they import.

    Returns:
        The files, by the paths from which they are imported, and the modules that they import.
    """
    found, seen = Selection(), set[str]()
    waiting = set(modules)
    while waiting:
        name = waiting.pop()
        seen.add(name)
        for folder, entry in _local(name):
            part = select(folder, [entry])
            found = joined(found, part)
            for path in part.files.values():
                if path.suffix == ".py":
                    waiting |= imported_by(path.read_text("utf-8", "replace")) - seen
    return found, seen


def joined(one: Selection, other: Selection) -> Selection:
    """Return the files of two selections; where both have a path, the second counts."""
    files = {**one.files, **other.files}
    return Selection(
        files=dict(sorted(files.items())),
        folders=sorted({*one.folders, *other.folders}),
        links={**one.links, **other.links},
        left_out={**one.left_out, **other.left_out},
        size=sum(path.stat().st_size for path in files.values()),
    )


def _local(name: str) -> Iterator[tuple[Path, str]]:
    """Yield the folder and the path in it of a module that is in no package, if it is one."""
    if name in sys.stdlib_module_names or name == "headrace":
        return
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return
    if spec is None or spec.origin is None or not Path(spec.origin).is_file():
        return
    file = Path(spec.origin).resolve()
    if is_installed(file):
        return
    if spec.submodule_search_locations:
        yield file.parent.parent, file.parent.name
    else:
        yield file.parent, file.name
