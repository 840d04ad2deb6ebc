"""The ways to get duomo agree with the packages themselves."""

import json
import re
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "sdk" / "pyproject.toml").read_text("utf-8"))["project"]


def test_the_conda_recipe_has_the_version_and_the_requirements_of_the_package() -> None:
    recipe = yaml.safe_load((ROOT / "deploy" / "conda" / "recipe.yaml").read_text("utf-8"))
    assert recipe["context"]["version"] == PROJECT["version"]
    python, *needs = recipe["requirements"]["run"]
    assert python == f"python {PROJECT['requires-python']}"
    assert needs == [re.sub(r"^([\w-]+)", r"\1 ", each) for each in PROJECT["dependencies"]]
    assert recipe["build"]["python"]["entry_points"] == [f"duomo = {PROJECT['scripts']['duomo']}"]


def test_the_development_container_sets_up_as_everybody_does() -> None:
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text("utf-8"))
    assert re.search(r"^setup:", (ROOT / "Makefile").read_text("utf-8"), re.M)
    assert container["postCreateCommand"] == "make setup"


def test_the_page_names_the_pythons_that_the_package_takes() -> None:
    page = (ROOT / "docs" / "install.md").read_text("utf-8")
    assert PROJECT["requires-python"] == ">=3.11"
    assert "Python 3.11 |" in page
