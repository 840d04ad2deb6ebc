"""The first minutes: no plugin is installed yet, and names are typed as other places have them."""

import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from duomo.catalog import Catalog
from duomo.cli import cli
from duomo.cli.app import App
from duomo.errors import UnknownModel
from duomo.plugins.selection import Selection
from duomo.runner import load
from duomo.specs import ModelSpec
from duomo.tasks import CORE_TASKS
from duomo.tasks.aliases import ALIASES, aliases_of
from duomo.testing.fakes import fake_catalog


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Calls ``duomo`` where no plugin is installed."""
    monkeypatch.setattr("duomo.plugins.host.discover", list)
    return lambda *args: CliRunner().invoke(cli, list(args), obj=App(Catalog(Selection())))


@pytest.mark.parametrize(
    ("args", "distribution"),
    [
        (("run", "text-classification", "-t", "a"), "duomo-nlp"),
        (("run", "ocr", "-r", "."), "duomo-vision"),
        (("run", "asr", "."), "duomo-speech"),
        (("run", "multimodal-embedding", "-t", "a"), "duomo-multimodal"),
        (("models", "add", "starter"), "duomo-nlp"),
        (("demo",), "duomo-multimodal"),
        (("train", "text-classification", "rows.csv", "-O", "out"), "duomo-nlp"),
        (("train", "text-classification", "rows.csv", "-O", "out", "-m", "nlp/minilm"), "duomo-nlp"),
        (("run", "text-classification", "-t", "a", "-m", "nlp/vader"), "duomo-nlp"),
        (("export", "nlp/minilm", "-O", "out"), "duomo-nlp"),
        (("plan", "nlp/minilm"), "duomo-nlp"),
        (("models", "show", "nlp/minilm"), "duomo-nlp"),
        (("adapters", "show", "finance/backtest"), "duomo-finance"),
    ],
)
def test_without_plugins_what_to_install_is_said(bare: Any, args: tuple[str, ...], distribution: str) -> None:
    done = bare(*args)
    assert done.exit_code == 4
    assert f"pip install {distribution}, or pip install 'duomo[all]'" in done.stderr


@pytest.mark.parametrize("form", ["text", "table"])
@pytest.mark.parametrize("listing", ["models", "adapters", "plugins"])
def test_an_empty_list_without_plugins_says_what_to_install(bare: Any, listing: str, form: str) -> None:
    done = bare(listing, "list", "-o", form)
    assert (done.exit_code, done.stdout) == (0, "")
    assert "pip install duomo-" in done.stderr


@pytest.mark.parametrize(
    ("args", "fix"),
    [
        (("download", "minilm"), "duomo models add NAME"),
        (("models", "pull", "minilm"), "duomo models add NAME"),
        (("predict", "cat.jpg"), "duomo run TASK INPUT"),
        (("list",), "duomo tasks list"),
        (("models", "ls"), "duomo models list"),
        (("config", "list"), "duomo config show"),
        (("run", "zero-shot-classification", "-t", "a", "--labels", "b,c"), "-p labels=VALUE"),
    ],
)
def test_words_of_other_programs_are_answered_with_ours(bare: Any, args: tuple[str, ...], fix: str) -> None:
    done = bare(*args)
    assert done.exit_code == 2
    assert fix in done.stderr
    assert "Did you mean" not in done.stderr


def test_a_library_that_is_not_installed_is_named(bare: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    done = bare("plan", "nlp/minilm")
    assert done.exit_code == 4
    assert "needs the library torch" in done.stderr
    assert "pip install torch, or pip install 'duomo[all]'" in done.stderr


def test_doctor_says_that_there_are_no_plugins(bare: Any) -> None:
    shown = bare("doctor", "-o", "csv").stdout
    assert "none is installed, so no task has a model" in shown
    assert "pip install duomo-nlp, or pip install 'duomo[all]'" in shown


def test_with_plugins_pip_is_not_suggested(duomo: Any) -> None:
    assert "none is installed" not in duomo("doctor", "-o", "csv").stdout
    assert "duomo-nlp" not in duomo("models", "add", "startr").stderr
    assert "No such command 'dmo'" in duomo("dmo").stderr


@pytest.mark.parametrize("alias", sorted(ALIASES))
def test_an_alias_means_a_task_and_hides_none(alias: str) -> None:
    names = {spec.name for spec in CORE_TASKS}
    assert ALIASES[alias] in names
    assert alias not in names
    assert alias in aliases_of(ALIASES[alias])
    assert Catalog(Selection(allow=frozenset())).task(alias).name == ALIASES[alias]


def test_every_alias_stands_once() -> None:
    assert len(ALIASES) == sum(len(aliases_of(spec.name)) for spec in CORE_TASKS)


def test_an_alias_works_wherever_a_task_is_named(duomo: Any) -> None:
    [line] = duomo.json("run", "sentiment-analysis", "-t", "a")
    assert line["meta"]["task"] == "text-classification"
    assert duomo.json("run", "sentiment-analysis", "-m", "echo", "-t", "a")[0]["ok"]
    assert "aliases classify-text, sentiment, sentiment-analysis" in duomo("tasks", "show", "sentiment").stdout
    assert duomo("tasks", "list", "-q", "ocr", "-o", "text").stdout == "optical-character-recognition\n"
    assert duomo("models", "list", "--task", "asr", "-o", "text").stdout == "fake/scribe\n"
    assert "'tts' is a task, not a command" in duomo("tts", "-t", "a").stderr
    with load("sentiment-analysis", catalog=duomo.catalog) as runner:
        assert runner("x").top.name == "x"


def test_a_bare_name_from_the_hub_is_answered_with_its_prefix() -> None:
    catalog = fake_catalog(ModelSpec("fake/echo", "text-classification", "m:c", "", "MIT", weights="none"))
    with pytest.raises(UnknownModel) as caught:
        catalog.model("distilbert/distilbert-base-uncased")
    assert "-m hf:distilbert/distilbert-base-uncased" in caught.value.fix
    with pytest.raises(UnknownModel) as caught:
        catalog.model("fake/ekho")
    assert "hf:" not in caught.value.fix


def test_pairs_are_given_on_the_command_line(duomo: Any) -> None:
    pairs = ("run", "similarity", "--pair", "a cat", "a kitten", "--pair", "a dog", "a lorry")
    [plan] = duomo.json(*pairs, "--dry-run")
    assert (plan["inputs"], plan["first_inputs"]) == (2, ["a cat · a kitten", "a dog · a lorry"])
    # lengths over a thousand, printed and read
    assert [line["result"]["scores"] for line in duomo.json(*pairs)] == [[5.008], [5.007]], "lengths of both parts"
    assert duomo(*pairs, "-o", "table").stdout.splitlines()[1].split("  ")[0] == "a cat · a kitten"
    [line] = duomo.json("run", "text-classification", "--pair", "a", "b")
    assert line["error"]["code"] == "E-INPUT"


def test_a_corpus_is_given_on_the_command_line(duomo: Any, tmp_path: Any) -> None:
    (tmp_path / "corpus.txt").write_text("one\n\n two \nthree\n")
    search = ("run", "semantic-search", "-t", "a", "-m", "fake/search", "--dry-run")

    def corpus(*args: str) -> Any:
        return duomo.json(*search, *args)[0]["options"]["corpus"]

    assert corpus("-p", "corpus=only") == ["only"]
    assert corpus("-p", "corpus=a", "-p", "corpus=b") == ["a", "b"]
    assert corpus("-p", 'corpus=["a"]') == ["a"]
    assert corpus("--param-file", f"corpus={tmp_path}/corpus.txt") == ["one", " two ", "three"]
    labels = ("run", "zero-shot-classification", "-t", "a", "-m", "fake/zero", "--dry-run", "-p", "labels=x,y")
    assert duomo.json(*labels)[0]["options"]["labels"] == "x,y", "the option splits it itself"
    assert "no text file at 'gone'" in duomo(*search, "--param-file", "corpus=gone").stderr
    assert "--param-file corpus=texts.txt" in duomo(*search, "--param-file", "corpus").stderr


def test_a_plugin_that_was_written_and_not_installed_is_told_how(
    duomo: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert duomo("plugins", "new", "birds").exit_code == 0
    assert "fix: pip install -e duomo-birds" in duomo("plugins", "check", "birds").stderr
    assert "fix: duomo plugins list" in duomo("plugins", "check", "fish").stderr
