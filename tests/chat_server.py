"""A small API for chats of OpenAI's shape, on loopback."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

ANSWER = {
    "id": "chat-1",
    "object": "chat.completion",
    "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
}


class ChatServer:
    """Repeats the last message of a chat; some messages make it misbehave.

    Attributes:
        key: The key that it wants.
        url: Its address.
        asked: The bodies of the chats that it was asked.
        elsewhere: Paths that were asked besides, such as that of a redirect.
    """

    def __init__(self) -> None:
        self.key = "key-of-the-chat-server"
        self.asked: list[dict[str, Any]] = []
        self.elsewhere: list[str] = []
        chats = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                chats.elsewhere.append(self.path)
                self.send_error(404)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                chats.answer(self, body)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def answer(self, handler: BaseHTTPRequestHandler, text: bytes) -> None:
        """Answer a chat."""
        status, answer = self._answer(handler, text)
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        handler.send_response(status)
        handler.send_header("Location", "/elsewhere")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def _answer(self, handler: BaseHTTPRequestHandler, text: bytes) -> tuple[int, Any]:
        if handler.path != "/v1/chat/completions":
            self.elsewhere.append(handler.path)
            return 404, b""
        if handler.headers["Authorization"] != f"Bearer {self.key}":
            return 401, {"error": {"message": "wrong key"}}
        body = json.loads(text)
        self.asked.append(body)
        content = body["messages"][-1]["content"]
        message = {"role": "assistant", "content": f"You said: {content}"}
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        bad: dict[str, tuple[int, Any]] = {
            "error": (429, {"error": {"message": "too many"}}),
            "secret": (401, {"error": {"message": f"not {self.key}"}}),
            "redirect": (307, b""),
            "not json": (200, b"<html>"),
            "no choices": (200, {"choices": []}),
            "endless": (200, bytes(10_000_001)),
        }
        return bad.get(content, (200, ANSWER | {"model": body["model"], "choices": [choice]}))

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
