"""What a page of a listing costs in a small and in a large namespace.

The large namespace is filled by plain pipelines with what the library's own writes leave: a million
appends one by one would take minutes. The newest sessions of each are written by the library.
"""

from __future__ import annotations

import time
from functools import partial

import redis

from benchmarks.bench import Bench
from benchmarks.report import Section, Table, number
from benchmarks.timing import interleaved, timed
from redialog import ChatMemory, Message
from redialog.keys import OwnLayout

PAGE = 50
PAGES = 9
"""How many pages go before the tenth."""
WITH_LOG = 20_000
"""Sessions of the large one that have a log; a listing's page looks at the newest few."""
_AT_ONCE = 10_000


def catalogue(bench: Bench) -> Section:
    """Pages of a namespace with many sessions beside one with few."""
    small, large = bench.scale.listed
    section = Section()
    rows = []
    bench.progress.begin("listings", (small + large) // _AT_ONCE + 3)
    memories = {size: _filled(bench, size) for size in (small, large)}
    tenth = {size: _cursor(memory) for size, memory in memories.items()}
    for what, cursors in ("first page", dict.fromkeys(tenth)), ("page 10", tenth):
        bench.progress.step(what)
        works = {
            str(size): timed(partial(_page, memory, cursors[size]))
            for size, memory in memories.items()
        }
        few, many = interleaved(works, bench.scale.pace).values()
        ratio = many.ratio(few)
        section.figures[f"listing: {what}"] = ratio
        times = (few.wall_us, many.wall_us)
        rows.append([what, f"{small:,}", f"{large:,}", *map(number, (ratio, *times))])
    for memory in memories.values():
        memory.close()
    head = ["page", "sessions", "sessions", "ratio", "few, µs", "many, µs"]
    section.tables.append(Table(f"Listings, {PAGE} sessions a page", head, rows))
    return section


def _page(memory: ChatMemory, cursor: str | None) -> None:
    page = memory.sessions().page(limit=PAGE, cursor=cursor)
    assert len(page.sessions) == PAGE


def _cursor(memory: ChatMemory) -> str | None:
    cursor: str | None = None
    for _ in range(PAGES):
        cursor = memory.sessions().page(limit=PAGE, cursor=cursor).cursor
    return cursor


def _filled(bench: Bench, sessions: int) -> ChatMemory:
    """A namespace with so many sessions, the last ones by the library itself."""
    namespace = f"listed-{sessions}"
    memory = ChatMemory.from_url(bench.url, namespace=namespace)
    layout = OwnLayout(namespace)
    first = int(time.time() * 1000) - sessions - 1000
    element = memory.session("pattern").append(Message.user("Hello there."))[0]._raw
    assert element is not None
    with redis.Redis.from_url(bench.url) as client:
        for start in range(0, sessions, _AT_ONCE):
            bench.progress.step(f"{start:,} of {sessions:,} sessions made")
            with client.pipeline(transaction=False) as pipeline:
                for place in range(start, min(start + _AT_ONCE, sessions)):
                    keys = layout.session(f"0190163d-8694-739b-aea5-{place:012x}")
                    pipeline.zadd(keys.sessions, {keys.member: first + place})
                    if place >= sessions - WITH_LOG:
                        pipeline.lpush(keys.log, element)
                pipeline.execute()
    for place in range(PAGE):
        memory.session(f"own-{place}").append(Message.user("Hello there."))
    return memory
