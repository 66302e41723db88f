"""Git repositories that pipelines are made from, and what may be said of them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit

from headrace.core.errors import InvalidRequest

SCHEMES = ("https", "ssh", "file")
"""How a repository may be reached. Others, such as git's own that runs any command, may not."""

MAX_URL_LENGTH = 2000

_SCP = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9_.-]*@)?[A-Za-z0-9][A-Za-z0-9.-]*:(?!//)[^:].*")
_BRANCH = re.compile(r"(?!.*(?:\.\.|@\{|\.lock$))[A-Za-z0-9_][A-Za-z0-9_./@+#-]{0,249}")


class HostKeys(StrEnum):
    """What is done with the key of an ssh server that has not been seen before."""

    REMEMBER = "remember"
    """It is trusted and remembered; another key of the same server is refused from then on."""
    KNOWN = "known"
    """It is refused, unless an operator has written it into the file of known hosts."""


@dataclass(frozen=True, slots=True)
class Repository:
    """A git repository, at one of its branches.

    Attributes:
        url: Its URL: ``https://``, ``ssh://``, ``user@host:path`` or ``file://``.
        branch: A branch or a tag; None for the repository's default branch.
        deploy_key: Private ssh key that may read it, or None.
    """

    url: str = field(repr=False)
    branch: str | None = None
    deploy_key: str | None = field(default=None, repr=False)


def check_repository(repository: Repository, what: str) -> Repository:
    """Return a repository that git can be asked for without being led astray.

    ``what`` begins the names of fields in messages.

    Raises:
        InvalidRequest: The URL, the branch or the key cannot be used.
    """
    _check_url(repository.url, f"{what}repository_url")
    branch = repository.branch
    if branch is not None and not _BRANCH.fullmatch(branch):
        raise InvalidRequest(
            f"{what}repository_branch {branch[:100]!r} cannot be the name of a branch or a tag."
        )
    key = repository.deploy_key
    if key is not None and "PRIVATE KEY-----" not in key:
        raise InvalidRequest(
            f"{what}repository_deploy_key must be a private ssh key, with its lines "
            "-----BEGIN ... PRIVATE KEY----- and -----END ... PRIVATE KEY-----."
        )
    return repository


def password_in(url: str) -> str | None:
    """Return the password in a URL as it is written there; a user alone may be a token."""
    user, at, _ = urlsplit(url).netloc.rpartition("@") if "://" in url else ("", "", "")
    name, colon, password = user.partition(":")
    if not at or (not colon and not url.startswith("https:")):
        return None
    return password if colon else name


def shown_url(url: str | None) -> str | None:
    """Return a URL as it may be shown: without the password in it."""
    secret = None if url is None else password_in(url)
    return url.replace(f"{secret}@", "***@", 1) if url and secret else url


def _check_url(url: str, where: str) -> None:
    if len(url) > MAX_URL_LENGTH or not url.isprintable() or " " in url or url.startswith("-"):
        raise InvalidRequest(f"{where} is not the URL of a repository.")
    scheme = urlsplit(url).scheme if "://" in url else ""
    if scheme in SCHEMES and (urlsplit(url).hostname or scheme == "file"):
        if scheme == "ssh" and urlsplit(url).password:
            raise InvalidRequest(f"{where} has a password; give an ssh repository a deploy key.")
        return
    if not scheme and _SCP.fullmatch(url):
        return
    raise InvalidRequest(
        f"{where} must begin with {', '.join(f'{scheme}://' for scheme in SCHEMES)}, or be of the "
        "form git@host:owner/name.git."
    )
