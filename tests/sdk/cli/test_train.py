"""`duomo train` and `duomo evaluate`, on a checkpoint made here."""

import csv
import itertools
import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from duomo.cli import cli
from duomo.training.intervals import Interval

WORDS = "the a robin wren cod hake sat swam flew here there".split()


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    vocab = {word: at for at, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocab, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]").save_pretrained(folder)
    sizes: dict[str, Any] = {
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 32,
    }
    with torch.random.fork_rng():
        torch.manual_seed(0)  # from some starts this little network does not learn in eight epochs
        network = BertModel(BertConfig(vocab_size=len(vocab), max_position_embeddings=32, **sizes))
    network.save_pretrained(folder)
    return folder


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "rows.csv"
    kinds = {"bird": ("robin", "wren"), "fish": ("cod", "hake")}
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "kind"])
        for kind, names in kinds.items():
            for name in names:
                places = itertools.product(("the", "a"), ("sat", "swam", "flew"), ("here", "there"))
                writer.writerows((f"{a} {name} {b} {c}", kind) for a, b, c in places)
        writer.writerow(["", "bird"])
    return path


def run(*args: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli, [str(arg) for arg in args])
    return done.exit_code, done.output


def test_a_table_becomes_a_model_that_is_evaluated_and_run(base, table, tmp_path):
    table.write_text(table.read_text() + "the robin sat here,bird\n")
    out = tmp_path / "out"
    code, said = run(
        "-v", "train", "text-classification", table, "--label", "kind", "-m", f"dir:{base}", "--train", "all",
        "--epochs", "8", "--lr", "0.01", "-O", out, "--set", "schedule=cosine", "--resume",
    )  # fmt: skip
    assert code == 0, said
    assert "rows trained" in said
    assert [f"epoch {number}/8" in said for number in range(1, 9)] == [True] * 8, "-v says each epoch"
    assert "rows.csv:50" in said, "the row without a text is named, by its number in a spreadsheet"
    assert "note: 1 row repeats another row's input" in said, "what was found in the rows is told without --check"
    code, said = run("evaluate", "text-classification", table, "--label", "kind", "-m", f"dir:{out}", "-o", "json")
    assert code == 0, said
    assert json.loads(said[said.index("{") :])["scores"]["accuracy"]["value"] > 0.9
    long = tmp_path / "long.csv"
    long.write_text(f"text,kind\n{'the wren ' * 40},bird\nthe cod,fish\n")
    code, said = run("evaluate", "text-classification", long, "--label", "kind", "-m", f"dir:{out}")
    assert "1 input is longer than the model reads: the beginning is used" in said
    code, said = run("run", "text-classification", "-m", f"dir:{out}", "-t", "the wren flew here", "-o", "jsonl")
    assert json.loads(said)["result"]["labels"][0]["name"] == "bird"
    assert (out / "curves.svg").read_text().startswith("<?xml")
    assert (out / "confusion.svg").exists()


def test_check_reads_and_takes_no_step(base, table, tmp_path):
    table.write_text(table.read_text() + "the robin sat here,fish\n")
    asked = ("train", "text-classification", table, "--label", "kind", "-m", f"dir:{base}")
    for out in ([], ["-O", tmp_path / "out"]):
        code, said = run(*asked, *out, "--check")
        assert code == 0, said
        assert "labels: bird, fish" in said
        assert "1 input has two labels or more" in said
        assert not (tmp_path / "out").exists()
    assert run(*asked)[0] == 2


@pytest.mark.parametrize(
    ("more", "code", "named"),
    [
        (["--label", "kinds"], 1, "Did you mean"),
        (["--label", "kind", "--train", "torso"], 2, "a number of upper layers"),
        (["--label", "kind", "--set", "batchs=3"], 2, "batch"),
        (["--label", "kind", "--train", "9"], 2, "has 1 layer"),
        (["--label", "kind", "--set", "warmup=.1", "--set", "schedule=constant"], 2, "warmup=0.1 contradicts"),
    ],
)
def test_a_call_that_is_off_is_answered_in_words(base, table, tmp_path, more, code, named):
    found, said = run("train", "text-classification", table, "-m", f"dir:{base}", "-O", tmp_path / "out", *more)
    assert named in said
    assert found == code


def test_scores_that_are_not_known_are_null_in_json_and_words_elsewhere(monkeypatch):
    """JSON has no NaN: jq, browsers and polars refuse the file; and "nan to nan" says nothing to a person."""
    unknown = {"r2": Interval(math.nan, math.nan, math.nan, 1), "mae": Interval(0.5, math.nan, math.nan, 1)}
    found = SimpleNamespace(scores=unknown, left_out=[], num_rows=1, truncated=0, cut_off=0)
    monkeypatch.setattr("duomo.training.checking.evaluate", lambda *_, **__: found)
    code, said = run("evaluate", "tabular-regression", "one.csv", "-m", "dir:houses", "-o", "json")
    assert (code, json.loads(said)["scores"]["r2"]["low"]) == (0, None)
    _, said = run("evaluate", "tabular-regression", "one.csv", "-m", "dir:houses")
    assert [line.split(maxsplit=1)[1] for line in said.splitlines()] == [
        "not known  (interval not known, of 1)", "0.5000  (interval not known, of 1)",
    ]  # fmt: skip


def test_a_model_that_cannot_be_trained_is_run_and_scored(tmp_path):
    rows = [("Lovely, wonderful!", "positive"), ("I hate it.", "negative"), ("A great loss.", "negative"), ("", "x")]
    path = tmp_path / "said.jsonl"
    path.write_text("".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in rows))
    code, said = run("evaluate", "text-classification", path, "-m", "nlp/vader", "-o", "json")
    assert code == 0
    found = json.loads(said)
    assert found["rows"] == 3
    assert found["scores"]["accuracy"]["num_rows"] == 3
    assert "loss" not in found["scores"]
    assert [each["id"] for each in found["left_out"]] == ["said.jsonl:4"]


def test_labels_that_a_model_never_says_are_named(table):
    code, said = run("evaluate", "text-classification", table, "--label", "kind", "-m", "nlp/vader")
    assert code == 1
    assert "'nlp/vader' does not know the labels of these rows" in said
    assert "bird, fish" in said


def test_a_task_without_a_metric_is_refused(table):
    code, said = run("evaluate", "feature-extraction", table, "--label", "kind", "-m", "nlp/minilm")
    assert code == 2
    assert "feature-extraction cannot be evaluated" in said
    assert "Classification" in said


def test_a_training_that_is_interrupted_says_how_to_go_on(base, table, tmp_path, monkeypatch):
    import duomo.training.fitting as fitting

    def interrupted(*_: object, out: Any, **__: object) -> None:
        (Path(out) / "checkpoints").mkdir(parents=True)
        raise KeyboardInterrupt

    monkeypatch.setattr(fitting, "finetune", interrupted)
    out = tmp_path / "out"
    _, said = run("train", "text-classification", table, "--label", "kind", "-m", f"dir:{base}", "-O", out)
    assert f"the same command with --resume goes on with what is in '{out}'" in said
