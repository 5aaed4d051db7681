"""What is too large for one call is staged in parts, under a key that expires."""

from __future__ import annotations

from collections.abc import Sequence

from redialog import replies
from redialog.effect import Op
from redialog.ops._scripts import DONE, Call, call
from redialog.ops.read import PAGE_BYTES, PAGE_ELEMENTS

STAGE_TTL_MS = 60_000
# A request is bounded as a reply is.
PART_ELEMENTS, PART_BYTES = PAGE_ELEMENTS, PAGE_BYTES


def parts(elements: Sequence[bytes]) -> list[Sequence[bytes]]:
    """The elements in parts of at most 1,000 elements and some 4 MB."""
    if len(elements) <= PART_ELEMENTS and sum(map(len, elements)) <= PART_BYTES:
        return [elements]
    found: list[list[bytes]] = [[]]
    size = 0
    for element in elements:
        part = found[-1]
        if part and (len(part) == PART_ELEMENTS or size + len(element) > PART_BYTES):
            part, size = [], 0
            found.append(part)
        part.append(element)
        size += len(element)
    return list(found)


def stage(
    key: bytes, op: bytes, log: bytes, parts: Sequence[Sequence[bytes]], *, offset: int = 0
) -> Op[None]:
    """Puts parts behind one another into a stage.

    Nobody sees them there. Where the stage is lost meanwhile, publishing it will tell.

    Args:
        key: of the stage.
        op: the token of the operation that will publish it.
        log: of the session, for errors.
        parts: elements, oldest first.
        offset: how many elements lie there already.

    Cost: 1 round trip a part.
    """
    for part in parts:
        one = Call("stage", [key, op], [offset, STAGE_TTL_MS, *part])
        # Nothing of it is published, so a failure leaves no doubt.
        [reply] = yield from call(one, writes=False, alone=True)
        code, _ = replies.checked(reply, log)
        if replies.integer(code) != DONE:
            return
        offset += len(part)
