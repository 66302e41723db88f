"""The credentials file that ``headrace login`` writes and the SDK reads."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from headrace.core.errors import Unauthenticated


@dataclass(frozen=True, slots=True)
class Credentials:
    """A server and the token for it."""

    environment_url: str
    token: str


def credentials_path(environ: Mapping[str, str]) -> Path:
    """Return the path of the file: under ``XDG_CONFIG_HOME``, by default ``~/.config``.

    Raises:
        Unauthenticated: Neither is there, as the user has no home directory.
    """
    try:
        home = environ.get("XDG_CONFIG_HOME") or Path("~/.config").expanduser()
    except RuntimeError:
        raise Unauthenticated(
            "This user has no home directory, where `headrace login` keeps credentials. Set HOME, "
            "or HEADRACE_ENVIRONMENT_URL and HEADRACE_SDK_TOKEN."
        ) from None
    return Path(home, "headrace", "credentials.json")


def read_credentials(path: Path) -> Credentials | None:
    """Return the content of the file, or None if there is none.

    Raises:
        Unauthenticated: There is a file, but it cannot be used.
    """
    try:
        fields = json.loads(path.read_text("utf-8"))
        return Credentials(str(fields["environment_url"]), str(fields["token"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Unauthenticated(
            f"The credentials file {path} cannot be used ({error}); run `headrace login` again."
        ) from None


def write_credentials(path: Path, credentials: Credentials) -> None:
    """Replace the file, readable by its owner alone.

    Raises:
        OSError: It cannot be written.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # A new file with the right mode from its first byte, then a rename: never readable by others,
    # never half written.
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(asdict(credentials), file)
    draft.replace(path)


def forget_credentials(path: Path) -> bool:
    """Remove the file; tell whether there was one."""
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    return True
