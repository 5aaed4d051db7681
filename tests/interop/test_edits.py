"""Messages of others, changed here: what was not changed stays as it was, and all read them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from redialog import ChatMemory
from tests.interop.comparing import cell
from tests.interop.kinds import Kind
from tests.interop.libraries import LIBRARIES, OTHERS, Library, Place, name_of
from tests.interop.tables import written_by

KEY = "s"
# A request to remove cannot be stored again; NaN stays, and with it what JavaScript makes of it.
_NOT_EDITED = ("request to remove", "NaN")
# What others do not see of the kinds that are stored under everybody's names from then on.
_NOT_SEEN = {"numbers", "function", "role", "pairs"}

EDITED = [
    pytest.param(writer, kind, id=f"{name_of(writer)}: {kind.name}")
    for writer in OTHERS
    for kind in written_by(writer.family)
    if kind.name not in _NOT_EDITED
]


def changed(kind: Kind) -> Kind:
    """The kind with other words in the form that it has."""
    said = kind.said["content"]
    content = "changed" if isinstance(said, str) else [{"type": "text", "text": "changed"}]
    fields = {name: value for name, value in kind.fields.items() if name != "contentBlocks"}
    return replace(kind, fields=fields | {"content": content})


@pytest.mark.parametrize(("writer", "kind"), EDITED)
def test_an_edit_changes_what_it_says(place: Place, writer: Library, kind: Kind) -> None:
    """Every reader sees the new words beside the old fields, also one that rejected the session."""
    writer.write(place, KEY, kind.session)
    after = changed(kind)
    with ChatMemory.from_url(place.url, key_prefix="") as memory:
        chat = memory.session(KEY)
        message = chat.messages()[len(kind.before)]
        assert message.id is not None
        chat.replace(message.id, message.replace(content=after.fields["content"]))
    for reader in LIBRARIES:
        found = cell(place, reader, KEY, after)
        assert found.seen in ("all", "part") or "pairs" in found.notes, name_of(reader)
        assert set(found.notes) <= _NOT_SEEN, name_of(reader)
        assert not found.text_lost or "pairs" in found.notes, name_of(reader)
