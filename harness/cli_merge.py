"""``everyloop merge``: one document of several."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from . import documents, merging, results
from .commands import AS_EXPECTED, NOT_AS_EXPECTED, Command, complain, documents_argument, written


@click.command(
    cls=Command,
    short_help="Make one results document of several.",
    epilog="""
Examples:
  everyloop merge linux.json macos.json -o all.json
  everyloop merge out.json.journal -o out.json    complete what a killed run left behind
  everyloop merge 1.json 2.json 3.json -o all.json    the shards of a run are one run again

A run that is in two of the files is an error: its verdicts would count twice. The exit status is 1
if a shard of a run is missing: the others are in the document as they are.
""",
)
@documents_argument
@click.option(
    "-o",
    "target",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="ALL.json",
    help="Where to write the document.",
)
def merge(sources: Sequence[Path], target: Path) -> int:
    """Make one results document of several, or of the journal of a run that was killed."""
    runs = merging.read_all(sources)
    with written(target):
        documents.write(target, results.document(runs))
    missing = merging.missing_shards(runs)
    for line in missing:
        complain(line)
    return NOT_AS_EXPECTED if missing else AS_EXPECTED
