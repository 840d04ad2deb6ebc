"""Continuous integration: its files parse, call what exists, and try the versions of Python that the packages claim."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
GITHUB = ROOT / ".github"
WORKFLOWS = {path.stem: yaml.safe_load(path.read_text("utf-8")) for path in sorted(GITHUB.glob("workflows/*.yml"))}
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
PROJECT = tomllib.loads((ROOT / "sdk" / "pyproject.toml").read_text("utf-8"))["project"]
PYTHONS = [each.rpartition(" ")[2] for each in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", each)]
CONSTRAINTS = set((ROOT / "constraints.txt").read_text("utf-8").splitlines())


def steps(workflow: dict) -> list[dict]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def commands(workflow: dict) -> str:
    return "\n".join(step.get("run", "") for step in steps(workflow))


def pythons(job: dict) -> list[str]:
    return job.get("strategy", {}).get("matrix", {}).get("python", [])


def test_there_are_four_workflows():
    assert set(WORKFLOWS) == {"check", "tests", "nightly", "release"}


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_says_when_it_runs_may_do_little_and_ends(name):
    workflow = WORKFLOWS[name]
    assert workflow["name"] == name
    assert workflow[True], "YAML reads the key `on` as true"
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert 0 < job["timeout-minutes"] <= 90
        for step in job["steps"]:
            assert ("uses" in step) != ("run" in step), step


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_calls_what_exists(name):
    said = commands(WORKFLOWS[name])
    assert set(re.findall(r"\bmake ([a-z-]+)", said)) <= TARGETS
    for script in re.findall(r"^\.ci/(\S+)", said, re.MULTILINE):
        assert (ROOT / ".ci" / script).stat().st_mode & 0o100, script
    for marker in re.findall(r'-m "(?:not )?(\w+)"', said):
        assert marker in (ROOT / "pyproject.toml").read_text("utf-8")


def test_a_command_takes_no_words_from_strangers():
    """Titles and names of branches are chosen by whoever opens a pull request, and a shell would run them."""
    for workflow in WORKFLOWS.values():
        assert set(re.findall(r"\$\{\{ *([\w.-]+)", commands(workflow))) <= {"matrix.tests", "matrix.versions"}
        assert "pull_request_target" not in workflow[True]


def test_the_versions_of_python_are_those_of_the_classifiers():
    assert PYTHONS[0] == PROJECT["requires-python"].removeprefix(">=")
    for name, job in (("check", "check"), ("tests", "core"), ("nightly", "tested")):
        assert pythons(WORKFLOWS[name]["jobs"][job]) == PYTHONS
    for workflow in WORKFLOWS.values():
        for job in workflow["jobs"].values():
            assert set(pythons(job)) <= set(PYTHONS)
            for step in job["steps"]:
                chosen = str(step.get("with", {}).get("python-version", PYTHONS[0]))
                assert chosen in PYTHONS or chosen == "${{ matrix.python }}"


def test_nightly_tries_old_new_and_coming_versions():
    job = WORKFLOWS["nightly"]["jobs"]["dependencies"]
    tried = [each["versions"] for each in job["strategy"]["matrix"]["include"]]
    assert tried == ["lowest", "newest", "next"]
    script = (ROOT / ".ci" / "environment").read_text("utf-8")
    assert all(f"\n    {each})" in script for each in tried)
    done = subprocess.run(["bash", "-n", str(ROOT / ".ci" / "environment")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_release_is_published_by_trust_after_it_was_counted():
    jobs = WORKFLOWS["release"]["jobs"]
    assert jobs["publish"]["permissions"] == {"id-token": "write"}
    assert jobs["publish"]["needs"] == "build"
    assert not any("password" in step.get("with", {}) for step in jobs["publish"]["steps"])
    number = 1 + len(list(ROOT.glob("plugins/*/pyproject.toml")))
    assert f'= "{number} {number}"' in commands(WORKFLOWS["release"])


def test_templates_and_the_rest_of_the_habits_are_there():
    for name in ("bug", "feature", "plugin"):
        form = yaml.safe_load((GITHUB / "ISSUE_TEMPLATE" / f"{name}.yml").read_text("utf-8"))
        assert form["name"]
        assert form["description"]
        fields = [each["id"] for each in form["body"]]
        assert len(fields) == len(set(fields))
    assert yaml.safe_load((GITHUB / "dependabot.yml").read_text("utf-8"))["version"] == 2
    assert (GITHUB / "PULL_REQUEST_TEMPLATE.md").exists()
    assert "Contributor Covenant" in (ROOT / "CODE_OF_CONDUCT.md").read_text("utf-8")


def test_every_folder_with_an_owner_exists():
    lines = (GITHUB / "CODEOWNERS").read_text("utf-8").splitlines()
    owned = [line.split() for line in lines if line and not line.startswith("#")]
    for path, *owners in owned:
        assert path == "*" or (ROOT / path.strip("/")).exists(), path
        assert owners
        assert all(owner.startswith("@duomo-ai/") for owner in owners)
    named = {path for path, *_ in owned}
    assert {f"/plugins/{path.parent.name}/" for path in ROOT.glob("plugins/*/pyproject.toml")} <= named


def test_hooks_before_a_commit_use_the_tested_versions():
    hooks = [
        hook
        for source in yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))["repos"]
        for hook in source["hooks"]
    ]
    assert {"ruff", "ruff-format", "end-of-file-fixer", "check-added-large-files"} <= {hook["id"] for hook in hooks}
    for hook in hooks:
        for needed in hook["additional_dependencies"]:
            assert needed in CONSTRAINTS or not needed.startswith("ruff"), needed


def test_every_test_that_needs_the_machine_to_itself_is_in_a_file_that_make_test_names():
    named = re.search(r"^CLUSTERS := (.*)", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    folders = [ROOT / each for each in named[1].split()]
    marked = [path for path in ROOT.glob("tests/**/test_*.py") if "mark.alone" in path.read_text("utf-8")]
    marked.remove(Path(__file__))
    assert marked
    assert [path for path in marked if not any(path.is_relative_to(each) for each in folders)] == []
