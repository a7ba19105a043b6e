"""What the pages for authors of loops, and about fidelity, show is what everyloop says."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from .conftest import ROOT, Command

pytestmark = pytest.mark.once


def block(page: str, name: str) -> str:
    """The example of a page under `<!-- example: name -->`."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    found = re.search(rf"<!-- example: {re.escape(name)} -->\n```\w+\n(.*?)```", text, re.DOTALL)
    assert found is not None, name
    return found[1]


@pytest.fixture
def loop(tmp_path: Path) -> str:
    """The loop of the page, in this folder."""
    (tmp_path / "metered_loop.py").write_text(block("loop-authors.md", "metered_loop.py"))
    return "metered_loop:new_loop"


def test_the_verdict_that_authors_of_loops_read(cli: Command, loop: str) -> None:
    done = cli("run", loop, "-k", "removing_a_watcher_returns_true", "-n", "1")
    assert done.returncode == 1
    for line in block("loop-authors.md", "answer").splitlines():
        assert line in done.stdout.splitlines()


def test_what_is_written_down_is_no_news(cli: Command, loop: str, tmp_path: Path) -> None:
    narrowed = ("run", loop, "-k", "removing_a_watcher", "-n", "1", "--baseline", "known.toml")
    assert cli(*narrowed, "--update-baseline").returncode == 0
    assert tomllib.loads((tmp_path / "known.toml").read_text())["expected"][0]["backend"] == loop
    assert cli(*narrowed).returncode == 0


def test_every_page_is_in_the_list_of_pages() -> None:
    listed = re.findall(r"\]\(([\w-]+\.md)\)", (ROOT / "docs" / "README.md").read_text(encoding="utf-8"))
    assert sorted(listed) == sorted(page.name for page in (ROOT / "docs").glob("*.md") if page.name != "README.md")


def test_links_between_pages_lead_somewhere() -> None:
    for page in (ROOT / "docs").glob("*.md"):
        for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([\w-]+))?\)", page.read_text(encoding="utf-8")):
            there = (page.parent / target).resolve() if target else page
            assert there.exists(), f"{page.name}: {target}"
            if anchor:
                titles = re.findall(r"^#+ (.*)$", there.read_text(encoding="utf-8"), re.MULTILINE)
                anchors = {re.sub(r"[^\w\- ]", "", title).lower().replace(" ", "-") for title in titles}
                assert anchor in anchors, f"{page.name}: {target}#{anchor}"
