"""Texts of results: base64 as it was asked for, or plain where a server ignores that."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redialog.transports.rest._common import Wording

leaves = st.one_of(st.none(), st.integers(), st.binary())
results = st.recursive(leaves, lambda inner: st.lists(inner, max_size=5), max_leaves=20)


def encoded(result: Any) -> Any:
    """As a service answers that encodes: at every depth, but for numbers and null."""
    if isinstance(result, list):
        return [encoded(item) for item in result]
    return b64encode(result).decode() if isinstance(result, bytes) else result


def plain(result: Any) -> Any:
    """As one answers that does not."""
    if isinstance(result, list):
        return [plain(item) for item in result]
    return result.decode() if isinstance(result, bytes) else result


@given(st.lists(results, max_size=5))
def test_what_was_encoded_comes_back(found: list[Any]) -> None:
    """Any bytes, at any depth, one result after another."""
    wording = Wording()
    assert [wording.decoded(encoded(one)) for one in found] == found
    assert wording.plain is False


def test_the_status_ok_is_never_encoded() -> None:
    """At the top, and, to be tolerant, further in; a text that says OK is encoded as any other."""
    wording = Wording()
    assert wording.decoded("OK") == b"OK"
    assert wording.decoded(["OK", "bXNn", ["OK"]]) == [b"OK", b"msg", [b"OK"]]
    assert wording.decoded("T0s=") == b"OK"
    assert wording.plain is False


# What the library stores and scripts answer, as a server without base64 gives it.
PLAIN_LISTS: list[Any] = [
    ['{"type":"human","data":{"content":"hi"}}'],
    [0, "d1ge57d1ge57d1ge:1732212345678"],
    ["room", "1732212345678", "chat", "1732212345679"],
    [0, "1", ["list", None, 7]],
    [["list"], ["é"]],
]


@pytest.mark.parametrize("result", PLAIN_LISTS)
def test_a_list_with_a_text_that_is_no_base64_is_plain(result: Any) -> None:
    """As a whole: what could be either is plain then."""
    assert plain(Wording().decoded(result)) == result


def test_a_single_text_is_taken_as_the_last_list_was() -> None:
    """`list` and `PONG` can be both."""
    wording = Wording()
    assert wording.decoded(b64encode(b"list").decode()) == b"list"
    assert wording.decoded(PLAIN_LISTS[0])
    assert wording.decoded("list") == b"list"
    assert wording.decoded("PONG") == b"PONG"
    # Nothing in these says how the server writes.
    silences: list[Any] = [[], [""], ["OK"], [1, None], [[]]]
    for silent in silences:
        wording.decoded(silent)
        assert wording.decoded("list") == b"list"
    assert wording.decoded([b64encode(b'{"type"').decode()]) == [b'{"type"']
    assert wording.decoded(b64encode(b"list").decode()) == b"list"


@pytest.mark.parametrize("text", ["no base64", "digest:17", "a", "é", "=AAA", "AA=A", "ab\n="])
def test_a_single_text_that_is_no_base64_is_plain(text: str) -> None:
    """Also the first one, before any list."""
    wording = Wording()
    assert wording.decoded(text) == text.encode()
    assert wording.plain is False


@pytest.mark.parametrize("result", [{"a": 1}, [{"a": 1}], [["bXNn", {}]]])
def test_an_object_is_no_result(result: Any) -> None:
    """The protocol has none."""
    with pytest.raises(TypeError):
        Wording().decoded(result)


def test_numbers_and_null_are_untouched() -> None:
    """Also the large ones."""
    found = [None, 0, -1, 2**63 - 1, [1.5]]
    assert Wording().decoded(found) == found
