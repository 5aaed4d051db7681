"""Every Python example of the documentation runs, and prints what it says it prints."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.support.gateways import Gateway
from tests.support.servers import Certificates, ClusterGroup, SentinelGroup, Server, TLSServer

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
Replacements: TypeAlias = list[tuple[str, str]]


def _server(request: pytest.FixtureRequest) -> Replacements:
    server: Server = request.getfixturevalue("server")
    return [("redis://localhost:6379/0", server.url)]


def _sentinel(request: pytest.FixtureRequest) -> Replacements:
    group: SentinelGroup = request.getfixturevalue("sentinel_group")
    group.emptied()
    url, _, _ = group.url.partition("?")
    return [
        ("redis+sentinel://:password@h1:26379,h2:26379,h3:26379/mymaster/0", url),
        ('"another"', repr(group.sentinel_password)),
    ]


def _cluster(request: pytest.FixtureRequest) -> Replacements:
    group: ClusterGroup = request.getfixturevalue("cluster_group")
    group.emptied()
    return [("redis+cluster://:password@n1:6379,n2:6379", group.url)]


def _tls(request: pytest.FixtureRequest) -> Replacements:
    certificates = Certificates()
    server = TLSServer(certificates, password="secret")
    request.addfinalizer(certificates.close)
    request.addfinalizer(server.close)
    server.start()
    return [
        ("rediss://user:password@host:6379/0", server.url),
        ("/etc/ssl/redis-ca.pem", str(certificates.ca)),
    ]


def _rest(request: pytest.FixtureRequest) -> Replacements:
    server: Server = request.getfixturevalue("server")
    gateway = Gateway(server.url)
    request.addfinalizer(lambda: gateway.__exit__(None, None, None))
    gateway.__enter__()
    return [("https://NAME.upstash.io", gateway.url), ("your token", gateway.token)]


DOCUMENTED: dict[str, Callable[[pytest.FixtureRequest], Replacements]] = {
    '"redis://localhost:6379/0"': _server,
    '"redis+sentinel://': _sentinel,
    '"redis+cluster://': _cluster,
    '"rediss://': _tls,
    '"https://NAME.upstash.io': _rest,
}
"""What stands in an example's text, and what makes it run: real ones take the documented places."""


def examples(page: Path) -> list[tuple[str, str | None]]:
    """The page's Python blocks, each with the text block that directly follows it."""
    text = page.read_text("utf-8")
    blocks = list(BLOCK.finditer(text))
    found = []
    for number, block in enumerate(blocks):
        if block[1] != "python":
            continue
        after = blocks[number + 1] if number + 1 < len(blocks) else None
        near = after is not None and len(text[block.end() : after.start()].strip()) < 40
        found.append((block[2], after[2] if after and after[1] == "text" and near else None))
    return found


# What LangChain calls deprecated is what readers of its page come from.
@pytest.mark.filterwarnings(
    "ignore::langchain_core._api.deprecation.LangChainDeprecationWarning",
    "ignore::langchain_core._api.deprecation.LangChainPendingDeprecationWarning",
)
@pytest.mark.parametrize("page", [p for p in PAGES if examples(p)], ids=lambda p: p.name)
def test_examples_print_what_they_say(
    page: Path,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The blocks of a page run one after the other, as a reader would type them."""
    monkeypatch.setenv("REDIALOG_HOME", str(tmp_path))
    monkeypatch.delenv("REDIALOG_URL", raising=False)
    monkeypatch.setenv("LANGSMITH_TRACING", "false")
    sources = "".join(source for source, _ in examples(page))
    replacements = [
        pair for text, make in DOCUMENTED.items() if text in sources for pair in make(request)
    ]
    names: dict[str, object] = {"__name__": "__main__"}
    for source, expected in examples(page):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            for documented, real in replacements:
                source = source.replace(documented, real)  # noqa: PLW2901
            exec(compile(source, page.name, "exec"), names)
        if expected is not None:
            assert printed.getvalue() == expected
    for value in names.values():
        # A page need not close what it opened; the test must.
        if hasattr(value, "close") and type(value).__module__.startswith("redialog"):
            value.close()


def test_there_are_examples_to_run() -> None:
    """The pages still have the blocks that the test above is about."""
    assert {page.name for page in PAGES if examples(page)} >= {
        "README.md",
        "tutorial.md",
        "how-to.md",
    }


def anchors(page: Path) -> set[str]:
    """What can stand behind a `#` in a link to the page: its headings, as they are rendered."""
    headings = re.findall(r"^#+ (.*)$", BLOCK.sub("", page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in headings}


def test_links_between_pages_lead_somewhere() -> None:
    """Each relative link of a page names a file that is there, and a heading that it has."""
    pages = [*PAGES, *ROOT.glob("*.md")]
    for page in pages:
        for target in re.findall(r"\]\(([^)]+)\)", page.read_text("utf-8")):
            if "://" in target:
                continue
            name, _, heading = target.partition("#")
            linked = page.parent / name if name else page
            assert linked.exists(), f"{page.name}: {target}"
            assert not heading or heading in anchors(linked), f"{page.name}: {target}"
