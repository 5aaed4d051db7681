"""An endpoint of OpenAI's chat completions that knows what it is told, and nothing else."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler
from typing import Any

import httpx
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from tests.langchain.models import answer_to, refused
from tests.models.endpoint import Endpoint, chunk


class Recalling(Endpoint):
    """Answers as `answer_to` says, in one piece or word by word, as it is asked.

    It refuses what the strict providers refuse: a tool call that is not followed by its results.
    """

    def model(self, **options: Any) -> ChatOpenAI:
        """LangChain's client of it."""
        return ChatOpenAI(
            model="m",
            base_url=self.url,
            api_key=SecretStr("k"),
            max_retries=0,
            http_client=httpx.Client(trust_env=False),
            http_async_client=httpx.AsyncClient(trust_env=False),
            **options,
        )

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        body = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        self.requests.append(body)
        self.arrived.set()
        wrong = refused(body["messages"])
        if wrong:
            return _send(handler, {"error": {"message": wrong}}, status=400)
        said = answer_to(body["messages"], tools="tools" in body)
        if not body.get("stream"):
            ended = "tool_calls" if "tool_calls" in said else "stop"
            choice = {"index": 0, "message": said, "finish_reason": ended}
            usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
            head = {"id": "c", "object": "chat.completion", "created": 1, "model": "m"}
            return _send(handler, {**head, "choices": [choice], "usage": usage})
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.end_headers()
        for word in said["content"].split(" "):
            handler.wfile.write(b"data: %s\n\n" % json.dumps(chunk(word + " ")).encode())
        handler.wfile.write(b"data: %s\n\n" % json.dumps(chunk(None, "stop")).encode())
        handler.wfile.write(b"data: [DONE]\n\n")
        return None


def _send(handler: BaseHTTPRequestHandler, body: dict[str, Any], status: int = 200) -> None:
    text = json.dumps(body).encode()
    handler.send_response(status)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(text)))
    handler.end_headers()
    handler.wfile.write(text)
