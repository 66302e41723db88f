"""Where a PostgreSQL database is: the URL of the settings, shown without its password."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

SCHEMES = ("postgresql", "postgres")
_PARAMETERS = frozenset(
    {
        "application_name",
        "channel_binding",
        "gssencmode",
        "host",
        "passfile",
        "password",
        "port",
        "sslcert",
        "sslkey",
        "sslmode",
        "sslrootcert",
        "target_session_attrs",
        "user",
    }
)


@dataclass(frozen=True, slots=True)
class DatabasePlace:
    """A database that a URL names.

    Attributes:
        url: The URL for the driver, with the password if it has one.
        shown: The same without the password and the parameters, for people.
    """

    url: str = field(repr=False)
    shown: str

    def __str__(self) -> str:
        """Return it as it is shown."""
        return self.shown


def read_database(text: str) -> DatabasePlace:
    """Return the database of a URL such as ``postgresql://user@host/name?sslmode=verify-full``.

    Raises:
        ValueError: It is none; the message does not repeat it, as it may have a password.
    """
    example = "must be a URL such as postgresql://user:password@host:5432/database"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError(example) from None
    name = unquote(parts.path.removeprefix("/"))
    if parts.scheme not in SCHEMES or not name or "/" in name or parts.fragment:
        raise ValueError(example)
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    if unknown := sorted(given.keys() - _PARAMETERS):
        raise ValueError(
            f"has the parameter {unknown[0]!r}, and may have {', '.join(sorted(_PARAMETERS))}"
        )
    host = parts.hostname or given.get("host") or ""
    user = f"{parts.username}@" if parts.username else ""
    where = f"[{host}]" if ":" in host else host
    at_port = "" if port is None else f":{port}"
    return DatabasePlace(
        f"postgresql{text[len(parts.scheme) :]}", f"postgresql://{user}{where}{at_port}/{name}"
    )
