"""What a run of LangChain's was given of a history that serves many at once."""

from __future__ import annotations

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from redialog.integrations.langchain.runs import Handed


def turns(number: int) -> list[BaseMessage]:
    """A conversation of so many turns."""
    return [one for n in range(number) for one in (HumanMessage(f"q{n}"), AIMessage(f"a{n}"))]


def test_a_run_that_hundreds_overtake_is_known() -> None:
    """What it began with is still told from what is its own."""
    handed = Handed()
    handed.note(turns(1))
    for number in range(2, 300):
        handed.note(turns(number))
    assert handed.begun_with([*turns(1), HumanMessage("slow")]) == turns(1)
    assert handed.begun_with([*turns(250), HumanMessage("quick")]) == turns(250)


def test_a_run_that_says_what_another_has_said() -> None:
    """Its question is its own, also where the history has grown by the same words."""
    handed = Handed()
    handed.note(turns(1))
    handed.note([*turns(1), HumanMessage("hi")])
    assert handed.begun_with([*turns(1), HumanMessage("hi")]) == turns(1)


def test_a_run_without_anything_of_its_own() -> None:
    """Has nothing but what it was given."""
    handed = Handed()
    handed.note(turns(2))
    assert handed.begun_with(turns(2)) == turns(2)
    assert Handed().begun_with(turns(2)) == []
