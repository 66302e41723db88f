"""The ways to a server that is elsewhere: proxies of the environment, and TLS."""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from headrace import HeadraceSdk, Unavailable
from headrace.client.proxies import proxy_for

ELSEWHERE = "headrace.example.invalid"
BODY = json.dumps({"access_token": "a.b.c", "id": "1", "name": "ann", "email": "e"}).encode()


class Answers(BaseHTTPRequestHandler):
    """A server, or a proxy that answers itself; CONNECT begins TLS with the same answers."""

    protocol_version = "HTTP/1.1"
    server: Any

    def do_GET(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        self.rfile.read(length)
        self.server.seen.append((self.command, self.path, self.headers["proxy-authorization"]))
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    do_POST = do_GET  # noqa: N815 - as the base class names them

    def do_CONNECT(self) -> None:
        self.server.seen.append((self.command, self.path, self.headers["proxy-authorization"]))
        self.send_response(200)
        self.end_headers()
        self.connection = self.server.tls.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb", buffering=0)
        self.close_connection = False

    def finish(self) -> None:
        super().finish()
        self.connection.close()

    def log_message(self, *args: object) -> None:
        pass


class Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # A client that does not trust the certificate goes away.


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for this machine and for the server elsewhere, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "headrace test")])
    now = dt.datetime.now(dt.UTC)
    names = [x509.DNSName(ELSEWHERE), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "certificate.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def serving(certificate: Path) -> Iterator[Callable[..., Any]]:
    """Starts servers, with TLS or without."""
    servers = []

    def serve(*, is_tls: bool) -> Any:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)
        server: Any = Quiet(("127.0.0.1", 0), Answers)
        server.seen, server.tls = [], tls
        if is_tls:
            server.socket = tls.wrap_socket(
                server.socket, server_side=True, do_handshake_on_connect=False
            )
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return server

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def who(url: str) -> str:
    with HeadraceSdk("t", url) as sdk:
        assert sdk.who_am_i() == sdk.who_am_i()
        return str(sdk.who_am_i()["name"])


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def test_a_trusted_certificate_is_accepted_and_another_is_one_sentence(
    serving: Callable[..., Any], certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"https://127.0.0.1:{serving(is_tls=True).server_port}"
    with pytest.raises(Unavailable, match=r"TLS with .* fails: self.signed .*SSL_CERT_FILE"):
        who(url)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert who(url) == "ann"


def test_a_proxy_is_asked_for_what_is_elsewhere(
    serving: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = serving(is_tls=False)
    monkeypatch.setenv("http_proxy", f"http://ann:p%40ss@127.0.0.1:{proxy.server_port}")
    assert who(f"http://{ELSEWHERE}:1234") == "ann"
    method, target, authorisation = proxy.seen[-1]
    assert (method, target) == ("GET", f"http://{ELSEWHERE}:1234/api/v1/users/me")
    assert authorisation == "Basic YW5uOnBAc3M="


def test_a_proxy_tunnels_tls(
    serving: Callable[..., Any], certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = serving(is_tls=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.setenv("https_proxy", f"http://ann:pass@127.0.0.1:{proxy.server_port}")
    assert who(f"https://{ELSEWHERE}") == "ann"
    (tunnel, *inside) = proxy.seen
    assert tunnel == ("CONNECT", f"{ELSEWHERE}:443", "Basic YW5uOnBhc3M=")
    # One connection for all of them, and what is for the proxy is shown to nobody else.
    assert {(path[:8], authorisation) for _, path, authorisation in inside} == {("/api/v1/", None)}


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "inside.example"])
def test_no_proxy_is_asked_for_this_machine_or_for_exceptions(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("all_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", ".example")
    assert proxy_for("http", host) is None
    assert proxy_for("http", ELSEWHERE) is not None
