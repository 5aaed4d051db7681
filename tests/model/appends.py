"""Steps that add messages to sessions, in one call or in parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from hypothesis import strategies as st
from hypothesis.stateful import rule

from redialog import codec
from redialog.ops import append as append_ops
from redialog.ops import stage
from redialog.testing import Cut, Full, Gone, Handle, Token
from tests.model.real import Real
from tests.model.sides import TOGETHER, Sides, handles, kinds

caps = st.sampled_from([None, None, 2, 3, 5])
PART = 2


class Done(NamedTuple):
    """A step that was done, to be done again under its token.

    Attributes:
        handle: of the session whose token it is.
        token: of the operation.
        real: the operation.
        model: the same on the model.
        answer: the first one, or the kind of the error.
        remembered: the model's token, where it left one.
        looks: whether it looks for more than its token before it begins.
        sweeps: whether it frees what is left of other sessions on the way.
    """

    handle: Handle
    token: str
    real: Callable[[], object]
    model: Callable[[], object]
    answer: object
    remembered: Token | None
    looks: bool
    sweeps: bool


class Appends(Sides):
    """Appends, of which each can be sent again."""

    def __init__(self, real: Real) -> None:
        super().__init__(real)
        self.done: list[Done] = []
        # Tokens that no application gets to see.
        self.internal: set[str] = set()

    def do(
        self,
        handle: Handle,
        token: str,
        real: Callable[[], object],
        model: Callable[[], object],
        *,
        looks: bool = False,
        sweeps: bool = False,
    ) -> None:
        """Does a step on both sides and remembers it."""
        answer = self.both(real, model)
        remembered = self.remembered(handle, token)
        self.done.append(Done(handle, token, real, model, answer, remembered, looks, sweeps))

    def remembered(self, handle: Handle, token: str) -> Token | None:
        """What is known of an operation while its token lives."""
        return self.model.tokens.get((self.model.place(handle.session_id), token))

    @rule(handle=handles, kinds=kinds, cap=caps, sweeps=st.booleans())
    def append(
        self, handle: Handle, kinds: Sequence[str | int], cap: int | None, sweeps: bool
    ) -> None:
        """A turn, now and then with a look at entries that lead nowhere."""
        elements, token = self.elements(kinds), self.fresh("t")
        digest = self.fresh("d")
        layout = self.real.layout if sweeps else None

        def real() -> object:
            op = append_ops.append(
                self.write(handle, token), elements, digest=digest, at=1, cap=cap, sweep=layout
            )
            return self.real.run(op)

        def model() -> object:
            if sweeps:
                lies_with = [one for one in TOGETHER if handle.session_id in TOGETHER]
                self.model.sweep(handle, lies_with or [handle.session_id])
            return self.cut_where_full(
                handle.session_id,
                elements,
                cap,
                lambda cut: self.model.append(
                    handle, token, elements, digest=digest, at=1, cut=cut
                ),
            )

        self.do(handle, token, real, model, sweeps=sweeps)

    @rule(handle=handles, kinds=st.lists(st.sampled_from(["user", "tool"]), min_size=3), cap=caps)
    def append_in_parts(self, handle: Handle, kinds: Sequence[str], cap: int | None) -> None:
        """What is too large for one call."""
        elements, token = self.elements(kinds), self.fresh("t")
        digest = self.fresh("d")
        name = f"{token}.{digest}.1"

        def real() -> object:
            op = append_ops.append(
                self.write(handle, token), elements, digest=digest, at=1, cap=cap
            )
            with parts_of(PART):
                return self.real.run(op)

        def model() -> object:
            for start in range(0, len(elements), PART):
                part = elements[start : start + PART]
                code, _ = self.model.stage(handle.session_id, name, token, start, part)
                if code != "staged":
                    break
            return self.cut_where_full(
                handle.session_id,
                elements,
                cap,
                lambda cut: self.model.publish(
                    handle, token, name, len(elements), digest=digest, at=1, cut=cut
                ),
            )

        self.do(handle, token, real, model)

    def cut_where_full(
        self,
        session_id: str,
        new: Sequence[bytes],
        cap: int | None,
        attempt: Callable[[Cut | None], int | Full | Gone],
    ) -> object:
        """An append with a cap: tried, and where the log is full, tried with a cut."""
        if cap is None:
            return attempt(None)
        got = attempt(Cut(cap))
        if isinstance(got, Full):
            got = attempt(where_to_cut(self.model.elements(session_id), new, cap))
        return got


@contextmanager
def parts_of(size: int) -> Iterator[None]:
    """What is larger than so many elements is staged, as otherwise more than a thousand are."""
    before, stage.PART_ELEMENTS = stage.PART_ELEMENTS, size
    try:
        yield
    finally:
        stage.PART_ELEMENTS = before


def where_to_cut(before: Sequence[bytes], new: Sequence[bytes], cap: int) -> Cut:
    """Where a log is cut: leading system messages stay, and no result without its call."""
    found = codec.decode_many([*before, *new], key="", positions=range(len(before) + len(new)))
    roles = [message.role for message in found]
    spare = min(next(i for i, role in enumerate([*roles, ""]) if role != "system"), cap - 1)
    wanted = len(roles) - (cap - spare)
    first = next((i for i in range(wanted, len(roles)) if roles[i] != "tool"), None)
    if first is None:
        # Nothing but results: their call stays with them, where they have one.
        group = max((i for i in range(wanted) if roles[i] != "tool"), default=0)
        first = group if found[group].tool_calls else wanted
    first = max(first, spare)
    return Cut(cap, (spare, first - spare, len(before)), edge_of(before, spare, first))


def edge_of(before: Sequence[bytes], spare: int, first: int) -> bytes:
    """An element next to a cut: the first that stays behind it, else the last before it."""
    if first < len(before):
        return before[first]
    stays = before[:spare]
    return stays[-1] if stays else b""
