"""The client of OpenAI's chat completions, against a scripted endpoint."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

import redialog
from redialog import ConfigurationError, Message
from redialog.models import ModelError, choose
from redialog.models.demo import DemoModel
from redialog.models.openai import OpenAIModel
from tests.models.endpoint import Endpoint, Step, chunk

KEY = "sk-very-secret-0123"


def ask(endpoint: Endpoint, *messages: Message, key: str | None = KEY) -> list[str]:
    """The pieces of an answer."""
    model = OpenAIModel("m", base_url=endpoint.url, api_key=key)
    return list(model.reply(messages or [Message.user("Hi")]))


def test_it_sends_the_messages_and_yields_the_pieces() -> None:
    """The request holds model, messages and stream; each piece comes as it was sent."""
    call = {"name": "f", "args": {"a": 1}, "id": "1"}
    messages = [
        Message.system("Be short."),
        Message.user("Hi"),
        Message.assistant(tool_calls=[call]),
        Message.tool("2", tool_call_id="1"),
    ]
    with Endpoint(["Hel", "lo", " Jim"]) as endpoint:
        assert ask(endpoint, *messages) == ["Hel", "lo", " Jim"]
    [request] = endpoint.requests
    assert request["model"] == "m"
    assert request["stream"] is True
    assert request["messages"] == [message.to_openai() for message in messages]
    assert endpoint.keys == [f"Bearer {KEY}"]


def test_chunks_without_text_are_skipped() -> None:
    """Usage chunks without choices, and deltas without content, say nothing."""
    usage = {**chunk(None), "choices": []}
    steps: list[Step] = [usage, chunk(None), "a", chunk(""), "b", usage]
    with Endpoint(steps) as endpoint:
        assert ask(endpoint) == ["a", "b"]


def test_halves_of_a_character_are_put_together() -> None:
    """A surrogate pair that was cut between two chunks arrives whole, a lone half replaced."""
    with Endpoint(["a\ud83d", "\ude00b", "\udc00", "\ud83d"]) as endpoint:
        assert ask(endpoint) == ["a", "\U0001f600b", "\ufffd", "\ufffd"]


def test_a_local_endpoint_needs_no_key() -> None:
    """With a base URL and no key, a placeholder is sent."""
    with Endpoint() as endpoint:
        assert ask(endpoint, key=None) == ["Hello"]
    assert endpoint.keys == ["Bearer none"]


@pytest.mark.parametrize(
    ("status", "said"), [(401, "OPENAI_API_KEY"), (404, "base URL"), (429, "quota"), (500, "500")]
)
def test_an_error_names_the_status_and_no_text(status: int, said: str) -> None:
    """The provider's own words, which quote keys and messages, do not get into the error."""
    error = {"message": f"bad key {KEY} in 'secret text'", "code": "invalid_api_key"}
    with Endpoint(status=status, error=error) as endpoint, pytest.raises(ModelError) as caught:
        ask(endpoint)
    text = str(caught.value)
    assert said in text
    assert str(status) in text
    assert "invalid_api_key" in text
    assert "secret" not in text
    assert caught.value.status == status


def test_a_code_that_is_no_code_is_left_out() -> None:
    """A provider's code is shown only where it is one plain word."""
    error = {"message": "m", "code": f"key={KEY}"}
    with Endpoint(status=400, error=error) as endpoint, pytest.raises(ModelError) as caught:
        ask(endpoint)
    assert KEY not in str(caught.value)


def test_an_error_in_the_middle_comes_after_the_pieces() -> None:
    """What was said before a failure is not lost, and the failure says no text."""
    with Endpoint(["a", "b", None]) as endpoint:
        reply = OpenAIModel("m", base_url=endpoint.url).reply([Message.user("Hi")])
        assert [next(reply), next(reply)] == ["a", "b"]
        with pytest.raises(ModelError) as caught:
            next(reply)
    assert "secret" not in str(caught.value)


