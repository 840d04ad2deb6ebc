"""The generalist learns to act from a user's episodes: what it takes from them, and that it acts as they do."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import duomo
from duomo.cli import cli
from duomo.errors import BadInput, UsageProblem

STEPS = 5


def episode(chance: np.random.Generator, expert: bool = True) -> dict[str, Any]:
    """A cart at one of nine places is to be brought to the middle: left, stay or right."""
    at, seen, done, earned = int(chance.integers(9)), [], [], []
    for _ in range(STEPS):
        seen.append({"place": [at]})
        best = 2 if at < 4 else 0 if at > 4 else 1
        done.append([best if expert else 2 - best if best != 1 else 2])
        at = max(0, min(8, at + done[-1][0] - 1))
        earned.append(-abs(at - 4))
    return {"observations": [*seen, {"place": [at]}], "actions": done, "rewards": earned}


def written(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def fit(tmp_path_factory: pytest.TempPathFactory) -> duomo.Fit:
    """From random numbers, half of the episodes those of someone who goes the wrong way."""
    chance = np.random.default_rng(0)
    rows = [episode(chance, expert=at % 2 == 0) for at in range(160)]
    return duomo.pretrain(
        "reinforcement-learning", rows, out=tmp_path_factory.mktemp("fit") / "out", device="cpu",
        recipe=duomo.Recipe(epochs=8, batch=16, lr=3e-3),
    )  # fmt: skip


def test_it_acts_as_those_did_who_earned_more(fit: duomo.Fit) -> None:
    with fit.load(device="cpu") as act:
        found = [int(act({"observations": [{"place": [at]}]}).values[0]) for at in range(9)]
    assert found == [2, 2, 2, 2, 1, 0, 0, 0, 0]
    assert any("episodes that show place earn less than their median" in each.what for each in fit.findings)


def test_the_folder_says_what_the_environment_is(fit: duomo.Fit) -> None:
    about = json.loads((fit.folder / "duomo.json").read_text())["environments"]
    assert about["place"]["action"] == {"kind": "discrete", "count": 1, "choices": 3}
    assert about["place"]["observations"]["place"]["kind"] == "discrete"


def test_the_one_that_comes_with_the_plugin_learns_another_environment_and_keeps_its_own(tmp_path: Path) -> None:
    rows = written(tmp_path / "rows.jsonl", [episode(np.random.default_rng(at)) for at in range(6)])
    given = ["train", "reinforcement-learning", rows, "-O", tmp_path / "out", "--train", "all", "--epochs", "1"]
    done = CliRunner().invoke(cli, list(map(str, given)))
    assert done.exit_code == 0, done.output
    about = json.loads((tmp_path / "out" / "duomo.json").read_text())["environments"]
    assert set(about) == {"reach", "grid", "place"}
    scores = CliRunner().invoke(
        cli, ["evaluate", "reinforcement-learning", str(rows), "-m", f"dir:{tmp_path / 'out'}", "-o", "json"]
    )
    assert scores.exit_code == 0, scores.output
    assert json.loads(scores.output)["scores"]["loss"]["value"] > 0


def test_a_head_is_not_what_it_has(tmp_path: Path) -> None:
    with pytest.raises(UsageProblem, match="train='all'"):
        duomo.finetune("reinforcement-learning", [episode(np.random.default_rng(0))] * 2, out=tmp_path / "out")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"rewards": [1.0]}, "1 rewards and 5 actions"),
        ({"observations": [{"place": [1]}], "actions": [], "rewards": []}, "no episode that shows place has an action"),
        ({"actions": [[0.5, 2.5]] * 5}, "an action of 'place' is beyond 1"),
        ({"observations": [{"place": list(range(65))}] * 6}, "an observation of 65 numbers"),
        ({"id": 3}, "an episode has no 'id'"),
    ],
)
def test_episodes_that_cannot_be_learned_are_refused_with_words(
    tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    rows = [{**episode(np.random.default_rng(at)), **change} for at in range(3)]
    with pytest.raises(BadInput, match=words):
        duomo.pretrain("reinforcement-learning", rows, out=tmp_path / "out", validation=0, device="cpu")


def test_a_long_episode_becomes_several_rows_of_whole_steps(tmp_path: Path) -> None:
    long = {
        "observations": [{"height": [0.001 * at], "speed": [-0.5]} for at in range(201)],
        "actions": [[0.25]] * 200,
    }
    fit = duomo.pretrain(
        "reinforcement-learning", [long, long], out=tmp_path / "out", validation=0, device="cpu",
        recipe=duomo.Recipe(epochs=1, max_steps=1),
    )  # fmt: skip
    assert fit.rows.trained == 2 * 4, "200 steps of 4 tokens, 64 of them at once"
    assert json.loads((fit.folder / "duomo.json").read_text())["environments"]["height+speed"]["action"]["count"] == 1
