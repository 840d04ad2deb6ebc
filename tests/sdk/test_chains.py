"""Chains are ordinary Python: the result of one task goes into the next, with real models."""

import json
from pathlib import Path
from typing import Any

import PIL.Image
import pytest
import torch
from click.testing import CliRunner
from transformers import BertForQuestionAnswering

import duomo
from duomo.cli import cli
from duomo.cli.app import App
from duomo.testing.samples import pages

pytestmark = [pytest.mark.embedded, pytest.mark.slow]


def test_what_is_said_is_written_down_split_and_said_again() -> None:
    speech = duomo.run("text-to-speech", "The clinic in Boston opens at nine. Bring your papers.")
    transcript = duomo.run("automatic-speech-recognition", speech.wav)
    assert "clinic in Boston" in transcript.text
    keywords = duomo.run("keyword-extraction", transcript, top_k=3)
    assert any("clinic" in each.text.lower() for each in keywords.keywords)
    again = duomo.run("text-to-speech", transcript)
    assert again.duration == pytest.approx(speech.duration, rel=0.3)
    # Times travel along: who said it is asked of another result by the same times.
    voices: Any = duomo.run("speaker-diarization", speech.wav)
    assert {voices.speaker_at(each.start, each.end) for each in transcript.segments} == {"speaker-1"}


def test_a_page_that_was_read_is_searched() -> None:
    page = duomo.run("optical-character-recognition", pages()[1])
    assert "99.50" in page.text
    found = duomo.run("sentence-similarity", {"source": "the total sum", "sentences": page.text.splitlines()})
    assert len(found.scores) == len(page.text.splitlines())
    assert duomo.run("language-identification", page).labels


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Tiny random networks that translate and answer."""
    from tests.contract.test_every_family import bart, bert

    made = {}
    for task, save in (("translation", bart), ("question-answering", bert(BertForQuestionAnswering, ("start", "end")))):
        torch.manual_seed(0)
        made[task] = tmp_path_factory.mktemp(task)
        save(made[task])
    return made


def duomo_run(*args: str, input: str | bytes | None = None) -> bytes:
    done = CliRunner().invoke(cli, ["run", *args], input=input, obj=App())
    assert done.exit_code == 0, done.stderr
    return done.stdout_bytes


def test_speech_is_written_down_translated_and_said_again_in_a_pipe(
    checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    sound, again = tmp_path / "said.wav", tmp_path / "again.wav"
    duomo_run("text-to-speech", "-t", "I love this camera.", "-O", str(sound))
    heard = duomo_run("automatic-speech-recognition", str(sound))
    piped = ("--input-format", "jsonl", "-")
    translated = duomo_run(
        "translation", "-m", f"dir:{checkpoints['translation']}", "-p", "max_new_tokens=6",
        "--field", "result.text", *piped, input=heard,
    )  # fmt: skip
    outcome = json.loads(translated)
    assert (outcome["id"], outcome["ok"]) == (str(sound), True)
    with duomo.load("translation", f"dir:{checkpoints['translation']}", device="cpu") as translate:
        transcript = duomo.run("automatic-speech-recognition", sound)
        assert outcome["result"]["translation_text"] == translate(transcript, max_new_tokens=6).text
    duomo_run("text-to-speech", "--field", "result.translation_text", *piped, "-O", str(again), input=translated)
    assert again.read_bytes()[:4] == b"RIFF"


def test_a_page_is_read_and_asked_in_a_pipe(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    file = tmp_path / "page.png"
    PIL.Image.fromarray(pages()[1]).save(file)
    [read] = [json.loads(line) for line in duomo_run("optical-character-recognition", str(file)).splitlines()]
    context = "\n".join(line["text"] for line in read["result"]["lines"])
    row = json.dumps({"question": "Which total?", "context": context})
    answered = duomo_run(
        "question-answering", "-m", f"dir:{checkpoints['question-answering']}", "--input-format", "jsonl", "-",
        input=row,
    )  # fmt: skip
    top = json.loads(answered)["result"]["answers"][0]
    page = duomo.run("optical-character-recognition", file)
    same = duomo.run(
        "question-answering", ("Which total?", page), model=f"dir:{checkpoints['question-answering']}", device="cpu"
    )
    assert same.top is not None
    assert (top["text"], top["start"]) == (same.top.text, same.top.start)
    assert page.text[top["start"] : top["end"]] == top["text"]
