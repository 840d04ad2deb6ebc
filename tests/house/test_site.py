"""The site's navigation: every page has its place, and the reference has every public module."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[2]
LISTED = re.findall(r"^ +- [^:]+: ([\w-]+\.md)$", (ROOT / "mkdocs.yml").read_text("utf-8"), re.MULTILINE)


def module_at(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_page_has_a_place_in_the_navigation():
    pages = {path.name for path in (ROOT / "docs").glob("*.md")}
    pages |= set(module_at(ROOT / "docs" / "build_site.py").FROM_THE_ROOT.values())
    assert pages == set(LISTED), "`nav` in mkdocs.yml lists each page once"
    assert len(LISTED) == len(set(LISTED))


def test_every_public_module_has_a_page_in_the_reference():
    pages = {"duomo", *(f"duomo.{name}" for name in module_at(ROOT / "docs" / "build_site.py").PUBLIC)}
    public = module_at(Path(__file__).with_name("test_imports.py")).PUBLIC
    assert public <= pages, "add the module to PUBLIC in docs/build_site.py"
