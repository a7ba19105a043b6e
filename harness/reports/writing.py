"""Which reports there are, how a command is asked for them, and how they are written."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from ..commands import file_option, written
from ..documents import replace_text
from .content import Content

F = TypeVar("F", bound=Callable[..., Any])

FORMATS = {
    "html": "A page to look at, filter and link to: one file, which needs nothing else.",
    "markdown": "Counts and what changed, for the summary of a CI job.",
    "junit": "XML for test viewers.",
    "ctrf": "JSON in the Common Test Report Format.",
    "badge": "JSON for a badge of Shields.",
}
"""The modules of this package that render reports, each with the function ``render(content)``."""


def options(command: F) -> F:
    """Add the options ``--html F``, ``--markdown F``… to a command: the keyword arguments ``html_file``…."""
    for name, text in reversed(FORMATS.items()):
        command = file_option(f"--{name}", text)(command)
    return command


def wanted(arguments: Mapping[str, Path | None]) -> dict[str, Path]:
    """Return which reports a command was asked for, and where to.

    Raises:
        ClickException: one of them cannot be written, which is better known before the work than after it.
    """
    found = {name: path for name in FORMATS if (path := arguments[f"{name}_file"]) is not None}
    for path in found.values():
        if not path.absolute().parent.is_dir():
            raise click.ClickException(f"cannot write {path}: No such file or directory")
    return found


def write(reports: Mapping[str, Path], content: Content) -> None:
    """Write the reports.

    Raises:
        ClickException: one of them cannot be written.
    """
    for name, path in reports.items():
        render: Callable[[Content], str] = importlib.import_module(f"{__package__}.{name}").render
        text = render(content)
        with written(path):
            replace_text(path, text, newline="\n")
