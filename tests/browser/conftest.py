"""Chromium, and pages in it that tell what they asked for and what went wrong."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from everyloop.harness.reports import html
from everyloop.harness.reports.content import Content, in_order
from playwright.sync_api import Browser, Page, sync_playwright

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "chrome")

Open: TypeAlias = Callable[..., Page]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The installed Chromium: Debian has it in a package of that name."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    assert program is not None, "Chromium is not installed"
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=program)
        yield found
        found.close()


@pytest.fixture
def complaints() -> list[str]:
    """What the browser fetched or complained about; there must be none in the end."""
    return []


@pytest.fixture
def show(browser: Browser, tmp_path: Path, complaints: list[str]) -> Iterator[Open]:
    """Write the report of some runs, and open it; nothing may be fetched, and nothing may go wrong in it."""
    contexts = []

    def opened(*runs: Any, at: str = "", **options: Any) -> Page:
        path = tmp_path / "report.html"
        if runs:
            path.write_text(html.render(Content(in_order(runs))), encoding="utf-8")
        context = browser.new_context(**{"viewport": {"width": 1300, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: complaints.append(request.url) if not is_own(request.url, path) else None)
        page.goto(f"{path.as_uri()}{at}")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


def is_own(url: str, path: Path) -> bool:
    """Whether an address is the page itself, or data in it."""
    return url.partition("#")[0] == path.as_uri() or url.startswith("data:")
