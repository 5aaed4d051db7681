"""The token is sent to the service and shown nowhere: in no error, traceback, log or repr."""

from __future__ import annotations

import logging
import pickle
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

import pytest

from redialog import Message, RedialogError
from tests.rest.conftest import Connect
from tests.rest.front import HTML, Behaviour, Front, answers, cut, dropped, held

TOKEN = "AX1vASQ-THE-TOKEN"
SAID = "WHAT-WAS-SAID"

FAILURES: dict[str, Behaviour] = {
    "lost": dropped,
    "cut": cut(30),
    "silent": held,
    "refused": answers(401, f'{{"error":"WRONGPASS {TOKEN}"}}'.encode()),
    "quoted": answers(500, f"{TOKEN} {SAID}".encode()),
    "strange": answers(200, f"<html>{TOKEN} {SAID}</html>".encode()),
    "redirected": answers(302, HTML, [("Location", "https://evil.example/")]),
    "no result": answers(200, f'{{"result":{{"{TOKEN}":1}}}}'.encode()),
    "not a header": answers(200, HTML, [("Bad Header", "x")]),
}


def shown(error: BaseException) -> str:
    """All that is reachable from an error: texts, attributes, local variables of its traceback."""
    chain: list[BaseException | None] = [error]
    for one in chain:
        if one is not None:
            chain += [found for found in (one.__cause__, one.__context__) if found not in chain]
    texts = [
        "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    ]
    for one in chain:
        texts.append(repr(one))
        for value in vars(one).values() if one is not None else ():
            texts += [repr(value), str(vars(value)) if hasattr(value, "__dict__") else ""]
            headers = getattr(value, "headers", None)
            texts.append(str(getattr(headers, "raw", "")))
    return "\n".join(texts)


@pytest.mark.parametrize("name", FAILURES)
@pytest.mark.parametrize("url", ["front", "nobody", "without TLS"])
def test_no_error_shows_it(
    name: str, url: str, front: Front, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """Nor do the errors behind it, their tracebacks with all variables, and the logs of all."""
    caplog.set_level(logging.DEBUG)
    places = {"front": front.url, "nobody": "http://127.0.0.1:1", "without TLS": front.url}
    place = places[url].replace("http:", "https:") if url == "without TLS" else places[url]
    memory = connect(place, token=TOKEN, socket_timeout=0.1)
    front.on(FAILURES[name], times=99)
    with pytest.raises(RedialogError) as caught:
        memory.session("s").append(Message.user(SAID))
    error = caught.value
    if url == "front":
        assert any(TOKEN in one.headers["authorization"] for one in front.seen)
    own = [
        frame for frame in traceback.extract_tb(error.__traceback__) if "tests" in frame.filename
    ]
    assert own
    assert TOKEN not in shown(error.with_traceback(without_tests(error.__traceback__)))
    assert SAID not in "".join([str(error), *map(str, vars(error).values())])
    assert TOKEN not in pickle.dumps(error).decode("latin-1")
    assert TOKEN not in caplog.text
    assert SAID not in caplog.text
    assert not any(TOKEN in str(record.__dict__) for record in caplog.records)


def without_tests(found: Any) -> Any:
    """A traceback without the frames of this file, which know the token."""
    while found is not None and "tests/rest" in found.tb_frame.f_code.co_filename:
        found = found.tb_next
    return found


def test_no_object_shows_it(front: Front, connect: Connect) -> None:
    """The memory, its transport, and what that holds, as deep as repr goes."""
    memory: Any = connect(front.url, token=TOKEN)
    front.on(answers(200, b'{"result":"UE9ORw=="}'))
    memory.ping()
    transport = getattr(memory, "inner", memory)._transport
    seen: list[Any] = []
    queue: list[Any] = [memory, transport]
    while queue:
        one = queue.pop()
        if any(one is other for other in seen):
            continue
        seen.append(one)
        assert TOKEN not in repr(one), type(one)
        assert TOKEN not in str(one), type(one)
        own = type(one).__module__.startswith(("redialog", "httpx"))
        queue += vars(one).values() if own and hasattr(one, "__dict__") else ()
        queue += one if isinstance(one, list | tuple | set) else ()
    # Down to the client with its headers.
    assert {"Client", "AsyncClient"} & {type(one).__name__ for one in seen}


SCRIPT = """
import sys
for name in ("httpx", "httpcore"):
    sys.modules[name] = None
from redialog import AsyncChatMemory, ChatMemory, MissingExtra
for facade in (ChatMemory, AsyncChatMemory):
    for token in ("AX1vASQ-THE-TOKEN",):
        try:
            facade.from_url("https://name.upstash.io", token=token)
        except MissingExtra as error:
            print(error.extra, error)
"""


def test_what_is_not_installed_is_named() -> None:
    """Without httpx all else works, and a REST url says what to install."""
    source = Path(__file__).parents[2] / "src"
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={"PYTHONPATH": str(source)},
        capture_output=True,
        text=True,
        check=True,
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    for line in lines:
        assert line.startswith("upstash ")
        assert "pip install 'redialog[upstash]'" in line
        assert TOKEN not in line
