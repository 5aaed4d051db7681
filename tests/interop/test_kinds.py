"""Every library writes every kind of message that it has, and all of them read it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.interop.comparing import NOTES, Unexplained, cell
from tests.interop.kinds import KINDS, Kind
from tests.interop.libraries import CORE, LIBRARIES, OTHERS, OURS, Library, Place, name_of
from tests.interop.tables import Matrix, Shown, between, markdown, matrix, shown, written_by

PAGE = Path(__file__).parents[2] / "docs" / "interop.md"
# What others do not see of messages that this library writes: of each there is a reason why it
# cannot be written so that they would.
NOT_SEEN = {"numbers", "function", "role", "metadata", "calls", "openai"}
# What this library's nodes and its histories for LangChain leave out on purpose.
LEFT_OUT = {"remove", "pairs"}


@pytest.fixture(scope="module")
def cells(everything: Place) -> Matrix:
    """What every reader sees of every message of every writer."""
    return matrix(everything)


@pytest.fixture(scope="module")
def nodes(everything: Place) -> Mapping[tuple[str, str], Shown]:
    """What the nodes show of messages that they did not write."""
    return shown(everything)


def pairs(writers: tuple[Library, ...]) -> list[object]:
    """Each writer with each kind that it has."""
    return [
        pytest.param(writer, kind, id=f"{name_of(writer)}: {kind.name}")
        for writer in writers
        for kind in written_by(writer.family)
    ]


@pytest.mark.parametrize(("writer", "kind"), pairs(OTHERS))
def test_what_others_write_is_read_in_full(cells: Matrix, writer: Library, kind: Kind) -> None:
    """Every field, by every reader of this library, as far as the writer has stored it."""
    for reader in OURS:
        found = cells[name_of(writer), name_of(reader), kind.name]
        lost_by_the_writer = {"numbers"} if writer.family == "javascript" else set()
        if found.seen == "left out":
            assert reader is not CORE
            assert set(found.notes) <= LEFT_OUT
        else:
            assert set(found.notes) <= lost_by_the_writer, name_of(reader)
            assert not found.text_lost


@pytest.mark.parametrize(("writer", "kind"), pairs(OURS))
def test_what_is_written_here_is_read_by_all(cells: Matrix, writer: Library, kind: Kind) -> None:
    """Nobody rejects the session, no text is lost, and of the rest only what has a reason."""
    for reader in LIBRARIES:
        found = cells[name_of(writer), name_of(reader), kind.name]
        if found.seen == "left out":
            assert reader.family == "node"
            assert set(found.notes) <= LEFT_OUT
        else:
            assert found.seen in ("all", "part"), name_of(reader)
            assert set(found.notes) <= NOT_SEEN, name_of(reader)
            assert not found.text_lost, name_of(reader)


def test_every_kind_has_writers_and_every_footnote_a_use(cells: Matrix) -> None:
    """What nobody writes, and what nothing refers to, would say nothing."""
    assert {kind for _, _, kind in cells} == {kind.name for kind in KINDS}
    assert {note for one in cells.values() for note in one.notes} == set(NOTES)


@pytest.mark.parametrize("library", LIBRARIES, ids=name_of)
def test_a_loss_that_nobody_knows_of_is_an_error(place: Place, library: Library) -> None:
    """In whatever reader a message is not the one that was written."""
    text, other = (kind for kind in KINDS if kind.name in ("text of the user", "empty text"))
    library.write(place, "s", [text])
    assert cell(place, library, "s", text).seen == "all"
    with pytest.raises(Unexplained):
        cell(place, library, "s", other)
    with pytest.raises(Unexplained):
        cell(place, library, "another session", text)


def test_the_nodes_show_the_same(nodes: Mapping[tuple[str, str], Shown]) -> None:
    """As Flowise's does, but for calls of tools without a word beside them."""
    silent = {kind.name for kind in KINDS if kind.said.get("tool_calls")}
    for (family, kind), one in nodes.items():
        if family == "node" and kind not in silent:
            assert one == nodes["flowise", kind], kind
        assert one.whole == (one.type is not None), kind
    assert {nodes["node", kind].type for kind in silent if ("node", kind) in nodes} == {None}


def test_the_page_is_what_was_found(cells: Matrix, nodes: Mapping[tuple[str, str], Shown]) -> None:
    """To write it anew: ``python -m tests.interop --page docs/interop.md``."""
    assert between(PAGE.read_text("utf-8")) == markdown(cells, nodes).strip()
