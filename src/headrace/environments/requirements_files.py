"""Reads a requirements file with all that it includes, as pip does, into one text."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import httpx

from headrace.core.environments import placeholders
from headrace.core.errors import InvalidEnvironment
from headrace.environments.redaction import Redaction
from headrace.environments.requirements_text import (
    Option,
    decoded,
    filled,
    first_word,
    logical_lines,
    option_in,
)

MAX_FILES = 200
"""Files that may go into one text, the first included."""

MAX_BYTES = 2_000_000
"""Bytes of one of them."""

_FETCH_TIMEOUT_S = 30.0
_VERSION_CONTROL = ("git+", "hg+", "svn+", "bzr+")


@dataclass(frozen=True, slots=True)
class Requirements:
    """What a requirements file says, one item a line; variables are replaced.

    Attributes:
        text: What to install, and the options.
        constraints: Which versions are acceptable, of packages that need not be installed.
        secrets: The values of the variables that went in.
    """

    text: str
    constraints: str
    secrets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Source:
    """A file or an address that is read.

    Attributes:
        name: What it is called in messages: a path below the folder, or the address.
        where: Its path, symbolic links resolved; None for an address.
    """

    name: str
    where: Path | None


@dataclass(slots=True)
class _Reading:
    root: Path
    variables: Mapping[str, str]
    used: dict[str, None] = field(default_factory=dict)
    missing: dict[str, None] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    constraints: list[str] = field(default_factory=list)
    seen: set[tuple[str, bool]] = field(default_factory=set)


def read_requirements(folder: Path, path: str, variables: Mapping[str, str]) -> Requirements:
    """Return what the requirements file at ``path`` in the folder says, with its includes.

    Files that it includes are relative to the file that names them. None may lie outside the
    folder; an address of ``http`` or ``https`` is fetched.

    Raises:
        InvalidEnvironment: A file is missing, outside, no text or includes itself, or a variable
            is not set. The message names the file and the line, and holds no value of a variable.
    """
    root = folder.resolve()
    reading = _Reading(root, variables)
    try:
        _read(reading, _Source(path, root / path), is_constraint=False, chain=())
    except InvalidEnvironment as error:
        redact = Redaction([variables[name] for name in reading.used])
        raise InvalidEnvironment(redact(error.message)) from None
    if reading.missing:
        names = ", ".join(f"${{{name}}}" for name in reading.missing)
        raise InvalidEnvironment(
            f"The requirements use {names}, but no such environment variable is set. "
            "Create it, then create the pipeline again."
        )
    return Requirements(
        "\n".join(_last_index_alone(reading.lines)),
        "\n".join(reading.constraints),
        tuple(variables[name] for name in reading.used),
    )


def _read(
    reading: _Reading, source: _Source, *, is_constraint: bool, chain: tuple[str, ...]
) -> None:
    if source.name in chain:
        way = " -> ".join([*chain[chain.index(source.name) :], source.name])
        raise InvalidEnvironment(f"The requirements file {source.name!r} includes itself: {way}.")
    if (source.name, is_constraint) in reading.seen:
        return  # what it says is there already
    reading.seen.add((source.name, is_constraint))
    if len(reading.seen) > MAX_FILES:
        raise InvalidEnvironment(f"The requirements include more than {MAX_FILES} files.")
    for number, raw in logical_lines(_text_of(source)):
        for line in _filled(reading, raw).splitlines():
            option = option_in(line.strip())
            if option is not None and option.name in {"--requirement", "--constraint"}:
                further = _included(reading.root, source, option, f"{source.name}, line {number}")
                is_limit = option.name == "--constraint"
                _read(reading, further, is_constraint=is_limit, chain=(*chain, source.name))
            elif option is not None and is_constraint and option.name == "--editable":
                raise InvalidEnvironment(
                    f"{source.name}, line {number}: -e is not possible in a file of constraints."
                )
            elif option is not None:
                reading.lines.append(_adapted(reading.root, source, option))
            else:
                (reading.constraints if is_constraint else reading.lines).append(line.strip())


def _filled(reading: _Reading, line: str) -> str:
    """Return a line with its variables replaced, or nothing if one of them is not set."""
    names = dict.fromkeys(placeholders(line))
    missing = {name: None for name in names if name not in reading.variables}
    reading.missing.update(missing)
    reading.used.update({name: None for name in names if name not in missing})
    return "" if missing else filled(line, reading.variables)


def _included(root: Path, source: _Source, option: Option, line: str) -> _Source:
    """Return the file that a line includes."""
    place = first_word(option.value)
    if not place:
        raise InvalidEnvironment(f"{line}: {option.name} names no file.")
    if source.where is None:
        place = urljoin(source.name, place)
    scheme = place.partition(":")[0].lower() if ":" in place else ""
    if scheme in {"http", "https"}:
        return _Source(place, None)
    if source.where is None:
        raise InvalidEnvironment(f"{line}: {place!r} cannot be fetched; use http or https.")
    path = unquote(urlsplit(place).path) if scheme == "file" else place
    try:
        where = (source.where.parent / path).resolve()
    except (OSError, RuntimeError, ValueError):  # a loop of links, a name that cannot exist
        where = Path("/")
    if not where.is_relative_to(root) or path.startswith("~"):
        raise InvalidEnvironment(
            f"{line}: {place!r} is outside the pipeline's folder. "
            "Put the file in the folder, and name it relative to the file that includes it."
        )
    name = str(where.relative_to(root))
    if not where.is_file():
        raise InvalidEnvironment(
            f"{line}: {place!r} is {name!r} in the pipeline's folder, where no such file is. "
            "Includes are relative to the file that names them; if the file exists, check "
            "included_folders."
        )
    return _Source(name, where)


def _text_of(source: _Source) -> str:
    try:
        content = _fetched(source.name) if source.where is None else source.where.read_bytes()
    except (OSError, ValueError, httpx.HTTPError, httpx.InvalidURL) as error:
        raise InvalidEnvironment(
            f"The requirements file {source.name!r} cannot be read: {_reason(error)}."
        ) from None
    if len(content) > MAX_BYTES:
        raise InvalidEnvironment(
            f"The requirements file {source.name!r} has more than {MAX_BYTES:,} bytes."
        )
    try:
        return decoded(content)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InvalidEnvironment(
            f"The requirements file {source.name!r} is not {error.encoding.upper()} text "
            f"(line {line}). Save it as UTF-8, or declare its encoding in the first line, as in "
            "'# -*- coding: latin-1 -*-'."
        ) from None
    except LookupError:
        raise InvalidEnvironment(
            f"The requirements file {source.name!r} declares an encoding that Python does not know."
        ) from None


def _reason(error: Exception) -> str:
    if isinstance(error, httpx.HTTPStatusError):
        return f"the server answers {error.response.status_code}"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _fetched(address: str) -> bytes:
    """Return what is at an address, or its beginning, if there is more than is allowed."""
    with (
        httpx.Client(
            # The certificates of the system, and those that SSL_CERT_FILE names.
            verify=ssl.create_default_context(),
            timeout=_FETCH_TIMEOUT_S,
            follow_redirects=True,
        ) as client,
        client.stream("GET", address) as answer,
    ):
        answer.raise_for_status()
        content = b""
        for piece in answer.iter_bytes():
            content += piece
            if len(content) > MAX_BYTES:
                break
        return content


def _adapted(root: Path, source: _Source, option: Option) -> str:
    """Return an option's line as uv takes it where the text stands by itself."""
    value = option.value
    if option.name == "--editable" and value.lower().startswith(_VERSION_CONTROL):
        return value  # what lies in version control is copied, as all packages are
    if option.name == "--find-links" and source.where is not None:
        # Beside the file that names it, if it is there, else in the folder.
        beside = source.where.parent / first_word(value)
        if beside.is_dir() and beside.resolve().is_relative_to(root):
            value = f"./{beside.resolve().relative_to(root)}"
    return f"{option.name} {value}".strip()


def _last_index_alone(lines: list[str]) -> list[str]:
    """Return the lines with the last ``--index-url`` alone, which is the one that pip takes."""
    indexes = [number for number, line in enumerate(lines) if line.startswith("--index-url ")]
    return [line for number, line in enumerate(lines) if number not in indexes[:-1]]
