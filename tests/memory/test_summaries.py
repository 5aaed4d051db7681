"""Summary memories over a session: what is folded, when, and what is given in the meantime."""

from __future__ import annotations

from typing import Any

import pytest

from redialog import ChatMemory, ConfigurationError, Message, Session
from redialog.memory import ConversationSummaryBufferMemory, ConversationSummaryMemory
from redialog.summary import LEAD, RollingSummary
from tests.memory.conftest import Ground
from tests.memory.tools import AwaitedRecorder, Recorder, words
from tests.support.servers import Server


def line(number: int, count: int) -> str:
    """An exchange as it is shown."""
    return f"Human: {' '.join([f'q{number}'] * count)}\nAI: {' '.join([f'a{number}'] * count)}"


@pytest.fixture(params=[Recorder, AwaitedRecorder])
def recorder(request: pytest.FixtureRequest) -> Recorder:
    """A summariser, called or awaited."""
    made: Recorder = request.param()
    return made


def test_the_newest_is_word_for_word_and_the_older_a_summary(
    ground: Ground, recorder: Recorder
) -> None:
    """Beyond the limit the older exchanges are folded, until half remains."""
    memory = ConversationSummaryBufferMemory(
        max_token_limit=100, summarizer=recorder, counter=words, session=ground.session
    )
    # Each exchange has 2 * (6 + 4) tokens.
    ground.talk(memory, 5, words=6)
    assert ground.load(memory) == "\n".join(line(n, 6) for n in range(5))
    assert recorder.calls == []
    ground.talk(memory, 1, words=6)
    summary = f"System: {LEAD}8 messages"
    assert ground.load(memory) == "\n".join([summary, line(4, 6), line(0, 6)])
    assert [previous for previous, _ in recorder.calls] == [None]
    assert ground.load(memory).startswith(summary)
    assert len(recorder.calls) == 1
    assert ground.chat.count() == 12


def test_the_model_is_called_as_seldom_as_the_limit_allows(
    ground: Ground, recorder: Recorder
) -> None:
    """Once for each half of the limit, and not at each save."""
    memory = ConversationSummaryBufferMemory(
        max_token_limit=100, summarizer=recorder, counter=words, session=ground.session
    )
    for _ in range(20):
        ground.talk(memory, 1, words=6)
        assert ground.load(memory)
    # 400 tokens, of which at most 100 are raw; each fold leaves 40.
    assert 4 <= len(recorder.calls) <= 8
    assert [previous for previous, _ in recorder.calls[1:]] == [
        f"{sum(len(texts) for _, texts in recorder.calls[:n])} messages"
        for n in range(1, len(recorder.calls))
    ]


def test_tokens_are_those_of_the_counter(ground: Ground) -> None:
    """Everything is decided by it: here each message has 5."""
    memory = ConversationSummaryBufferMemory(
        50, summarizer=Recorder(), counter=lambda _: 1, session=ground.session
    )
    ground.talk(memory, 5, words=300)
    assert ground.load(memory) == "\n".join(line(n, 300) for n in range(5))
    ground.talk(memory, 1, words=300)
    assert ground.load(memory) == f"System: {LEAD}8 messages\n{line(4, 300)}\n{line(0, 300)}"


def test_as_messages_the_summary_is_a_system_message(ground: Ground) -> None:
    """As in LangChain; the other messages are those of the session."""
    memory = ConversationSummaryBufferMemory(
        40, summarizer=Recorder(), counter=words, session=ground.session, return_messages=True
    )
    assert ground.load(memory) == []
    ground.talk(memory, 3, words=6)
    found = ground.load(memory)
    assert (found[0].role, found[0].text) == ("system", f"{LEAD}4 messages")
    assert found[1:] == ground.chat.messages()[4:]


def test_a_restart_goes_on_with_the_summary(server: Server, ground: Ground) -> None:
    """It lies in Redis: another process's memory has it, without a call of the model."""
    options: dict[str, Any] = {"counter": words, "max_token_limit": 40}
    memory = ConversationSummaryBufferMemory(
        summarizer=Recorder(), session=ground.session, **options
    )
    ground.talk(memory, 3, words=6)
    history = ground.load(memory)
    idle = Recorder()
    with ChatMemory.from_url(server.url) as opened:
        again = ConversationSummaryBufferMemory(
            summarizer=idle, session=opened.session("s"), **options
        )
        assert again.buffer == history
        assert again.moving_summary_buffer == "4 messages"
    assert (idle.calls, history.startswith(f"System: {LEAD}")) == ([], True)


def test_clear_takes_the_summary_with_it(ground: Ground) -> None:
    """Nothing of the conversation is left."""
    memory = ConversationSummaryBufferMemory(
        40, summarizer=Recorder(), counter=words, session=ground.session
    )
    ground.talk(memory, 3, words=6)
    assert "messages" in ground.load(memory)
    ground.clear(memory)
    assert (ground.load(memory), ground.chat.summary()) == ("", None)


