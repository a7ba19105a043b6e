"""What `tox run -e package` says of an sdist: that it is whole, and does not depend on who made it."""

from __future__ import annotations

import tarfile
from pathlib import Path, PurePosixPath

import pytest

from . import distributions

FILES = {"a.py": b"a = 1\n", "folder/b.toml": b"", "PKG-INFO": b"Name: a\n", "a.egg-info": b""}


def packed(path: Path, folder: Path, date: float, mode: int, names: list[str]) -> Path:
    """Make an sdist of these files, in this order."""
    for name in names:
        source = folder / "a-1.0" / name
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_bytes(FILES[name])
        source.chmod(mode)
    with tarfile.open(path, "w:gz") as archive:
        for name in names:
            member = archive.gettarinfo(folder / "a-1.0" / name, f"a-1.0/{name}")
            member.mtime, member.uname = date, f"somebody of {date}"
            with (folder / "a-1.0" / name).open("rb") as file:
                archive.addfile(member, file)
    return path


def test_the_same_files_are_the_same_bytes(tmp_path: Path) -> None:
    names = ["a.py", "folder/b.toml"]
    one = packed(tmp_path / "one.tar.gz", tmp_path / "1", 1_700_000_000.5, 0o600, names)
    two = packed(tmp_path / "two.tar.gz", tmp_path / "2", 1_600_000_000, 0o664, names[::-1])
    assert one.read_bytes() != two.read_bytes()
    for sdist in (one, two):
        distributions.normalise(sdist, 1_500_000_000)
    assert one.read_bytes() == two.read_bytes()
    with tarfile.open(one) as archive:
        found = {member.name: (member.mtime, oct(member.mode), member.uname) for member in archive}
        assert found == {f"a-1.0/{name}": (1_500_000_000, "0o644", "") for name in names}
        content = archive.extractfile("a-1.0/a.py")
        assert content is not None
        assert content.read() == FILES["a.py"]


@pytest.mark.parametrize(
    ("names", "lacking", "strange"),
    [
        (["a.py", "folder/b.toml", "PKG-INFO"], set(), set()),
        (["a.py"], {"folder/b.toml"}, set()),
        (["a.py", "folder/b.toml", "a.egg-info"], set(), {"a.egg-info"}),
    ],
)
def test_what_an_sdist_lacks(tmp_path: Path, names: list[str], lacking: set[str], strange: set[str]) -> None:
    sdist = packed(tmp_path / "a.tar.gz", tmp_path / "source", 0, 0o644, names)
    wanted = [PurePosixPath("a.py"), PurePosixPath("folder/b.toml")]
    found = distributions.missing(sdist, wanted)
    assert found == (set(map(PurePosixPath, lacking)), set(map(PurePosixPath, strange)))


def test_what_git_knows_is_there() -> None:
    if not (distributions.ROOT / ".git").exists():
        pytest.skip("needs a checkout")
    assert {"tox.ini", "harness/cli.py", "tests/conftest.py"} <= set(map(str, distributions.tracked()))
