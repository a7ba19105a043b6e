"""Build the sdist and, from it, the wheel: from what git knows, and twice, which must give the same bytes.

    python -m tests.workflows.distributions FOLDER

The second time everything differs that should not matter: the place, the dates and the permissions of the files.
"""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[2]
GENERATED = ("PKG-INFO", "setup.cfg", "everyloop.egg-info")
"""What setuptools adds to an sdist."""


def git(*arguments: str) -> str:
    """Ask git about the repository."""
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def tracked() -> list[PurePosixPath]:
    """Return the files of the repository that are not deleted."""
    names = git("ls-files", "-z").split("\0")
    return sorted(PurePosixPath(name) for name in names if name and (ROOT / name).is_file())


def export(source: Path, files: Iterable[PurePosixPath], folder: Path, umask: int, date: float) -> None:
    """Copy files as somebody with another umask would have checked them out, on another day."""
    for name in files:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, target)
        target.chmod((0o777 if os.access(source / name, os.X_OK) else 0o666) & ~umask)
        os.utime(target, (date, date))


def build(source: Path, target: Path, date: int) -> None:
    """Build both into a folder; what they contain is of `date`, in seconds since 1970."""

    def run(kind: str, place: Path) -> None:
        command = [sys.executable, "-m", "build", "--quiet", "--outdir", str(target), kind, str(place)]
        environment = {**os.environ, "SOURCE_DATE_EPOCH": str(date)}
        # A wheel has the permissions of the files that are written on the way to it.
        subprocess.run(command, env=environment, check=True, umask=-1 if os.name == "nt" else 0o022)

    run("--sdist", source)
    (sdist,) = target.glob("*.tar.gz")
    normalise(sdist, date)
    with tempfile.TemporaryDirectory() as folder, tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
        (unpacked,) = Path(folder).iterdir()
        run("--wheel", unpacked)


def normalise(sdist: Path, date: int) -> None:
    """Write an sdist anew without what depends on the machine: setuptools keeps it, SOURCE_DATE_EPOCH or not."""
    plain = sdist.with_suffix("")
    with tarfile.open(sdist) as old, tarfile.open(plain, "w", format=tarfile.PAX_FORMAT) as new:
        for member in sorted(old.getmembers(), key=lambda member: member.name):
            member.mtime, member.uid, member.gid, member.uname, member.gname = date, 0, 0, "", ""
            member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            member.pax_headers = {}
            new.addfile(member, old.extractfile(member) if member.isfile() else None)
    with (
        plain.open("rb") as tar,
        sdist.open("wb") as target,
        gzip.GzipFile("", "wb", fileobj=target, mtime=date) as out,
    ):
        shutil.copyfileobj(tar, out)
    plain.unlink()


def missing(sdist: Path, files: Iterable[PurePosixPath]) -> tuple[set[PurePosixPath], set[PurePosixPath]]:
    """Return which files the sdist lacks, and which it has that it should not."""
    with tarfile.open(sdist) as archive:
        inside = {PurePosixPath(*PurePosixPath(member.name).parts[1:]) for member in archive if member.isfile()}
    wanted = set(files)
    return wanted - inside, {path for path in inside - wanted if path.parts[0] not in GENERATED}


def main(arguments: Sequence[str]) -> None:
    """Build into the folder that is named; end with 1 and a line if anything is not as it should be."""
    (target,) = map(Path, arguments)
    if not (ROOT / ".git").exists():
        raise SystemExit("distributions are made of what git knows: this is no checkout")
    files = tracked()
    date = int(git("log", "-1", "--format=%ct"))
    with tempfile.TemporaryDirectory() as name:
        first, second = Path(name) / "first", Path(name) / "another-place" / "second"
        export(ROOT, files, first / "source", 0o022, date)
        export(first / "source", files, second / "source", 0o077, date - 1_000_000)
        made = []
        for folder, umask in ((first, 0o022), (second, 0o077)):
            before = os.umask(umask)
            build(folder / "source", folder / "dist", date)
            os.umask(before)
            made.append({path.name: path.read_bytes() for path in sorted((folder / "dist").iterdir())})
        if made[0] != made[1]:
            different = [name for name in made[0] if made[0][name] != made[1].get(name)]
            raise SystemExit(f"not the same bytes twice: {', '.join(different)}")
        (sdist,) = (first / "dist").glob("*.tar.gz")
        lacking, strange = missing(sdist, files)
        if lacking or strange:
            raise SystemExit(f"the sdist lacks {sorted(map(str, lacking))} and has {sorted(map(str, strange))}")
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for name, content in made[0].items():
        (target / name).write_bytes(content)
        print(f"{target / name}: {len(content)} bytes, twice the same")


if __name__ == "__main__":
    main(sys.argv[1:])