def test_a_summary_memory_folds_soon_and_loses_nothing_in_between(ground: Ground) -> None:
    """What is not folded yet follows the summary word for word."""
    recorder = Recorder()
    memory = ConversationSummaryMemory(recorder, counter=words, session=ground.session)
    # Each exchange has 2 * (121 + 4) tokens.
    ground.talk(memory, 2, words=121)
    assert ground.load(memory) == "\n".join([line(0, 121), line(1, 121)])
    ground.talk(memory, 1)
    # Now there are more than 500, and without the first more than half of that.
    assert ground.load(memory) == f"System: {LEAD}4 messages\n{line(0, 1)}"
    assert len(recorder.calls) == 1


@pytest.mark.parametrize("kind", [ConversationSummaryMemory, ConversationSummaryBufferMemory])
def test_a_failing_summariser_disturbs_nobody(ground: Ground, kind: Any) -> None:
    """What it did not fold is given, as far as the limit goes; the failure can be seen."""
    policy = RollingSummary(Recorder(fails=True), trigger_tokens=50, keep_turns=1)
    memory = kind(summarizer=policy, counter=words, session=ground.session, return_messages=True)
    ground.talk(memory, 30, words=6)
    most = {ConversationSummaryMemory: 8 * 50, ConversationSummaryBufferMemory: 50}[kind]
    found = ground.load(memory)
    assert found == ground.chat.messages()[-2 * (most // 20) :]
    assert ground.load(memory) == found
    failure = ground.chat.info().summary_failure
    assert failure is not None
    assert (failure.reason, failure.times) == ("failed", 1)


def test_the_limit_holds_for_what_is_word_for_word(ground: Ground) -> None:
    """An exchange that alone is larger is not given; the summary and the rules are."""
    ground.chat.append(Message.system("Be brief."))
    memory = ConversationSummaryBufferMemory(
        40, summarizer=Recorder(), counter=words, session=ground.session, return_messages=True
    )
    ground.talk(memory, 3, words=6)
    assert len(ground.load(memory)) == 4
    ground.talk(memory, 1, words=60)
    assert [message.text for message in ground.load(memory)] == ["Be brief.", f"{LEAD}6 messages"]
    # So large that it is not even read beside the summary.
    ground.talk(memory, 1, words=6000)
    found = [message.text for message in ground.load(memory)]
    assert found[0] == "Be brief."
    assert found[1].startswith(LEAD)
    assert len(found) == 2
    # As soon as it is no longer the newest it is folded as all others are.
    ground.talk(memory, 1)
    found = [message.text for message in ground.load(memory)]
    assert found == ["Be brief.", f"{LEAD}10 messages", "q0", "a0"]


def test_large_rules_take_nothing_from_the_rest(ground: Ground) -> None:
    """System messages at the beginning come beside the limit, however large they are."""
    rules = "rule " * 5000
    ground.chat.append(Message.system(rules))
    memory = ConversationSummaryBufferMemory(
        40, summarizer=Recorder(), counter=words, session=ground.session, return_messages=True
    )
    ground.talk(memory, 3, words=6)
    found = [message.text for message in ground.load(memory)]
    assert found == [rules, f"{LEAD}4 messages", "q2 q2 q2 q2 q2 q2", "a2 a2 a2 a2 a2 a2"]


def test_a_policy_says_when_and_how_much(ground: Ground) -> None:
    """Its trigger is the limit, and it is called when it says."""
    policy = RollingSummary(Recorder(), trigger_tokens=40, keep_turns=1, when="manual")
    memory = ConversationSummaryBufferMemory(
        summarizer=policy, counter=words, session=ground.session
    )
    assert (memory.max_token_limit, memory.policy) == (40, policy)
    ground.talk(memory, 3, words=6)
    assert ground.load(memory) == "\n".join([line(1, 6), line(2, 6)])
    assert ground.chat.compact(policy, counter=words) is not None
    assert ground.load(memory) == f"System: {LEAD}4 messages\n{line(2, 6)}"


def test_what_is_no_limit_or_no_summariser_is_refused(chat: Session) -> None:
    """When the memory is made."""
    for limit in (0, -1, True, 1.5, "2"):
        with pytest.raises(ConfigurationError, match="max_token_limit must be a whole number"):
            ConversationSummaryBufferMemory(limit, summarizer=Recorder(), session=chat)  # type: ignore[arg-type]
    for kind in (ConversationSummaryMemory, ConversationSummaryBufferMemory):
        with pytest.raises(ConfigurationError, match="must be callable"):
            kind(summarizer="model", session=chat)  # type: ignore[arg-type]
        with pytest.raises(ConfigurationError):
            kind(summarizer=Recorder(), counter=5, session=chat)  # type: ignore[arg-type]
    policy = RollingSummary(Recorder(), trigger_tokens=40)
    with pytest.raises(ConfigurationError, match="leave max_token_limit out"):
        ConversationSummaryBufferMemory(50, summarizer=policy, session=chat)
    ConversationSummaryBufferMemory(40, summarizer=policy, session=chat)
    made = ConversationSummaryBufferMemory(summarizer=Recorder(), session=chat)
    assert (made.max_token_limit, made.moving_summary_buffer) == (2000, "")
