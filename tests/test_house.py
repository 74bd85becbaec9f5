"""The house stays easy to enter: short files and functions, one meaning for a class name, tests in mirrored folders."""

import ast
from collections import defaultdict
from functools import cache
from pathlib import Path

import handflow

PACKAGE = Path(handflow.__file__).parent
TESTS = Path(__file__).parent


@cache
def trees() -> dict[Path, ast.Module]:
    """Read when a test asks: every process of a test run imports this file."""
    return {file: ast.parse(file.read_text("utf-8")) for file in PACKAGE.rglob("*.py")}


def test_the_package_has_few_entries_and_its_folders_few_files() -> None:
    shown = [entry for entry in PACKAGE.iterdir() if entry.name != "__pycache__"]
    assert len(shown) <= 17, sorted(entry.name for entry in shown)
    for folder in {file.parent for file in PACKAGE.rglob("*") if "__pycache__" not in file.parts}:
        files = [entry.name for entry in folder.iterdir() if entry.is_file()]
        assert len(files) <= 20, f"{folder.relative_to(PACKAGE)}: {len(files)} files"


def test_no_file_is_longer_than_350_lines() -> None:
    for file in PACKAGE.rglob("*"):
        if file.suffix in {".py", ".js", ".css", ".html"}:
            count = len(file.read_text("utf-8").splitlines())
            assert count <= 350, f"{file.relative_to(PACKAGE)}: {count} lines"


def test_no_function_is_longer_than_70_lines() -> None:
    for file, tree in trees().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                count = (node.end_lineno or 0) - node.lineno + 1
                assert count <= 70, f"{file.relative_to(PACKAGE)}: {node.name} has {count} lines"


def test_a_class_name_has_one_meaning() -> None:
    places = defaultdict(set)
    for file, tree in trees().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                places[node.name].add(str(file.relative_to(PACKAGE)))
    assert {name: sorted(files) for name, files in places.items() if len(files) > 1} == {}


def test_tests_mirror_the_folders() -> None:
    for file in TESTS.rglob("test_*.py"):
        folder = file.parent.relative_to(TESTS)
        assert (PACKAGE / folder).is_dir() or folder.name == "examples", f"the package has no folder {folder}"
