"""``everyloop completion``: what a shell needs to complete commands, options, backends, areas and cases."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from .commands import AS_EXPECTED, Command

SHELLS = ("bash", "zsh", "fish")
_PROGRAM = "everyloop"


@click.command(
    cls=Command,
    short_help="Print what a shell completes command lines with.",
    epilog="""
Examples:
  everyloop completion bash > ~/.local/share/bash-completion/completions/everyloop
  everyloop completion zsh > ~/.zfunc/_everyloop      fpath+=~/.zfunc before compinit in ~/.zshrc
  everyloop completion fish > ~/.config/fish/completions/everyloop.fish
  eval "$(everyloop completion bash)"                 for this shell only

Bash must be 4.4 or newer. In shells that are started from then on, the Tab key completes commands,
options, backends and their knobs (windows-selector@m...), areas (--area S...), cases (-k add_...)
and files.
""",
)
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> int:
    """Print the script with which a shell completes everyloop's command lines."""
    kind = get_completion_class(shell)
    assert kind is not None, shell
    # What is completed is asked of everyloop itself, each time: the script needs no update.
    click.echo(kind(click.Group(), {}, _PROGRAM, f"_{_PROGRAM}_complete".upper()).source().strip())
    return AS_EXPECTED
