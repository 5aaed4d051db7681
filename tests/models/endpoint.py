"""An endpoint that speaks OpenAI's chat completions, scripted by the test."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

PATIENCE_S = 20.0

Step = str | threading.Event | Mapping[str, Any] | None
"""A piece of the answer, something to wait for, a raw chunk, or None: the connection breaks."""


class Endpoint:
    """A server on 127.0.0.1 that gives every request the same answer.

    Args:
        steps: of the answer.
        status: 200, or an error that is answered instead.
        error: its body.
        ended: why the answer ends; None where it says nothing of that.

    Attributes:
        requests: the bodies that came in.
        keys: their ``Authorization`` headers.
        arrived: set by the first.
    """

    def __init__(
        self,
        steps: Sequence[Step] = ("Hello",),
        *,
        status: int = 200,
        error: Mapping[str, Any] | None = None,
        ended: str | None = "stop",
    ) -> None:
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.arrived = threading.Event()
        self.steps, self.status, self.error = steps, status, error or {}
        self.ended = ended
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                endpoint._answer(self)

            def log_message(self, *_: object) -> None:
                """Keeps the tests quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        self.requests.append(json.loads(body))
        self.keys.append(handler.headers.get("Authorization", ""))
        self.arrived.set()
        handler.send_response(self.status)
        if self.status != 200:
            text = json.dumps({"error": self.error}).encode()
            handler.send_header("Content-Type", "application/json")
            handler.send_header("Content-Length", str(len(text)))
            # The client would try again, slowly.
            handler.send_header("x-should-retry", "false")
            handler.end_headers()
            handler.wfile.write(text)
            return
        handler.send_header("Content-Type", "text/event-stream")
        handler.end_headers()
        with suppress(OSError):  # the client has gone: what a test about Ctrl-C wants
            self._stream(handler)

    def _stream(self, handler: BaseHTTPRequestHandler) -> None:
        for step in self.steps:
            if isinstance(step, threading.Event):
                step.wait(PATIENCE_S)
                continue
            if step is None:
                # An error in the middle of a stream, as providers send it.
                handler.wfile.write(b'data: {"error": {"message": "secret text"}}\n\n')
                return
            made = chunk(step) if isinstance(step, str) else step
            handler.wfile.write(f"data: {json.dumps(made)}\n\n".encode())
            handler.wfile.flush()
        last = json.dumps(chunk(None, self.ended))
        handler.wfile.write(f"data: {last}\n\ndata: [DONE]\n\n".encode())


def chunk(content: str | None, ended: str | None = None) -> dict[str, Any]:
    """A chunk of an answer."""
    return {
        "id": "c",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "delta": {"content": content}, "finish_reason": ended}],
    }
