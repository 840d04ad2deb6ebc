"""The examples run, and say what they are meant to say."""

import json
import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
SAYS = {
    "ask_page.py": ["INVOICE 2026", "in the line"],
    "chat.py": ["Paris"],
    "finance.py": ["blocked: sex (FAIR.PROHIBITED_BASIS)", "naive: LEAK.FUTURE", "look first at:"],
    "cluster.py": ["0 positive - cpu on ", "2 this text is empty", "workers: 2"],
    "forty_lines.py": ["chelsea.png", "(3, 384) float32 [1.", "morning from the cathedral", " --> 00:00:0"],
    "find_pictures.py": ["an animal: chelsea", "something to drink: coffee", "heard"],
    "many_devices.py": ["in order: True", "1 worker lost, 2 at work"],
    "many_items.py": ["missing.jpg", "3 of 5 failed", "on cpu"],
    "medical.py": ["RR 982 ms, 61 beats", "one lead: refer QUALITY.LEADS_DISAGREE", "CT, no OCR: PHI.PIXEL"],
    "one_item.py": ["cat", "de\n", "positive"],
    "own_plugin.py": ["['loud', 'calm']", "audit: house/shouting did 2 item(s)"],
    "retail.py": ["80 % intervals held", "STOCKOUT.CENSORED: out of stock in 5 of 78", "of weeks served"],
    "speech.py": ["s: speech", "sixteen years|16 years", "one voice"],
    "pretrain.py": ["stopped after 40 steps\nwent on after step 40", "better than a guess: True"],
    "train_images.py": ["accuracy ", "hardest rows: ", "of 100 others read right"],
    "train_speech.py": ["left out low/broken.wav", "at 100 Hz: low", "at 260 Hz: high"],
    "train_table.py": ["accuracy", "not used: country", "the first is barolo"],
    "train_two_processes.py": ["together, of 88 rows", "the same shapes: True"],
    "train_texts.py": ["accuracy", "row 48 left out: this text is empty", "weather kitchen"],
    "translate_speech.py": ["heard, en: The clinic", "0.", "said again in"],
    "typed_task.py": ["face 0.", "Did you mean 'threshold'?"],
}

CHECKPOINTS = ("ask_page.py", "translate_speech.py")
"""Examples that are told a checkpoint: here a tiny one of random numbers."""


def test_every_example_is_listed_and_short():
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(SAYS)
    for path in EXAMPLES.glob("*.py"):
        assert len(path.read_text("utf-8").splitlines()) <= 40, path.name


def checkpoint(name: str, folder: Path) -> list[str]:
    """The argument of an example."""
    if name not in CHECKPOINTS:
        return []
    import torch
    from transformers import BertForQuestionAnswering

    from tests.contract.test_every_family import bart, bert

    torch.manual_seed(0)
    folder.mkdir()
    (bart if name == "translate_speech.py" else bert(BertForQuestionAnswering, ("start", "end")))(folder)
    if name == "translate_speech.py":  # words, and not many: what it says is nonsense
        file = folder / "generation_config.json"
        file.write_text(
            json.dumps(
                json.loads(file.read_text()) | {"max_length": 8, "min_length": 8, "suppress_tokens": [0, 1, 2, 4]}
            )
        )
    return [f"dir:{folder}"]


CLUSTER = [pytest.mark.multiproc, pytest.mark.alone]


@pytest.mark.slow
@pytest.mark.embedded
@pytest.mark.parametrize("name", [pytest.param(each, marks=CLUSTER if each == "cluster.py" else []) for each in SAYS])
def test_an_example_runs_and_says(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", [name, *checkpoint(name, tmp_path / "checkpoint")])
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    said = capsys.readouterr().out
    for words in SAYS[name]:
        assert any(each in said for each in words.split("|")), said
