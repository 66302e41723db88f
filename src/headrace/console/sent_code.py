"""Code that was sent or fetched before its pipeline is created: kept, and named by a signed text.

The text is in the address of the form, so that whoever sent the code can load it again.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

from headrace.bundles.contents import sizes_of
from headrace.bundles.left_out import Judged
from headrace.bundles.reading import folder_limits
from headrace.bundles.sent_folders import is_zip, write_sent_files, write_zipped
from headrace.bundles.store import Bundle
from headrace.control.orders import UploadedFile
from headrace.core.clock import now_s
from headrace.core.errors import InvalidRequest, PermissionDenied
from headrace.core.repositories import Repository, shown_url
from headrace.objects.links import PURPOSE, Purpose, sign, verify
from headrace.web.exchange import Exchange
from headrace.web.form_parts import FolderFile

LIFETIME_S = 3600
"""The form may be sent until then."""

_PATH = "code"


@dataclass(frozen=True, slots=True)
class SentCode:
    """Code that is kept, and where it is from.

    Attributes:
        digest: The bundle.
        repository_url: Its repository, without a password; empty if it was sent.
        branch: Branch of the repository; empty for its default.
        included: Files and folders that were taken of it, each on a line; empty if it was sent.
        commit_id: Commit of the repository; empty if it was sent.
    """

    digest: str
    repository_url: str = ""
    branch: str = ""
    included: str = ""
    commit_id: str = ""

    @property
    def repository(self) -> Repository | None:
        """The repository that it was fetched from, if it was."""
        return Repository(self.repository_url, self.branch or None) if self.commit_id else None


@asynccontextmanager
async def archive_of(
    exchange: Exchange, archive: UploadedFile | None, files: Sequence[FolderFile]
) -> AsyncIterator[tuple[Path, Judged]]:
    """Give the archive of what a form brought, and what was left out of it.

    Raises:
        InvalidRequest: It brought nothing, both kinds, or something that cannot be used.
        TooLarge: It holds more than the server takes.
    """
    if archive is not None and files:
        raise InvalidRequest("Choose a folder or an archive, not both.")
    if archive is None and not files:
        raise InvalidRequest("No code was chosen: choose a folder, or an archive of one.")
    with tempfile.TemporaryDirectory(prefix="sent-", dir=exchange.services.uploads) as place:
        target = Path(place, "code.tgz")
        if archive is None:
            named = [(file.name, file.path) for file in files]
            yield target, await asyncio.to_thread(write_sent_files, named, target)
        elif is_zip(archive.path):
            limits = folder_limits(exchange.max_folder_bytes)
            yield target, await asyncio.to_thread(write_zipped, archive.path, target, limits)
        else:
            yield archive.path, Judged({})


async def keep(exchange: Exchange, archive: Path, **facts: str) -> SentCode:
    """Keep the code of an archive as that of a pipeline is kept.

    Raises:
        InvalidRequest: The archive cannot be used, or is empty.
        TooLarge: It holds more than the server takes.
    """
    limit = exchange.max_folder_bytes
    bundle = await exchange.services.bundles.keep(archive, limit)
    if not await asyncio.to_thread(sizes_of, bundle.folder):
        raise InvalidRequest("There are no files in it.")
    return SentCode(bundle.digest, **facts)


async def fetch(exchange: Exchange, repository: Repository, included: Sequence[str]) -> SentCode:
    """Fetch files and folders of a repository and keep them.

    Raises:
        InvalidRequest: It cannot be had, or not be used; the message says why.
        TooLarge: It holds more than the server takes.
        Unavailable: This machine has no git, or reads too many repositories.
    """
    services = exchange.services
    async with services.repositories.fetched(exchange.scope, repository, included, "") as code:
        return await keep(
            exchange,
            code.archive,
            repository_url=shown_url(repository.url) or "",
            branch=repository.branch or "",
            included="\n".join(included),
            commit_id=code.commit_id,
        )


def text_of(exchange: Exchange, code: SentCode) -> str:
    """Return the text that names kept code to whoever sent it, for an hour."""
    facts = {
        PURPOSE: Purpose.CODE,
        "digest": code.digest,
        "repository_url": code.repository_url,
        "branch": code.branch,
        "included": code.included,
        "commit_id": code.commit_id,
        "user": exchange.scope.user.id,
    }
    expires_at = int(now_s()) + LIFETIME_S
    return urlencode(sign(exchange.services.link_key, "POST", _PATH, expires_at, facts))


async def read_code(exchange: Exchange, text: str) -> tuple[SentCode, Bundle]:
    """Return the code that a text names.

    Raises:
        InvalidRequest: It is no such text of this user, or the code is kept no longer.
    """
    key, sent = exchange.services.link_key, dict(parse_qsl(text, keep_blank_values=True))
    try:
        facts = verify(key, "POST", _PATH, sent, purpose=Purpose.CODE, now=now_s())
    except PermissionDenied:
        raise _gone() from None
    bundle = await exchange.services.bundles.find(facts["digest"])
    if bundle is None or facts["user"] != exchange.scope.user.id:
        raise _gone()
    names = ("digest", "repository_url", "branch", "included", "commit_id")
    return SentCode(**{name: facts[name] for name in names}), bundle


def _gone() -> InvalidRequest:
    return InvalidRequest(
        "The code that this form is about is kept no longer: begin again, and send it once more."
    )
