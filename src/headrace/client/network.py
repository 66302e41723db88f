"""What can go wrong between this machine and a server, as errors of Headrace."""

from __future__ import annotations

import http.client
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from headrace.core.errors import InvalidRequest, Unavailable


@contextmanager
def network_errors(url: str) -> Iterator[None]:
    """Say as an error of Headrace what went wrong on the way."""
    root = "/".join(url.split("/", 3)[:3])
    try:
        yield
    except TimeoutError:
        raise Unavailable(f"The server at {root} did not answer in time.") from None
    except (ConnectionRefusedError, socket.gaierror) as error:
        raise Unavailable(
            f"No server answers at {root}: is `headrace serve` running? ({_reason(error)})"
        ) from None
    except _tls_errors() as error:
        raise Unavailable(
            f"TLS with {root} fails: {_reason(error)}. SSL_CERT_FILE names further certificates."
        ) from None
    except http.client.InvalidURL as error:
        raise InvalidRequest(f"{url!r} is not a URL: {error}") from None
    except (OSError, http.client.HTTPException) as error:
        raise Unavailable(f"The connection to {root} broke: {_reason(error)}.") from None
    except ValueError as error:
        raise InvalidRequest(f"{url!r} cannot be asked: {error}.") from None


def _tls_errors() -> tuple[type[Exception], ...]:
    """Return the errors of TLS, which is loaded only where it is used."""
    ssl = sys.modules.get("ssl")
    return () if ssl is None else (ssl.SSLError,)


def _reason(error: Exception) -> object:
    known = ("verify_message", "reason", "strerror")
    return next((getattr(error, name) for name in known if getattr(error, name, None)), error)
