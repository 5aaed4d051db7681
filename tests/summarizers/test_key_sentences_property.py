"""What holds for every summary of key sentences, whatever was said."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from redialog import Message
from redialog._json import whole_text
from redialog.folding import accepted
from redialog.summarizers import KeySentences
from redialog.summary import RollingSummary
from redialog.tokens import Costs

ROLES = ("user", "assistant", "system", "tool")
WIDE = re.compile("[\u3040-\u30ff\u3400-\u9fff]")
COSTS = Costs()

SIGNS = [*".....?!,;:…#-()", "```", "1.", "\n", "\n\n", "\t", "👍", "\ud83d", *"。。？、।"]  # noqa: RUF001
WORDS = """the a of is name code 4417 Jim Zürich prefer 我叫吉姆 密码 привет नाम e.g. Dr. User:
    System: Tool(x): http://x.y/z?a=b I'm my"""
words = st.sampled_from([*SIGNS, *WORDS.split()])
prose = st.lists(words, max_size=40).map(" ".join)
dense = st.lists(words, max_size=40).map("".join)
odd = st.text(st.characters(exclude_categories=[]), max_size=60)
long = st.builds(
    lambda sign, times: sign * times, st.sampled_from("ax.我 ,_"), st.integers(1, 9000)
)
texts = st.one_of(prose, dense, odd, long)
messages = st.builds(
    lambda make, text, name: make(text, name=name),
    st.sampled_from([Message.user, Message.assistant, Message.system, Message.tool]),
    texts,
    st.none() | odd,
)
conversations = st.lists(messages, max_size=8)
summaries = st.none() | texts


def given_tokens(previous: str | None, said: Sequence[Message]) -> int:
    """What the summary is made of, as a fold counts it."""
    return COSTS.text(previous or "") + sum(map(COSTS.of, said))


@given(summaries, conversations, st.integers(1, 60))
def test_it_is_never_longer_than_it_may_be(
    previous: str | None, said: list[Message], most: int
) -> None:
    """In words; two characters of a script without blanks are one."""
    got = KeySentences(max_words=most)(previous, said)
    if any(message.text.strip() for message in said) or (previous or "").strip():
        assert len(got.split()) <= most
        assert len(WIDE.findall(got)) <= 2 * most


@given(st.none() | prose, st.lists(messages, min_size=1, max_size=8), st.integers(20, 200))
def test_a_fold_accepts_it(previous: str | None, said: list[Message], most: int) -> None:
    """It is some text, shorter than what it is made of, and within the limit of its tokens."""
    said.append(Message.user("So it is."))
    previous = None if previous is None else whole_text(previous)
    got = KeySentences(max_words=most)(previous, said)
    policy = RollingSummary(KeySentences(), summary_max_tokens=most * 5 // 2)
    assert accepted(got, given_tokens(previous, said), policy, COSTS) > 0


@given(summaries, conversations)
def test_it_is_empty_only_where_nothing_was_said(previous: str | None, said: list[Message]) -> None:
    """And the same for the same messages."""
    got = KeySentences()(previous, said)
    assert got.strip()
    assert got == KeySentences()(previous, list(said))


LABEL = re.compile(r"(User|Assistant|System|Tool)(?: \([^()]*\))?: ")
PARTS = re.compile(r"\s+|…|(?<=[。！？｡、，；：])")  # noqa: RUF001


@given(summaries, conversations)
def test_each_word_is_of_who_is_said_to_have_said_it(
    previous: str | None, said: list[Message]
) -> None:
    """A line has the label of a message's role, and no words but those of such messages.

    Or of the previous summary. A single line that had to be cut has no label.
    """
    before = "".join(whole_text(previous or "").split())
    of = dict.fromkeys((*ROLES, ""), before)
    for message in said:
        for role in (message.role, ""):
            of[role] += "\n" + "".join(whole_text(message.text).split())
    got = KeySentences()(previous, said)
    lines = got.splitlines()
    assert len(lines) <= max(1, len((previous or "").splitlines()) + len(said))
    for line in lines:
        label = LABEL.match(line)
        role = label[1].lower() if label else ""
        assert label or previous or len(lines) == 1
        if label and not any(message.role == role for message in said):
            assert label[0] in (previous or "")
        for word in PARTS.split(line[label.end() if label else 0 :]):
            assert word in of[role] or word in ("[no", "text]")


@settings(max_examples=20)
@given(st.lists(st.lists(messages, min_size=1, max_size=3), min_size=5, max_size=15))
def test_it_does_not_grow_with_the_folds(turns: list[list[Message]]) -> None:
    """Each summary is made of the one before, and all stay within the limit."""
    summary: str | None = None
    for said in turns:
        summary = KeySentences(max_words=30)(summary, [*said, Message.user("So it is.")])
        assert len(summary.split()) <= 30
        assert COSTS.text(summary) <= 75
