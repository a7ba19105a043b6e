"""``everyloop merge``: one document of several."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from . import documents, merging, results
from .commands import AS_EXPECTED, Command, documents_argument, written


@click.command(
    cls=Command,
    epilog="""
Examples:
  everyloop merge linux.json macos.json -o all.json
  everyloop merge out.json.journal -o out.json    complete what a killed run left behind

A run that is in two of the files is an error: its verdicts would count twice.
""",
)
@documents_argument
@click.option("-o", "target", required=True, type=click.Path(dir_okay=False, path_type=Path), metavar="ALL.json")
def merge(sources: Sequence[Path], target: Path) -> int:
    """Make one results document of several, or of the journal of a run that was killed."""
    runs = merging.read_all(sources)
    with written(target):
        documents.write(target, results.document(runs))
    return AS_EXPECTED
