"""The summariser without a model: what it picks, and in which languages.

How it shows what it has picked is in `test_key_sentences_form`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import redialog
from redialog import ConfigurationError, Message
from redialog.summarizers import KeySentences
from tests.operations.flows import Driver, asking, both
from tests.summarizers.picking import picked

user, assistant = Message.user, Message.assistant

TALK = [
    user("Hi there! My name is Jim Beam. Nice to meet you."),
    assistant("Hello Jim! How can I help you today?"),
    user("Please remember that my locker code is 4417. It is in hall B."),
    assistant("Noted."),
    user("What is the weather like? I hope that it is good, since we go hiking."),
    assistant("The forecast says that it will be sunny. You should take water with you."),
    user("thanks"),
    assistant("You're welcome!"),
    user("How do I sort a list?"),
    assistant("Use sorted():\n```python\nxs = sorted(xs, key=len)\n```\nIt returns a new list."),
    user("Can I do it in place?"),
]
PICKED = """\
User: My name is Jim Beam.
User: Please remember that my locker code is 4417.
User: What is the weather like?
Assistant: The forecast says that it will be sunny.
User: How do I sort a list?
User: Can I do it in place?"""


def small_talk(number: int) -> list[Message]:
    """A turn that says nothing of the user."""
    return [
        user(f"Tell me something about topic {number}, please. There are {number} books on it."),
        assistant(f"Topic {number} is a fine thing. It was found in {1900 + number} by Mr. Low."),
    ]


def test_it_picks_what_tells_most_word_for_word() -> None:
    """In the order of the conversation, each line with who said it."""
    assert picked(*TALK, max_words=45) == PICKED


def test_it_picks_the_same_in_every_process() -> None:
    """Whatever the seed of the hashes."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from tests.summarizers.test_key_sentences import TALK, picked\n"
        "print(picked(*TALK, max_words=45))"
    )
    root, source = Path(__file__).parents[2], Path(redialog.__file__).parents[1]
    for seed in ("1", "2", "3"):
        done = subprocess.run(
            [sys.executable, "-c", code, str(root)],
            env={"PYTHONPATH": str(source), "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == PICKED


TALKS = {
    "German": ("Hallo! Ich heiße Jörg Müller. Mein Spindcode ist 4417.", "Jörg Müller"),
    "French": ("Bonjour ! Je m'appelle Zoé Petit. Mon code de casier est 4417.", "Zoé"),
    "Spanish": ("¡Hola! Me llamo Íñigo Ruiz. El código de mi taquilla es 4417.", "Íñigo"),
    "Russian": ("Привет! Меня зовут Иван. Код моего шкафчика 4417.", "Иван"),
    "Arabic": ("مرحبا! اسمي جيم. رمز خزانتي هو 4417.", "جيم"),
    "Hindi": ("नमस्ते। मेरा नाम जिम है। मेरे लॉकर का कोड 4417 है।", "जिम"),
    "Korean": ("안녕하세요. 제 이름은 민수입니다. 제 사물함 번호는 4417입니다.", "민수"),
    "Chinese": ("你好！我叫吉姆。我的储物柜密码是4417。", "吉姆"),  # noqa: RUF001
    "Japanese": ("こんにちは。私の名前はジムです。ロッカーの番号は4417です。", "ジム"),
    "Thai": ("สวัสดี ผมชื่อจิม\nรหัสตู้เก็บของของผมคือ 4417", "จิม"),
}
FILLERS = {
    "German": "Das Wetter ist heute schön und die Sonne scheint. Man geht gern im Park spazieren.",
    "French": "Il fait beau et le soleil brille. On aime marcher dans le parc avec les autres.",
    "Spanish": "Hoy hace buen tiempo y brilla el sol. La gente pasea por el parque con calma.",
    "Russian": "Сегодня хорошая погода и светит солнце. Люди гуляют в парке и отдыхают.",
    "Arabic": "الطقس جميل اليوم والشمس مشرقة. الناس يمشون في الحديقة بهدوء.",
    "Hindi": "आज मौसम अच्छा है और धूप खिली है। लोग बगीचे में टहल रहे हैं।",
    "Korean": "오늘은 날씨가 좋고 해가 빛납니다. 사람들이 공원에서 산책하고 있습니다.",
    "Chinese": "今天天气很好，阳光明媚。人们在公园里散步，孩子们在玩耍。",  # noqa: RUF001
    "Japanese": "今日は天気がよくて、日が照っています。人々は公園を散歩しています。",
    "Thai": "วันนี้อากาศดีและแดดออก\nผู้คนเดินเล่นในสวนสาธารณะ",
}


@pytest.mark.parametrize("language", TALKS)
def test_a_name_and_a_code_survive_in_many_languages(language: str) -> None:
    """Among ten turns of small talk, in a summary of a fifth of it, and in the one after it."""
    said, name = TALKS[language]
    filler = FILLERS[language]
    talk = [user(said), *[user(filler[at:] + filler[:at]) for at in range(1, 11)]]
    first = picked(*talk, max_words=40)
    second = picked(*talk[1:], previous=first, max_words=40)
    for summary in (first, second):
        assert name in summary
        assert "4417" in summary


def test_facts_survive_many_folds() -> None:
    """Two hundred turns of small talk, each folded on its own, with numbers and names in them."""
    summary = picked(*TALK, max_words=60)
    for number in range(200):
        summary = picked(*small_talk(number), previous=summary, max_words=60)
        assert len(summary.split()) <= 60
    assert "User: My name is Jim Beam." in summary.splitlines()
    assert "User: Please remember that my locker code is 4417." in summary.splitlines()
    assert "topic 199" in summary


def test_the_newer_of_two_codes_comes_first() -> None:
    """Where there is room for one only, it is that which holds."""
    codes = [user("My locker code is 4417."), user("My locker code is 9921.")]
    others = [user(f"We have seen {word}s all day.") for word in ("bird", "tree", "house")] * 5
    assert "9921" in picked(*codes, *others, max_words=10)
    assert "4417" not in picked(*codes, *others, max_words=10)
    assert picked(*codes).splitlines() == [f"User: {message.text}" for message in codes]


@pytest.mark.parametrize(
    ("old", "new", "other", "most"),
    [
        ("My locker code is 4417.", "my LOCKER code is 9921.", "Our red car has 4 doors.", 14),
        ("我的储物柜密码是4417。", "我的储物柜密码是9921。", "我们的红色汽车有4个门。", 16),
    ],
)
def test_what_is_like_a_better_one_waits(old: str, new: str, other: str, most: int) -> None:
    """Where there is room for two, they speak of different things."""
    got = picked(user(old), user(other), user(new), max_words=most)
    assert got.splitlines() == [f"User: {other}", f"User: {new}"]


PLAIN = "Some people walk around between trees."


@pytest.mark.parametrize(
    "telling",
    [
        "I am called whatever, my name is jim.",
        "I'm Jim and walk around between them.",
        "Our people walk around between trees.",
        "Some people prefer going between trees.",
        "Some people walk around between 17 trees.",
        "Some people walk around between Oslo trees.",
        "Some write to jim@example.org between trees.",
        "Do some people walk around between trees?",
    ],
)
def test_signs_of_what_matters(telling: str) -> None:
    """Names, possessions, wishes, numbers, addresses and questions win over plain sentences."""
    plain = [user(PLAIN.replace("trees", word)) for word in ("oaks", "elms", "figs", "firs")]
    got = picked(*plain[:2], user(telling), *plain[2:], max_words=12)
    assert got == f"User: {telling}"


def test_i_am_no_name() -> None:
    """A capital that every sentence of the speaker has says nothing."""
    others = [user(PLAIN.replace("trees", word)) for word in ("oaks", "elms", "figs", "firs")]
    talk = [*others[:2], user("There I walk around between trees."), *others[2:]]
    assert "I walk" not in picked(*talk, max_words=12)


def test_the_users_words_weigh_more() -> None:
    """Of the same kind of sentence, first the user's, last a tool's."""
    text = "Some people walk around between {} in town."
    talk = [
        Message.tool(text.format("oaks")),
        user(text.format("elms")),
        assistant(text.format("figs")),
    ]
    assert picked(*talk, max_words=12) == "User: Some people walk around between elms in town."
    assert "Tool" not in picked(*talk, max_words=21)


def test_an_open_question_is_kept() -> None:
    """What was asked last is what the conversation is about."""
    talk = [user(f"Is there a {word} in town?") for word in ("bank", "park", "shop", "pub")]
    assert picked(*talk, max_words=10) == "User: Is there a pub in town?"


def test_words_that_say_nothing_are_left_out() -> None:
    """Thanks and greetings do not even fill up the room that there is."""
    got = picked(user("thanks"), user("ok!"), user("My bike is red and fast."), assistant("Noted."))
    assert got == "User: My bike is red and fast."
    assert picked(user("thanks")) == "User: thanks"


def test_a_sentence_is_picked_once() -> None:
    """However often it was said, and where it was said last."""
    same = user("My bike is red and fast.")
    other = assistant("The town has many parks.")
    got = picked(same, other, same, previous="User: my bike is red and fast.")
    assert got.splitlines() == ["Assistant: The town has many parks.", f"User: {same.text}"]


@both
def test_it_works_in_both_facades(driver: Driver) -> None:
    """As any summariser."""
    got = driver(asking(KeySentences(), None))
    assert got == "User: My locker code is 4417."


def test_it_says_what_it_is() -> None:
    """Its summaries name it as their author."""
    assert KeySentences().name == "key sentences"
    assert "KeySentences" in repr(KeySentences())


@pytest.mark.parametrize("words", [0, -1, 2.5, "200", True, None])
def test_max_words_must_be_a_number_of_words(words: Any) -> None:
    """A whole number of at least 1."""
    with pytest.raises(ConfigurationError, match="max_words"):
        KeySentences(max_words=words)
