"""A chain of real models through the command line, as a user types it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from duomo.cli import cli
from duomo.cli.app import App

pytestmark = [pytest.mark.embedded, pytest.mark.slow]


def test_a_text_is_spoken_written_down_and_judged(tmp_path: Path) -> None:
    def duomo(*args: str, input: str | None = None) -> str:
        done = CliRunner().invoke(cli, list(args), input=input, obj=App())
        assert done.exit_code == 0, done.stderr
        return done.stdout

    sound = tmp_path / "said.wav"
    duomo("run", "text-to-speech", "-t", "What a wonderful day, I love it.", "-O", str(sound))
    assert sound.read_bytes()[:4] == b"RIFF"
    written = duomo("run", "automatic-speech-recognition", str(sound))
    chained = ("--input-format", "jsonl", "--field", "result.text", "--top-k", "1", "-")
    (line,) = duomo("run", "text-classification", *chained, input=written).splitlines()
    outcome = json.loads(line)
    assert outcome["id"] == str(sound)
    assert outcome["result"]["labels"][0]["name"] == "positive"
    assert outcome["meta"]["plugin"].startswith("duomo-nlp ")


def test_every_installed_model_is_what_it_was_tested_as() -> None:
    done = CliRunner().invoke(cli, ["models", "verify"], obj=App())
    assert done.exit_code == 0, done.stdout
    states = {record["name"]: record["state"] for record in map(json.loads, done.stdout.splitlines())}
    assert "mismatch" not in states.values()
    assert list(states.values()).count("ok") >= 5, states
