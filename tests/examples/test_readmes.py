"""What the READMEs name is there: files, headings, modules, tests."""

import importlib
import re
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
READMES = [TOP / "README.md", *sorted((TOP / "nodes").rglob("README.md")), TOP / "models" / "README.md"]


def headings(page: Path) -> set[str]:
    """The anchors of a page's headings, as Git hosts make them."""
    found = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


@pytest.mark.parametrize("page", READMES, ids=lambda page: str(page.relative_to(TOP)))
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8"))
    for link in links:
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in headings(target), link


@pytest.mark.parametrize("page", READMES, ids=lambda page: str(page.relative_to(TOP)))
def test_modules_and_tests_that_are_named_exist(page: Path) -> None:
    text = page.read_text("utf-8")
    for name in set(re.findall(r"\bhandflow(?:\.[A-Za-z_]\w*)+", text)):
        module, attributes = name, []
        while True:
            try:
                found = importlib.import_module(module)
                break
            except ModuleNotFoundError:
                module, _, last = module.rpartition(".")
                attributes.insert(0, last)
        for attribute in attributes:
            found = getattr(found, attribute, None)
        assert found is not None, name
    for test in set(re.findall(r"\btests/[\w/]+\.py", text)):
        assert (TOP / test).is_file(), test
