"""``everyloop report``: results as something to look at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from . import merging, probing
from .baselines import Baseline, BaselineError
from .commands import AS_EXPECTED, Command, documents_argument, file_option
from .reports import writing
from .reports.content import Content, in_order


@click.command(
    cls=Command,
    epilog="""
Examples:
  everyloop report results/*.json --html all.html    machines, Pythons and loops on one page
  everyloop report out.json --html report.html --baseline known.toml --probe table.json
  everyloop report out.json --markdown "$GITHUB_STEP_SUMMARY" --earlier main.json
  everyloop report out.json --junit junit.xml --ctrf ctrf.json --badge badge.json
  everyloop report out.json.journal --html so-far.html     of a run that was killed

In JUnit's XML, what a documented limit explains or the baseline expects is a skipped test. The exit
status is 0 whatever the results say, and 2 if a file cannot be read or written.
""",
)
@documents_argument
@writing.options
@file_option("--baseline", "What is expected, as in `everyloop run`: reasons and bug links come from here.")
@file_option("--earlier", "With --markdown: the results document of before, to say what changed.")
@click.option(
    "--probe",
    "probe_files",
    multiple=True,
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="F",
    help="With --html: a document of `everyloop probe --json`, for the platform-support table (repeatable).",
)
def report(
    sources: Sequence[Path],
    baseline_file: Path | None,
    earlier_file: Path | None,
    probe_files: Sequence[Path],
    **files: Path | None,
) -> int:
    """Make reports of one or several results documents."""
    reports = writing.wanted(files)
    if not reports:
        options = ", ".join(f"--{name} F" for name in writing.FORMATS)
        raise click.UsageError(f"which report? {options}")
    if earlier_file is not None and "markdown" not in reports:
        raise click.UsageError("--earlier needs --markdown F")
    if probe_files and "html" not in reports:
        raise click.UsageError("--probe needs --html F")
    try:
        baseline = None if baseline_file is None else Baseline.read(baseline_file)
    except BaselineError as error:
        raise click.ClickException(str(error)) from None
    content = Content(
        runs=in_order(merging.read_all(sources)),
        baseline=baseline,
        earlier=None if earlier_file is None else merging.read_all([earlier_file]),
        probes=[column for path in probe_files for column in probing.read(path)["probes"]],
    )
    writing.write(reports, content)
    return AS_EXPECTED
