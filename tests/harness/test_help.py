"""What `--help` says, of every command: for somebody who meets it for the first time."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import click
import pytest
from everyloop.harness.cli import cli as everyloop
from everyloop.harness.judging import VERDICTS

pytestmark = pytest.mark.once

WIDTH = 100


def contexts(command: click.Command = everyloop, parent: click.Context | None = None) -> Iterator[click.Context]:
    """Every command, with the commands that it is a part of."""
    name = "everyloop" if parent is None else command.name
    context = click.Context(command, parent=parent, info_name=name, terminal_width=80)
    yield context
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            found = command.get_command(context, each)
            assert found is not None
            yield from contexts(found, context)


ALL = {context.command_path: context for context in contexts()}
each = pytest.mark.parametrize("path", ALL)


def examples(context: click.Context) -> list[list[str]]:
    """The words of the commands under "Examples:", without what is said of them."""
    text = (context.command.epilog or "").partition("Examples:\n")[2].partition("\n\n")[0]
    lines = [re.split(r"\s{2,}", line.strip())[0] for line in text.splitlines()]
    return [shlex.split(line) for line in lines if line.startswith("everyloop ")]


def test_all_commands_are_there() -> None:
    top = {path.partition(" ")[2] for path in ALL if path.count(" ") == 1}
    assert top == {"compare", "completion", "exec", "list", "merge", "probe", "report", "run"}


@each
def test_a_page_fits_and_nothing_is_cut_off(path: str) -> None:
    text = ALL[path].get_help()
    assert max(map(len, text.splitlines())) <= WIDTH
    assert "..." not in text.partition("\nCommands:\n")[2].partition("\n\n")[0]


@each
def test_the_command_and_every_option_are_explained(path: str) -> None:
    context = ALL[path]
    assert context.command.help
    for parameter in context.command.get_params(context):
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.opts
            assert parameter.help.rstrip("*)").endswith("."), parameter.help


@pytest.mark.parametrize("path", [path for path in ALL if path.count(" ") < 2])
def test_there_are_examples_that_work(path: str) -> None:
    found = examples(ALL[path])
    assert len(found) >= 2
    for words in found:
        command: click.Command | None = everyloop
        rest = words[1:]
        while isinstance(command, click.Group) and rest[0] != "COMMAND":
            command = command.get_command(ALL["everyloop"], rest.pop(0))
        if isinstance(command, click.Group):
            continue
        assert command is not None, words
        rest = rest[: rest.index(">")] if ">" in rest else rest
        command.make_context(" ".join(words), rest)  # refuses what it does not know


@pytest.mark.parametrize("command", ["run", "probe", "compare", "merge", "report", "exec"])
def test_the_exit_status_is_told(command: str) -> None:
    assert re.search(r"exit\s+status", ALL[f"everyloop {command}"].get_help(), re.IGNORECASE)


def test_every_verdict_is_told() -> None:
    text = ALL["everyloop run"].get_help().partition("Verdicts:\n")[2].partition("\n\n")[0]
    for verdict in VERDICTS:
        assert re.search(rf"^  (\w+, )?{verdict}\b", text, re.MULTILINE), verdict
