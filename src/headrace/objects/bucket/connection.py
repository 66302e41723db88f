"""Requests to a bucket: threads that wait for them, deadlines, and errors in clear words."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TypeVar

import boto3
from boto3.exceptions import Boto3Error
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from headrace.core.errors import HeadraceError, NotFound, Unavailable
from headrace.objects.bucket.place import BucketPlace
from headrace.objects.disk import Disk

THREADS = 32
# Where the credentials come from is said anew by each server that starts; nobody asked.
logging.getLogger("botocore.credentials").setLevel(logging.WARNING)

CONNECT_S = 5.0
READ_S = 30.0
TRIES = 3
"""How often a request is sent before its failure is said."""

MOST_DELETED = 1000
"""Keys that one request may delete."""

_T = TypeVar("_T")

_REFUSED = {"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "403", "ExpiredToken"}
_MISSING = {"NoSuchKey", "404", "NotFound"}


class Missing(NotFound):
    """There is no object under a key."""


class Refused(Unavailable):
    """The bucket refuses a request; who sent it may know the reason and say it in other words."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason

    @property
    def code(self) -> str:
        """The name by which callers know it."""
        return Unavailable.__name__


class Bucket:
    """A connection to one bucket; its requests block threads, never the event loop.

    The credentials are those that Amazon's tools find: ``AWS_ACCESS_KEY_ID`` and
    ``AWS_SECRET_ACCESS_KEY``, a profile, or the role of the machine.
    """

    def __init__(self, place: BucketPlace) -> None:
        self.place = place
        self._threads = Disk(THREADS)
        # The style of addresses that every server knows; and no checksums that older ones refuse.
        config = Config(
            connect_timeout=CONNECT_S,
            read_timeout=READ_S,
            retries={"total_max_attempts": TRIES, "mode": "standard"},
            max_pool_connections=2 * THREADS,
            signature_version="s3v4",
            s3={"addressing_style": "auto" if place.endpoint is None else "path"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        try:
            self._client: Any = boto3.client(
                "s3",
                endpoint_url=place.endpoint,
                region_name=place.region or (None if place.endpoint is None else "us-east-1"),
                config=config,
            )
        except (BotoCoreError, ValueError) as error:
            self._say(error)

    async def ask(self, operation: str, **parameters: Any) -> Any:
        """Return the answer to one operation on the bucket.

        Args:
            operation: The name of a method of the client, such as ``head_object``.
            parameters: What it takes besides the bucket.

        Raises:
            Missing: There is no object under the key.
            Refused: It cannot be done so.
            Unavailable: The bucket cannot be reached, or refuses this server.
        """
        method = getattr(self._client, operation)
        return await self.run(lambda: method(Bucket=self.place.bucket, **parameters))

    async def delete(self, keys: Sequence[str]) -> None:
        """Delete at most :data:`MOST_DELETED` keys, whether they are there or not.

        Raises:
            Unavailable: One is left, or as :meth:`ask`.
        """
        doomed = [{"Key": key} for key in keys]
        answer = await self.ask("delete_objects", Delete={"Objects": doomed, "Quiet": True})
        for failed in answer.get("Errors", ()):
            raise self._unavailable(f"it did not delete {failed['Key']!r} ({failed['Code']})")

    async def run(self, work: Callable[[], _T]) -> _T:
        """Return ``work()``, done in a thread; raises as :meth:`ask`."""
        return await self._threads.run(self._said, work)

    def sign(self, method: str, *arguments: Any, **parameters: Any) -> Any:
        """Return what a signing method of the client makes; it sends nothing."""
        return self._said(lambda: getattr(self._client, method)(*arguments, **parameters))

    async def send(self, file: Any, key: str, config: Any) -> None:
        """Make an object of an open file, in parts if it is large; raises as :meth:`ask`."""
        bucket = self.place.bucket
        await self.run(lambda: self._client.upload_fileobj(file, bucket, key, Config=config))

    def close(self) -> None:
        """Wait for the requests under way, then close the connections."""
        self._threads.close()
        self._client.close()

    def _said(self, work: Callable[[], _T]) -> _T:
        try:
            return work()
        except (ClientError, BotoCoreError, Boto3Error) as error:
            self._say(error)

    def _say(self, error: Exception) -> NoReturn:
        cause = _answer_of(error)
        if cause is not None:
            code = str(cause.response.get("Error", {}).get("Code", ""))
            raise self._translated(code, cause) from error
        if isinstance(error, NoCredentialsError):
            raise self._unavailable(
                "there are no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            ) from error
        raise self._unavailable(f"it cannot be reached ({type(error).__name__})") from error

    def _translated(self, code: str, error: ClientError) -> HeadraceError:
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") or 0)
        if code in _MISSING:
            return Missing("There is no such object.")
        if code == "NoSuchBucket":
            return self._unavailable("it does not exist: make it, or name another one")
        if code in _REFUSED:
            return self._unavailable(f"it refuses this server's credentials ({code})")
        if code in {"SlowDown", "RequestTimeout"} or status >= 500:
            return self._unavailable(f"its server failed ({code or status})")
        reason = code or str(status)
        return Refused(self._unavailable(f"it refused a request ({reason})").message, reason)

    def _unavailable(self, reason: str) -> Unavailable:
        where = f" at {self.place.endpoint}" if self.place.endpoint else ""
        return Unavailable(f"The bucket {self.place.bucket!r}{where} cannot be used: {reason}.")


def _answer_of(error: BaseException | None) -> ClientError | None:
    """Return the bucket's own answer behind an error; helpers that send in parts wrap it."""
    while error is not None and not isinstance(error, ClientError):
        error = error.__context__
    return error
