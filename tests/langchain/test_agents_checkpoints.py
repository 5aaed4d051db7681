"""`RedisMemoryMiddleware` beside a checkpointer; and where LangChain's agents are not installed."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.messages import ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from redialog import ChatMemory, Message, MissingExtra
from redialog.integrations.langchain import RedisMemoryMiddleware
from redialog.integrations.langchain.agents import STORED, MissingLangChain
from tests.langchain.models import Recaller
from tests.langchain.test_agents import JIM, NAME, RAIN, agent, asked, weather
from tests.langchain.ways import Way, said, session


class Saver(InMemorySaver):
    """A checkpointer that fails, once, to keep what comes after a run was stored."""

    fails = True

    def put_writes(self, config: Any, writes: Any, *rest: Any, **options: Any) -> None:
        if not self.fails or all(channel != STORED for channel, _ in writes):
            super().put_writes(config, writes, *rest, **options)

    def put(self, config: Any, checkpoint: Any, metadata: Any, new_versions: Any) -> Any:
        if self.fails and STORED in new_versions:
            self.fails = False
            raise ConnectionError("no checkpoint")
        return super().put(config, checkpoint, metadata, new_versions)


THREAD = session("s", "thread_id")


@pytest.mark.parametrize("window", [None, 1])
def test_nothing_is_doubled_beside_a_checkpointer(way: Way, window: int | None) -> None:
    """Neither in Redis nor for the model, whose limits hold for what the state has, too."""
    model, saver = Recaller(), InMemorySaver()
    for question, _ in (JIM[0][::-1], RAIN[0][::-1], NAME[0][::-1]):
        remembering = RedisMemoryMiddleware(way.memory, window=window)
        way.call(agent(model, remembering, checkpointer=saver), asked(question), THREAD)
    before = RAIN if window else JIM + RAIN
    assert said(model.seen[-1]) == before + NAME[:1]
    # Without the name, where the window has left it out.
    last = [NAME[0], ("assistant", "You have not told me.")] if window else NAME
    assert way.stored() == JIM + RAIN + last
    state = agent(model, remembering, checkpointer=saver).get_state(THREAD).values
    assert said(state["messages"]) == way.stored()


def test_a_thread_takes_up_what_others_said(chats: ChatMemory) -> None:
    """Also where that is more than is looked at for what is stored already."""
    model, saver = Recaller(), InMemorySaver()
    made = agent(model, RedisMemoryMiddleware(chats, window=2), checkpointer=saver)
    made.invoke(asked(JIM[0][1]), THREAD)
    other = agent(Recaller(), RedisMemoryMiddleware(chats, session_id="s", window=1))
    for number in range(60):
        other.invoke(asked(f"q{number}"))
    made.invoke(asked("And?"), THREAD)
    assert [text for role, text in said(model.seen[-1]) if role == "user"] == ["q58", "q59", "And?"]
    assert [text for role, text in said(chats.session("s").messages()) if role == "user"] == [
        JIM[0][1],
        *(f"q{number}" for number in range(60)),
        "And?",
    ]


def test_a_run_that_goes_on_is_stored_when_it_ends(way: Way) -> None:
    """Of the failure itself, nothing; of the run, each message once."""
    fails = [True]

    def fail(given: Any) -> None:
        if given[-1].type == "tool" and fails.pop():
            fails.append(False)
            raise RuntimeError("no model")

    async def afail(given: Any) -> None:
        fail(given)

    made = agent(
        Recaller(before=fail, abefore=afail),
        RedisMemoryMiddleware(way.memory),
        checkpointer=InMemorySaver(),
    )
    with pytest.raises(RuntimeError):
        way.call(made, asked(RAIN[0][1]), THREAD)
    assert way.stored() == []
    way.call(made, None, THREAD)
    assert way.stored() == RAIN


def test_what_a_failed_run_left_is_stored_with_the_next(chats: ChatMemory) -> None:
    """A call that was never answered is stored, too, and no model is given it."""

    def broken(city: str) -> str:
        """The weather in a city."""
        raise RuntimeError("no weather")

    broken.__name__ = "weather"
    model, saver = Recaller(), InMemorySaver()
    remembering = RedisMemoryMiddleware(chats)
    made: Any = create_agent(model, [broken], middleware=[remembering], checkpointer=saver)
    with pytest.raises(RuntimeError, match="no weather"):
        made.invoke(asked(RAIN[0][1]), THREAD)
    for question, given in ((JIM[0][1], []), (NAME[0][1], JIM)):
        made.invoke(asked(question), THREAD)
        assert said(model.seen[-1]) == [RAIN[0], *given, ("user", question)]
    assert said(chats.session("s").messages()) == RAIN[:2] + JIM + NAME


def test_a_run_that_a_human_stopped_is_stored_once(way: Way) -> None:
    """When he lets it go on; meanwhile nothing of it is there, and others can talk."""
    asking = HumanInTheLoopMiddleware(interrupt_on={"weather": True})
    made: Any = create_agent(
        Recaller(),
        [weather],
        middleware=[RedisMemoryMiddleware(way.memory), asking],
        checkpointer=InMemorySaver(),
    )
    way.call(made, asked(RAIN[0][1]), THREAD)
    assert way.stored() == []
    other = agent(Recaller(), RedisMemoryMiddleware(way.memory, session_id="s"))
    way.call(other, asked(JIM[0][1]))
    way.call(made, Command(resume={"decisions": [{"type": "approve"}]}), THREAD)
    assert way.stored() == JIM + RAIN


@pytest.mark.parametrize("resumed", [False, True])
def test_a_run_whose_checkpoint_is_lost_is_stored_once(chats: ChatMemory, resumed: bool) -> None:
    """It was stored, and the note of that was not: whoever goes on finds it in Redis."""
    model, saver = Recaller(), Saver()
    made = agent(model, RedisMemoryMiddleware(chats), checkpointer=saver)
    with pytest.raises(ConnectionError):
        made.invoke(asked(RAIN[0][1]), THREAD)
    assert STORED not in made.get_state(THREAD).values
    assert said(chats.session("s").messages()) == RAIN
    other = agent(Recaller(), RedisMemoryMiddleware(chats, session_id="s"))
    others = [other.invoke(asked(f"q{number}"))["messages"] for number in range(10)]
    between = [one for messages in others for one in said(messages)]
    if resumed:
        made.invoke(None, THREAD)
        assert said(chats.session("s").messages()) == RAIN + between
    made.invoke(asked(JIM[0][1]), THREAD)
    assert not saver.fails
    assert said(model.seen[-1]) == RAIN + between + JIM[:1]
    assert said(chats.session("s").messages()) == RAIN + between + JIM


def test_results_that_are_handed_in_find_their_call(way: Way) -> None:
    """A tool that somebody else runs: the call is stored, and in no context as long as it waits."""
    call = {"name": "weather", "args": {"city": "Bern"}, "id": "call_1"}
    stored: list[Any] = [
        {"role": "user", "content": "And the weather?"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
    ]
    way.chats.session("s").append(*stored)
    limits: tuple[dict[str, Any], ...] = ({}, {"window": 1}, {"max_tokens": 100})
    for options in limits:
        model = Recaller()
        made = agent(model, RedisMemoryMiddleware(way.memory, **options))
        told = ToolMessage("21 degrees in Bern", tool_call_id="call_1")
        way.call(made, {"messages": [told]}, session())
        assert said(model.seen[0]) == RAIN[:3]
        assert way.stored() == RAIN
        way.chats.session("s").rewind(way.chats.session("s").messages()[1].id or "")
    way.chats.session("s").append(Message.assistant("One moment."))
    model = Recaller()
    way.call(agent(model, RedisMemoryMiddleware(way.memory)), {"messages": [told]}, session())
    assert said(model.seen[0]) == [RAIN[0], ("assistant", "One moment."), *RAIN[1:3]]


def test_calls_of_a_run_are_not_looked_for(chats: ChatMemory) -> None:
    """Only for results whose calls it has not made itself is more read."""
    kept = chats.session("s")
    window: Any = kept.window

    def watched(**limits: Any) -> Any:
        assert "turns" not in limits
        return window(**limits)

    kept.window = watched  # type: ignore[method-assign]
    made = agent(Recaller(), RedisMemoryMiddleware(lambda _: kept))
    made.invoke(asked(RAIN[0][1]), session())
    assert said(kept.messages()) == RAIN


def test_without_langchain_it_is_said_what_to_install() -> None:
    """The module of the agents is the only one that asks for that package."""
    lines = """
import sys
sys.modules["langchain"] = None
from redialog.integrations import langchain
langchain.with_history
try:
    langchain.RedisMemoryMiddleware
except ImportError as error:
    print(type(error).__name__, error)
"""
    done = subprocess.run(
        [sys.executable, "-c", lines], capture_output=True, text=True, check=True, timeout=60
    )
    name, _, text = done.stdout.strip().partition(" ")
    assert name == "MissingLangChain"
    assert text.endswith(": pip install langchain")


def test_its_error_travels() -> None:
    """To another process, as every error does."""
    made: Callable[[], MissingExtra] = MissingLangChain
    error = pickle.loads(pickle.dumps(made()))
    assert isinstance(error, MissingLangChain)
    assert (str(error), error.extra) == (str(made()), "langchain")
