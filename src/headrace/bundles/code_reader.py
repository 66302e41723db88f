"""A program that reads what the code of a folder says of itself, and prints it as JSON.

It is a process of its own, with little memory and time: text that is made to break a parser breaks
this program, and not the server. Nothing of the folder is imported or run.
"""

from __future__ import annotations

import ast
import io
import json
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from headrace.bundles.apart import limit
from headrace.bundles.contents import sizes_of
from headrace.core.errors import HeadraceError, InvalidCode
from headrace.core.needs import needs_of
from headrace.core.signatures.reading import read_signature
from headrace.core.signatures.source import Source
from headrace.wire.parameter_bodies import input_body, output_body

MAX_FILES = 200
"""Files in which functions are looked for."""

MAX_FUNCTIONS = 300
MAX_BYTES = 1_000_000
"""A larger file is not read."""

_MEMORY_BYTES = 1 << 30
_PROCESSOR_S = 10
_LIKELY = ("main", "pipeline", "model", "app", "predict", "train", "run")
_REQUIREMENTS = ("pyproject.toml", "uv.lock", "pylock.toml")


def read_folder(folder: Path, asked: dict[str, Any]) -> dict[str, Any]:
    """Return the functions of a folder, and what one of them declares and needs.

    Args:
        folder: The folder.
        asked: ``function`` as ``path:name`` or empty for the likeliest, ``pythons`` of the server,
            and ``project``, its settings.
    """
    sizes = sizes_of(folder)
    functions = list(_functions(folder, [path for path, size in sizes if size <= MAX_BYTES]))
    path, _, name = (asked["function"] or _likeliest(functions)).rpartition(":")
    found: dict[str, Any] = {
        "functions": functions[:MAX_FUNCTIONS],
        "function_path": path,
        "function_name": name,
        "requirements_files": [path for path, _ in sizes if _is_requirements(path)],
        "notes": [],
        "problems": [],
    }
    if not path or not name:
        return found
    source = _source(folder, path)
    try:
        needs = needs_of(
            source,
            requirements=None,
            python=None,
            here=None,
            project=asked["project"],
            pythons=lambda: list(asked["pythons"]),
        )
        found |= {"requirements_path": needs.path, "language": needs.language}
        found["notes"] += needs.notes
    except HeadraceError as error:
        found["problems"].append(error.message)
    try:
        signature = read_signature(source, name)
    except HeadraceError as error:
        found["problems"] += error.details.get("problems") or [error.message]
        return found
    found["notes"] += signature.notes
    return found | {
        "description": signature.description,
        "calling": signature.calling.value,
        "inputs": [input_body(item) for item in signature.inputs],
        "outputs": [output_body(item) for item in signature.outputs],
    }


def _functions(folder: Path, paths: list[str]) -> Iterator[str]:
    """Yield the functions of the modules of a folder, those near its top first."""
    modules = sorted((path for path in paths if path.endswith(".py")), key=_depth)
    for path in modules[:MAX_FILES]:
        try:
            tree = ast.parse((folder / path).read_bytes())
        except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{path}:{node.name}"


def _depth(path: str) -> tuple[int, str]:
    return path.count("/"), path


def _likeliest(functions: list[str]) -> str:
    """Return the function that is most likely meant; empty if none is likely."""

    def rank(function: str) -> tuple[int, int, int]:
        path, _, name = function.rpartition(":")
        stem = path.rpartition("/")[2].removesuffix(".py")
        is_aside = stem.startswith(("test", "_", "setup", "conf")) or name.startswith("_")
        is_likely = stem in _LIKELY or name in (*_LIKELY, stem)
        return is_aside, path.count("/"), not is_likely

    return min(functions, key=rank, default="")


def _is_requirements(path: str) -> bool:
    name = path.rpartition("/")[2]
    return name in _REQUIREMENTS or (name.startswith("requirements") and name.endswith(".txt"))


def _source(folder: Path, path: str) -> Source:
    root = folder.resolve()

    def read(wanted: str) -> str | None:
        try:
            place = (root / wanted).resolve()
            if not place.is_relative_to(root) or not place.is_file():
                return None
            if place.stat().st_size > MAX_BYTES:
                raise InvalidCode(f"{wanted} has more than {MAX_BYTES:,} bytes.")
            content = place.read_bytes()
        except (OSError, ValueError, RuntimeError):
            return None
        if not wanted.endswith(".py"):
            return content.decode("utf-8", "replace")
        try:
            encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
            return content.decode(encoding)
        except (SyntaxError, UnicodeDecodeError, LookupError) as error:
            raise InvalidCode(f"{wanted} cannot be read as Python: {error}.") from None

    return Source(path, read)


def main() -> None:
    """Read the folder that is named, and print what was found."""
    limit(_MEMORY_BYTES, _PROCESSOR_S)
    json.dump(read_folder(Path(sys.argv[1]), json.loads(sys.stdin.read())), sys.stdout)


if __name__ == "__main__":
    main()
