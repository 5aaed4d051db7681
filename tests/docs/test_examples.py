"""Every Python example of the documentation runs, and prints what it says it prints."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

from tests.support.servers import Server

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DOCUMENTED_URL = "redis://localhost:6379/0"


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


@pytest.mark.parametrize("page", [p for p in PAGES if examples(p)], ids=lambda p: p.name)
def test_examples_print_what_they_say(
    page: Path, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The blocks of a page run one after the other, as a reader would type them."""
    monkeypatch.setenv("REDIALOG_HOME", str(tmp_path))
    monkeypatch.delenv("REDIALOG_URL", raising=False)
    names: dict[str, object] = {"__name__": "__main__"}
    for source, expected in examples(page):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            code = source.replace(DOCUMENTED_URL, server.url)
            exec(compile(code, page.name, "exec"), names)
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


def test_links_between_pages_lead_somewhere() -> None:
    """Each relative link of a page names a file that is there."""
    pages = [*PAGES, *ROOT.glob("*.md")]
    for page in pages:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"