def test_an_endpoint_that_is_not_there() -> None:
    """The error says where and why, in the system's words."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        model = OpenAIModel("m", base_url=f"http://user:{KEY}@127.0.0.1:{port}/v1")
        with pytest.raises(ModelError, match=rf"127.0.0.1:{port}: .*refused") as caught:
            list(model.reply([Message.user("Hi")]))
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("key", ["sk-\nbroken", "sk-ключ"])
def test_a_key_that_no_header_can_hold(key: str) -> None:
    """A malformed key is an error like others, and is not shown."""
    with Endpoint() as endpoint, pytest.raises(ModelError) as caught:
        ask(endpoint, key=key)
    assert key[3:] not in str(caught.value)


def test_closing_early_ends_the_request() -> None:
    """A reader that has had enough leaves no open response."""
    with Endpoint(["a", "b"]) as endpoint:
        pieces = OpenAIModel("m", base_url=endpoint.url).reply([Message.user("Hi")])
        assert next(pieces) == "a"
        pieces.close()


@pytest.mark.parametrize("url", ["localhost:8080", "ftp://host/v1", "http://", "http://h:port/"])
def test_a_base_url_must_be_one(url: str) -> None:
    """What is no HTTP URL is refused before anything is sent."""
    with pytest.raises(ConfigurationError, match="base URL"):
        OpenAIModel("m", base_url=url)


def test_the_demo_is_chosen_where_nothing_is_configured() -> None:
    """Without a name there is the demo, also where a key or an endpoint is set."""
    environ = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "http://localhost/v1"}
    assert isinstance(choose(None, None, {}), DemoModel)
    assert isinstance(choose(None, None, environ), DemoModel)
    assert isinstance(choose("demo", None, {"OPENAI_MODEL": "m"}), DemoModel)


def test_a_name_chooses_a_real_model() -> None:
    """The option wins over the variable; either names a model of the endpoint."""
    with Endpoint() as endpoint:
        environ = {"OPENAI_MODEL": "theirs", "OPENAI_BASE_URL": endpoint.url}
        list(choose(None, None, environ).reply([Message.user("Hi")]))
        list(choose("mine", None, environ).reply([Message.user("Hi")]))
        list(choose("mine", endpoint.url, {"OPENAI_API_KEY": f" {KEY}\n"}).reply([]))
    assert [request["model"] for request in endpoint.requests] == ["theirs", "mine", "mine"]
    assert endpoint.keys[-1] == f"Bearer {KEY}"


def test_half_a_configuration_is_refused() -> None:
    """A model of OpenAI's needs a key, and an endpoint needs a model."""
    with pytest.raises(ConfigurationError, match="OPENAI_API_KEY"):
        choose("m", None, {})
    with pytest.raises(ConfigurationError, match="--model"):
        choose(None, "http://localhost/v1", {})


def test_importing_the_models_loads_no_client() -> None:
    """Only making a model of OpenAI's imports the package openai."""
    code = (
        "import sys, redialog.models, redialog.models.demo, redialog.models.openai\n"
        "assert not {'openai', 'redis'} & set(sys.modules)"
    )
    source = str(Path(redialog.__file__).parents[1])
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": source})


@pytest.mark.parametrize(
    ("ended", "said"),
    [("length", "limit of tokens"), ("content_filter", "content filter"), (None, "base URL")],
)
def test_half_of_an_answer_does_not_pass_for_one(ended: str | None, said: str) -> None:
    """Its pieces come, and then the error; also where the stream just stops."""
    with Endpoint(["Your code", " is 44"], ended=ended) as endpoint:
        answer = OpenAIModel("m", base_url=endpoint.url, api_key=KEY).reply([Message.user("Hi")])
        assert [next(answer), next(answer)] == ["Your code", " is 44"]
        with pytest.raises(ModelError, match=said):
            next(answer)
