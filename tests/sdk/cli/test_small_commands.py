"""``duomo tasks``, ``executors``, ``env``, ``config`` and ``completion``."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from duomo.config import load_config


def test_tasks_are_listed_with_how_many_models_do_them(duomo: Any) -> None:
    lines = duomo("tasks", "list", "-o", "csv").stdout.splitlines()
    assert lines[0] == "task,modality,models,summary"
    assert "text-classification,nlp,3,a label for a text" in lines
    assert duomo("tasks", "list", "--modality", "speech", "-q", "voice", "-o", "text").stdout.split() == [
        "voice-activity-detection",
        "speaker-embedding",
        "speaker-verification",
        "pitch-estimation",
        "source-separation",
    ]


def test_a_task_shows_its_options_result_and_an_example(duomo: Any) -> None:
    shown = duomo("tasks", "show", "zero-shot-classification").stdout
    assert 'duomo run zero-shot-classification -t "The match ended 2:1" -p labels=sport,politics' in shown
    assert "  labels: list of string (required)  the labels to choose among" in shown
    assert '  long: error|truncate|window = "error"' in shown
    assert "  labels: list of Label\n    name: string\n    score: number" in shown


def test_a_task_as_json_has_its_schemas(duomo: Any) -> None:
    shown = json.loads(duomo("tasks", "show", "text-classification", "-o", "json").stdout)
    assert shown["options"]["properties"]["top_k"]["description"]
    assert shown["result"]["properties"]["labels"]["type"] == "array"
    assert "fake/echo" in shown["models"]


def test_every_task_can_be_shown(duomo: Any) -> None:
    for name in duomo.catalog.tasks:
        assert duomo("tasks", "show", name).exit_code == 0


def test_executors_are_listed_and_the_machine_is_shown(duomo: Any) -> None:
    assert duomo.json("executors", "list")[0]["name"] == "inline"
    shown = json.loads(duomo("executors", "show", "-o", "json").stdout)
    assert shown["cpus"] >= 1
    assert shown["memory"] > 0
    assert shown["torch"]
    assert re.search(r"^processors +\d+ for this process", duomo("executors", "show", "inline").stdout, re.MULTILINE)


def test_env_tells_versions_and_hides_the_home_folder(duomo: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.setenv("DUOMO_CONFIG", "/home/ada/duomo.toml")
    monkeypatch.setenv("HF_TOKEN", "secret")
    text = duomo("env").stdout
    assert re.search(r"^duomo +\d", text, re.MULTILINE)
    assert re.search(r"^  click +\d", text, re.MULTILINE)
    assert "~/duomo.toml (not there)" in text
    assert "/home/ada" not in text
    assert "secret" not in text
    record = json.loads(duomo("env", "-o", "json").stdout)
    assert record["schema"] == "duomo.env/1"
    assert record["plugins"]["extras"] == "in-process, ok"


def test_settings_are_checked_typed_written_and_removed(duomo: Any, config: Any) -> None:
    path: Path = config("")
    path.chmod(0o600)
    assert duomo("config", "path").stdout == f"{path}\n"
    for args in (
        ("set", "limits.image_pixels", "1_000"),
        ("set", "offline", "true"),
        ("set", "plugins.disable", "a, b"),
        ("set", "models.default.text-classification", "echo"),
        ("alias", "mine.too", "echo"),
    ):
        assert duomo("config", *args).exit_code == 0, args
    assert os.name == "nt" or path.stat().st_mode & 0o777 == 0o600, "whoever may not read it still may not"
    assert load_config() == {
        "limits": {"image_pixels": 1000},
        "offline": True,
        "plugins": {"disable": ["a", "b"]},
        "models": {"default": {"text-classification": "fake/echo"}, "alias": {"mine.too": "fake/echo"}},
    }
    assert duomo("config", "get", "models.alias.mine.too").stdout == "fake/echo\n"
    assert duomo("config", "get", "limits.image_pixels").stdout == "1000\n"
    assert 'plugins.disable = ["a", "b"]' in duomo("config", "show").stdout
    assert json.loads(duomo("config", "show", "-o", "json").stdout)["offline"] is True
    assert duomo.json("run", "-m", "mine.too", "-t", "x")[0]["meta"]["model"] == "fake/echo"
    assert duomo("config", "unset", "offline").exit_code == 0
    assert duomo("config", "get", "offline").exit_code == 1


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("set", "limit.image_pixels", "1"), "Did you mean 'limits.image_pixels'"),
        (("set", "limits.image_pixels", "many"), "must be a whole number above 0"),
        (("set", "limits.image_pixels", "1__0"), "must be a whole number above 0"),
        (("set", "limits.image_pixels", "\N{SUPERSCRIPT TWO}"), "must be a whole number above 0"),
        (("set", "limits.image_pixels", "0"), "must be a whole number above 0"),
        (("set", "offline", "maybe"), "must be true or false"),
        (("set", "models.default.text-clasification", "echo"), "no task named"),
        (("set", "models.default.text-classification", "ecko"), "no model named"),
        (("set", "models.default.text-classification", "speaker"), "does not do text-classification"),
        (("alias", "mine", "ecko"), "no model named"),
        (("get", "colour"), "no setting named 'colour'"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_and_nothing_written(
    duomo: Any, config: Any, args: tuple[str, ...], words: str
) -> None:
    path: Path = config("offline = false\n")
    done = duomo("config", *args)
    assert done.exit_code in (2, 4)
    assert words in done.stderr
    assert path.read_text() == "offline = false\n"


def test_with_nothing_set_show_tells_what_can_be(duomo: Any, config: Any) -> None:
    config("")
    shown = duomo("config", "show").stdout
    assert "limits.audio_seconds" in shown
    assert "models.default.TASK" in shown


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_script_is_printed_for_each_shell(duomo: Any, shell: str) -> None:
    script = duomo("completion", shell).stdout
    assert f"_DUOMO_COMPLETE={shell}_complete" in script


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("duomo mod", {"models"}),
        ("duomo gr", {"greet"}),
        ("duomo run text-c", {"text-classification"}),
        ("duomo run -m fake/e", {"fake/echo"}),
        ("duomo run image-feature-extraction -m ", {"fake/looker"}),
        ("duomo run -x in", {"inline"}),
        ("duomo models add st", {"starter"}),
        ("duomo models list --plugin ext", {"extras"}),
        ("duomo tasks show face", {"face-detection"}),
        ("duomo config set limits.au", {"limits.audio_seconds"}),
    ],
)
def test_a_shell_is_offered_our_names(duomo: Any, line: str, offered: set[str]) -> None:
    words = line.split(" ")
    env = {"_DUOMO_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    found = {each.partition(",")[2] for each in duomo(env=env).stdout.splitlines()}
    assert offered <= found
    assert all(each.startswith(words[-1]) for each in found)


def test_behind_the_task_a_shell_offers_files(duomo: Any) -> None:
    line = "duomo run text-classification no"
    env = {"_DUOMO_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": "3"}
    assert duomo(env=env).stdout == "file,no\n"


def test_a_missing_argument_is_answered_with_an_example(duomo: Any) -> None:
    assert "fix: duomo export nlp/minilm -O minilm/\n       duomo export --help" in duomo("export").stderr
    assert "fix: duomo train text-classification reviews.csv" in duomo("train", "text-classification", "a.csv").stderr


def test_a_misspelt_modality_is_no_empty_list(duomo: Any) -> None:
    done = duomo("tasks", "list", "--modality", "visoin")
    assert done.exit_code == 2
    assert "Did you mean 'vision'?" in done.stderr
