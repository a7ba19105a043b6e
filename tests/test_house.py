"""The house: what lies where, who knows whom, and what is shipped."""

from __future__ import annotations

import ast
import json
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import Command

FLOORS = ("harness", "conformance", "fake_selectors")
KNOWS: dict[str, set[str]] = {
    "harness": {"harness", "conformance", "fake_selectors"},
    "conformance": {"conformance"},
    "fake_selectors": {"fake_selectors"},
}
IMPLEMENTATIONS = ("uvloop", "winloop", "rloop", "qasync", "trio", "trio_asyncio", "gevent")
REGISTRIES = ("pypi.org", "pythonhosted.org", "pypi.python.org", "anaconda.org")

UNMEASURED = {"COVERAGE_PROCESS_START": None, "COVERAGE_PROCESS_CONFIG": None}
"""The environment of processes whose modules are counted: those of coverage's would be among them."""


def modules(root: Path, floor: str) -> list[Path]:
    return sorted((root / floor).rglob("*.py"))


def imports(root: Path, path: Path) -> Iterator[tuple[str, int]]:
    """The absolute names a module imports, each with the number of dots it was written with."""
    package = ["everyloop", *path.relative_to(root).parent.parts]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, 0) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = [*base, *([node.module] if node.module else [])]
            if node.module:
                yield ".".join(module), node.level
            else:
                yield from ((".".join([*module, alias.name]), node.level) for alias in node.names)


@pytest.mark.parametrize("floor", FLOORS)
def test_imports_point_one_way(root: Path, floor: str) -> None:
    for path in modules(root, floor):
        for name, _ in imports(root, path):
            parts = name.split(".")
            if parts[0] == "everyloop":
                # `from .. import conformance` names the floor itself.
                assert len(parts) > 1, f"{path} imports the namespace"
                assert parts[1] in KNOWS[floor], f"{path} imports {name}"


def test_a_module_that_points_the_wrong_way_is_found(tmp_path: Path) -> None:
    package = tmp_path / "conformance" / "catalogue"
    package.mkdir(parents=True)
    module = package / "wrong.py"
    module.write_text("from ...harness import cli\nfrom ... import harness\nfrom . import x\nimport os.path\n")
    assert list(imports(tmp_path, module)) == [
        ("everyloop.harness", 3),
        ("everyloop.harness", 3),
        ("everyloop.conformance.catalogue.x", 1),
        ("os.path", 0),
    ]


@pytest.mark.parametrize("floor", FLOORS)
def test_imports_inside_the_house_are_relative(root: Path, floor: str) -> None:
    written = [(path, name) for path in modules(root, floor) for name, dots in imports(root, path) if not dots]
    assert [(path, name) for path, name in written if name.split(".")[0] in {"everyloop", *FLOORS}] == []


def test_fake_selectors_imports_the_standard_library_only(root: Path) -> None:
    for path in modules(root, "fake_selectors"):
        for name, dots in imports(root, path):
            assert dots or name.split(".")[0] in sys.stdlib_module_names, f"{path} imports {name}"


def test_conformance_imports_the_standard_library_and_test_tools_only(root: Path) -> None:
    allowed = sys.stdlib_module_names | {"pytest", "hypothesis"}
    for path in modules(root, "conformance"):
        for name, dots in imports(root, path):
            assert dots or name.split(".")[0] in allowed, f"{path} imports {name}"


def test_the_namespace_has_no_init(root: Path, wheel: Path) -> None:
    assert not (root / "__init__.py").exists()
    assert not (root / "everyloop").exists()
    with zipfile.ZipFile(wheel) as archive:
        assert "everyloop/__init__.py" not in archive.namelist()


def test_every_package_is_listed(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    folders = {path.parent.relative_to(root) for floor in FLOORS for path in modules(root, floor)}
    listed = project["tool"]["setuptools"]["packages"]
    assert sorted(listed) == sorted(".".join(["everyloop", *folder.parts]) for folder in folders)


def test_every_file_of_the_packages_is_in_the_wheel(root: Path, wheel: Path) -> None:
    files = {
        f"everyloop/{path.relative_to(root).as_posix()}"
        for floor in FLOORS
        for path in (root / floor).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(wheel) as archive:
        shipped = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert shipped == files
    assert {f"everyloop/{floor}/py.typed" for floor in FLOORS} <= shipped
    assert "everyloop/harness/results.schema.json" in shipped
    assert "everyloop/conformance/catalogue/FD.toml" in shipped


def test_the_wheel_says_what_it_is(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (folder,) = {name.split("/")[0] for name in archive.namelist() if ".dist-info/" in name}
        metadata = archive.read(f"{folder}/METADATA").decode()
        entry_points = archive.read(f"{folder}/entry_points.txt").decode()
        names = archive.namelist()
    assert "License-Expression: MIT\n" in metadata
    assert "Requires-Python: >=3.11\n" in metadata
    assert {f"Provides-Extra: {extra}" for extra in ("uvloop", "rloop", "trio", "qt")} <= set(metadata.splitlines())
    assert "everyloop = everyloop.harness.cli:main" in entry_points
    assert "everyloop = everyloop.harness.plugin" in entry_points
    assert f"{folder}/licenses/LICENSE" in names


def test_the_unused_plugin_imports_nothing_of_weight(python: Command) -> None:
    script = """
import json, sys
import pytest
before = set(sys.modules)
import everyloop.harness.plugin
print(json.dumps(sorted(set(sys.modules) - before)))
"""
    found = json.loads(python("-c", script, env=UNMEASURED).stdout)
    assert found == ["everyloop", "everyloop.harness", "everyloop.harness.plugin"]


def test_a_pytest_run_that_does_not_use_the_plugin_loads_nothing_of_weight(python: Command, tmp_path: Path) -> None:
    (tmp_path / "test_ordinary.py").write_text(
        "import sys\n"
        "def test_nothing_of_weight_is_loaded():\n"
        "    ours = {name for name in sys.modules if name.startswith('everyloop')}\n"
        "    assert ours == {'everyloop', 'everyloop.harness', 'everyloop.harness.plugin'}\n"
        "    assert not {'click', 'rich', 'psutil', 'asyncio', 'tomllib'} & set(sys.modules)\n"
    )
    others = ("xdist", "pytest_cov", "anyio", "hypothesispytest")
    done = python("-m", "pytest", *(f"-pno:{name}" for name in others), env=UNMEASURED)
    assert done.returncode == 0, done.stdout


def test_no_registry_is_named(root: Path) -> None:
    places = [root / "pyproject.toml", root / "tox.ini"]
    places += [path for floor in FLOORS for path in (root / floor).rglob("*") if path.suffix in {".py", ".toml"}]
    for path in places:
        text = path.read_text(encoding="utf-8")
        assert not [host for host in REGISTRIES if host in text], path


def test_cases_know_no_implementation(root: Path) -> None:
    for path in modules(root, "conformance"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        documentation = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        for node in ast.walk(tree):
            words: set[str] = set()
            if isinstance(node, ast.Name):
                words = {node.id}
            elif isinstance(node, ast.Attribute):
                words = {node.attr}
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
                words = set(node.value.replace(".", " ").split())
            assert not words.intersection(IMPLEMENTATIONS), f"{path}:{getattr(node, 'lineno', 0)}"


def test_cases_use_public_attributes_only(root: Path) -> None:
    for path in modules(root, "conformance"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.endswith("__"):
                own = isinstance(node.value, ast.Name) and node.value.id in {"self", "cls"}
                documented = ast.unparse(node) == "os._exit"
                assert own or documented, f"{path}:{node.lineno} uses {node.attr}"
