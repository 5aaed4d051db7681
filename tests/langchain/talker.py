"""A process of its own that says one thing to a chain, and prints the answer; see `Talker`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
from langchain_classic.chains import ConversationChain
from langchain_classic.memory import ConversationBufferMemory as OfLangChain
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from redialog.integrations.langchain import ConversationBufferMemory, RedisChatMessageHistory
from tests.langchain.models import deprecated

MEMORIES: dict[str, Any] = {"langchain": OfLangChain, "redialog": ConversationBufferMemory}


def chain(kind: str, model: Any, history: RedisChatMessageHistory) -> Any:
    """A `ConversationChain` with a buffer memory, LangChain's own or ours, over a history."""
    with deprecated():
        return ConversationChain(llm=model, memory=MEMORIES[kind](chat_memory=history))


def in_a_new_process(kind: str, redis_url: str, endpoint_url: str, text: str) -> str:
    """The answer to a text, of a process that knows nothing yet."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", __name__, kind, redis_url, endpoint_url, text],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def main(kind: str, redis_url: str, endpoint_url: str, text: str) -> None:
    """Says it."""
    with httpx.Client(trust_env=False) as client:
        model = ChatOpenAI(
            model="m", base_url=endpoint_url, api_key=SecretStr("k"), http_client=client
        )
        history = RedisChatMessageHistory("s", url=redis_url, session_ttl=300)
        print(chain(kind, model, history).predict(input=text))


if __name__ == "__main__":
    main(*sys.argv[1:])
