"""The blocks of the pages for users, and a folder in which what they say to type can be typed.

What a block of shell says is executed by bash as it stands. Only the programs that it starts are not quite those that
a user starts, because the tests have no network and little time. This module is also those programs, each time with
its name in front: ``python documentation.py NAME ARGUMENT…``.
"""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from configparser import ConfigParser
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = ("everyloop", "pytest", "tox", "pip", "python", "python3")
PAGE = "EVERYLOOP_TEST_PAGE"
"""The variable with the page that a command is from: its tox environments may be in it."""

_BLOCK = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        page: the file, from the folder of the repository.
        line: where it begins, from 1.
        language: what the fence says.
    """

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def pages() -> list[Path]:
    """Return the pages for users and developers."""
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(*languages: str) -> list[Block]:
    """Return the blocks in these languages, or all."""
    return [block for page in pages() for block in _of(page) if not languages or block.language in languages]


def _of(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for found in _BLOCK.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        lines = (each.removeprefix(found["indent"]) for each in found["text"].splitlines())
        yield Block(page.relative_to(ROOT).as_posix(), line, found["language"], "\n".join(lines) + "\n")


# What the programs are, apart from what they say they are.

_ELSEWHERE = {"uvloop": "asyncio-poll", "rloop": "asyncio-select", "trio-asyncio": "asyncio-select"}
"""Loops that need not be installed where the tests run, and what stands for them."""


def everyloop(arguments: Sequence[str]) -> list[str]:
    """The true one; but what takes minutes has little to do, and what needs other machines only reads its options."""
    words = [_ELSEWHERE.get(word, word) for word in arguments]
    if any("ssh=" in word or "socket=" in word for word in words):
        return ["-m", "everyloop.harness", *words, "--help"]
    # The only other Python that is certain to have everyloop is this one.
    words = [re.sub(r"(?<=popen//python=)[^/]+", sys.executable, word) for word in words]
    if words[:1] == ["run"]:
        if "--fuzz" in words:
            words[words.index("--fuzz") + 1] = "0.2"
        few = "random_schedules" if "--fuzz" in words else "loop_method_is_present"
        words += [] if {"-k", "--area"} & set(words) else ["-k", few]
        words += [] if "-n" in words else ["-n", "1"]
    if words == ["probe"]:  # all that is here
        words.append("asyncio")
    return ["-m", "everyloop.harness", *words]


def pytest(arguments: Sequence[str]) -> list[str]:
    """The true one, in a project that has two tests; but of everyloop's cases it executes few, of its tests none."""
    if ours := [ROOT / word for word in arguments if word.startswith("tests/") and (ROOT / word).exists()]:
        return ["-m", "pytest", "-p", "no:cacheprovider", "--collect-only", "-q", f"--rootdir={ROOT}", *map(str, ours)]
    words = [re.sub(r"\b(uvloop|rloop)\b", lambda found: _ELSEWHERE[found[1]], word) for word in arguments]
    narrowed = ["-k", "loop_method_is_present"] if any("conformance" in word for word in words) else []
    return ["-m", "pytest", "-p", "no:cacheprovider", *([] if "-k" in words else narrowed), *words]


def tox(arguments: Sequence[str]) -> list[str]:
    """Nothing but a look whether tox would find what it shall run, in our tox.ini or in that of the page."""
    found = ConfigParser(interpolation=None)
    found.read(ROOT / "tox.ini")
    labels = dict(line.split(" = ") for line in found["tox"]["labels"].strip().splitlines())
    known = {*_environments(found["tox"]["env_list"].split())}
    known |= {name for line in labels.values() for name in _environments(re.split(r", (?![^{]*})", line))}
    known |= {name for part in found.sections() for name in _environments([part.removeprefix("testenv:")])}
    page = (ROOT / os.environ[PAGE]).read_text(encoding="utf-8")
    known |= set(re.findall(r"^\[testenv:([\w-]+)\]$", page, re.MULTILINE))
    words = list(arguments[: arguments.index("--")] if "--" in arguments else arguments)
    for option, names in (("-e", known), ("-m", set(labels))):
        for name in words[words.index(option) + 1].split(",") if option in words else ():
            if name not in names:
                raise SystemExit(f"tox has no {name}")
    return ["-c", ""]


def _environments(patterns: Sequence[str]) -> Iterator[str]:
    """What tox makes of ``py3{11-15}-{a,b}``."""
    for pattern in patterns:
        parts = re.split(r"\{([^}]*)\}", pattern.strip())
        choices = [_choices(part) if place % 2 else [part] for place, part in enumerate(parts)]
        yield from map("".join, itertools.product(*choices))


def _choices(text: str) -> list[str]:
    if numbers := re.fullmatch(r"(\d+)-(\d+)", text):
        return [str(number) for number in range(int(numbers[1]), int(numbers[2]) + 1)]
    return text.split(",")


def pip(arguments: Sequence[str]) -> list[str]:
    """Nothing but a look whether our extras and groups are there: there is no network."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    if arguments[0] != "install":
        raise SystemExit(f"pip {arguments[0]}: not foreseen")
    for extras in re.findall(r"(?:\.|everyloop)\[([\w,]+)\]", " ".join(arguments)):
        for extra in extras.split(","):
            if extra not in project["project"]["optional-dependencies"]:
                raise SystemExit(f"everyloop has no extra {extra}")
    if (
        "--group" in arguments
        and (group := arguments[arguments.index("--group") + 1]) not in project["dependency-groups"]
    ):
        raise SystemExit(f"everyloop has no group {group}")
    return ["-c", ""]


def python(arguments: Sequence[str]) -> list[str]:
    """The true one; but the virtual environment is there already."""
    return ["-c", ""] if arguments[:2] == ["-m", "venv"] else list(arguments)


python3 = python


if __name__ == "__main__":
    name, *rest = sys.argv[1:]
    sys.exit(subprocess.run([sys.executable, *globals()[name](rest)], check=False).returncode)
