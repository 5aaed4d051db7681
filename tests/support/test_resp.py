"""Where frames end: all types of RESP, in chunks that end anywhere."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.relay.resp import FrameSplitter, ProtocolError, words
from tests.support.tools import request

REPLIES = st.recursive(
    st.sampled_from(
        [b"+OK\r\n", b"-ERR no\r\n", b":-7\r\n", b"_\r\n", b"#t\r\n", b",1.5\r\n", b"(123\r\n"]
    )
    | st.sampled_from([b"$-1\r\n", b"*-1\r\n", b"*0\r\n", b"%0\r\n", b"$0\r\n\r\n"])
    | st.tuples(st.sampled_from([b"$", b"=", b"!"]), st.binary(max_size=9)).map(
        lambda pair: b"%b%d\r\n%b\r\n" % (pair[0], len(pair[1]), pair[1])
    ),
    lambda children: (
        st.tuples(st.sampled_from([b"*", b"~", b">"]), st.lists(children, max_size=4)).map(
            lambda pair: b"%b%d\r\n%b" % (pair[0], len(pair[1]), b"".join(pair[1]))
        )
        | st.lists(st.tuples(children, children), max_size=3).map(
            lambda pairs: b"%%%d\r\n%b" % (len(pairs), b"".join(k + v for k, v in pairs))
        )
        | st.tuples(children, children, children).map(lambda three: b"|1\r\n" + b"".join(three))
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(st.lists(REPLIES, max_size=5), st.lists(st.integers(0, 400), max_size=8))
def test_replies_are_split_wherever_chunks_end(replies: list[bytes], cuts: list[int]) -> None:
    """Replies of all types of RESP2 and RESP3 come out as they went in, in any chunks."""
    stream = b"".join(replies)
    edges = [0, *sorted(cuts), len(stream)]
    splitter = FrameSplitter()
    chunks = [stream[a:b] for a, b in itertools.pairwise(edges)]
    assert [frame for chunk in chunks for frame in splitter.feed(chunk)] == replies
    assert not splitter


@given(st.lists(st.lists(st.binary(max_size=20), min_size=1, max_size=4), max_size=4))
def test_requests_are_split_byte_by_byte(commands: list[list[bytes]]) -> None:
    """Requests with any content come out whole, and the words of each are found."""
    stream = b"".join(request(*parts) for parts in commands)
    splitter = FrameSplitter(inline=True)
    frames = [frame for byte in stream for frame in splitter.feed(bytes([byte]))]
    assert frames == [request(*parts) for parts in commands]
    for frame, parts in zip(frames, commands, strict=True):
        assert words(frame, 9) == [part.decode(errors="replace").upper() for part in parts]


@pytest.mark.parametrize("data", [b"hello\r\n", b"$?\r\n", b"*x\r\n", b"$1\r\nabc", b"\r\n"])
def test_what_is_no_reply_is_an_error(data: bytes) -> None:
    """Bytes that begin no known type, or do not keep what they promise, are refused."""
    with pytest.raises(ProtocolError):
        list(FrameSplitter().feed(data))
