"""The conformance suite: what a memory promises, as tests to run on a server of one's own.

For whoever has another server, client or transport. A class that inherits from `ConformanceSuite`
and a fixture ``store`` that gives an empty database are all it needs; this is a whole test file::

    import pytest
    import redis

    from redialog import ChatMemory
    from redialog.testing.conformance import ConformanceSuite

    URL = "redis://localhost:6379/15"  # this database is emptied


    class Store:
        def __init__(self):
            self.raw = redis.Redis.from_url(URL)
            self.raw.flushdb()
            self.made = []

        def memory(self, **options):
            self.made.append(ChatMemory.from_url(URL, **options))
            return self.made[-1]

        def close(self):
            for one in (*self.made, self.raw):
                one.close()


    class TestMine(ConformanceSuite):
        @pytest.fixture
        def store(self):
            store = Store()
            yield store
            store.close()

What ``store`` must have is described in `Store`. An asyncio memory goes through the same tests:
there ``memory`` returns ``blocking(AsyncChatMemory.from_url(URL, **options), runner)`` with an
``asyncio.Runner`` that stays open until the memory is closed.

`LargeSessions` is used in the same way; its tests take seconds each. The parts of the suite
(`Writing`, `Reading` and so on, in modules of their names) can also be inherited from one by one.

The modules need pytest, and nothing else in redialog imports them.
"""

from __future__ import annotations

import pytest

_MODULES = (
    *("_tools", "_facades", "writing", "once", "reading", "windows", "ttl", "retention"),
    *("editing", "derived", "forking", "listing", "owners", "names", "damage", "foreign"),
    *("contexts", "_folding", "summaries", "late_folds", "large", "together"),
)
# Only modules that are named before they are imported explain their failed asserts.
pytest.register_assert_rewrite(*(f"{__name__}.{name}" for name in _MODULES))

from redialog.testing.conformance._facades import Blocking, blocking  # noqa: E402
from redialog.testing.conformance._tools import Part, Store  # noqa: E402
from redialog.testing.conformance.contexts import Contexts  # noqa: E402
from redialog.testing.conformance.damage import Damage  # noqa: E402
from redialog.testing.conformance.derived import DerivedIds  # noqa: E402
from redialog.testing.conformance.editing import Editing  # noqa: E402
from redialog.testing.conformance.foreign import ForeignWriters  # noqa: E402
from redialog.testing.conformance.forking import Forking  # noqa: E402
from redialog.testing.conformance.large import LargeSessions  # noqa: E402
from redialog.testing.conformance.late_folds import LateFolds  # noqa: E402
from redialog.testing.conformance.listing import Listing  # noqa: E402
from redialog.testing.conformance.names import Names  # noqa: E402
from redialog.testing.conformance.once import Once  # noqa: E402
from redialog.testing.conformance.owners import Owners  # noqa: E402
from redialog.testing.conformance.reading import Reading  # noqa: E402
from redialog.testing.conformance.retention import Retention  # noqa: E402
from redialog.testing.conformance.summaries import Summaries  # noqa: E402
from redialog.testing.conformance.together import Together  # noqa: E402
from redialog.testing.conformance.ttl import TimesToLive  # noqa: E402
from redialog.testing.conformance.windows import Windows  # noqa: E402
from redialog.testing.conformance.writing import Writing  # noqa: E402

__all__ = [
    "Blocking",
    "ConformanceSuite",
    "Contexts",
    "Damage",
    "DerivedIds",
    "Editing",
    "ForeignWriters",
    "Forking",
    "LargeSessions",
    "LateFolds",
    "Listing",
    "Names",
    "Once",
    "Owners",
    "Part",
    "Reading",
    "Retention",
    "Store",
    "Summaries",
    "TimesToLive",
    "Together",
    "Windows",
    "Writing",
    "blocking",
]


class ConformanceSuite(
    Writing,
    Once,
    Reading,
    Windows,
    Contexts,
    Together,
    TimesToLive,
    Retention,
    Editing,
    DerivedIds,
    Forking,
    Summaries,
    LateFolds,
    Listing,
    Owners,
    Names,
    Damage,
    ForeignWriters,
):
    """All of the suite; see the module for how to use it."""
