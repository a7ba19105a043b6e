"""The emulated platforms that there are, by name."""

from __future__ import annotations

import importlib
from typing import cast

from everyloop.fake_selectors.platform import Platform

MAKERS = {
    "linux-select": ("everyloop.fake_selectors.linux", "select"),
    "windows-selector": ("everyloop.fake_selectors.windows", "selector"),
    "windows-proactor": ("everyloop.fake_selectors.windows", "proactor"),
    "macos": ("everyloop.fake_selectors.darwin", "macos"),
}
"""Module and function of each."""

PLATFORMS = tuple(MAKERS)


def named(name: str) -> Platform:
    """Make a platform."""
    module, function = MAKERS[name]
    return cast("Platform", getattr(importlib.import_module(module), function)())
