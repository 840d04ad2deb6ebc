"""The examples run, and say what they are meant to say."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
SAYS = {
    "chat.py": ["Paris"],
    "find_pictures.py": ["an animal: chelsea", "something to drink: coffee", "heard"],
    "many_items.py": ["missing.jpg", "3 of 5 failed", "on cpu"],
    "one_item.py": ["cat", "de\n", "positive"],
    "own_plugin.py": ["['loud', 'calm']", "audit: house/shouting did 2 item(s)"],
    "speech.py": ["s: speech", "sixteen years|16 years", "one voice"],
    "typed_task.py": ["face 0.", "Did you mean 'threshold'?"],
}


def test_every_example_is_listed_and_short():
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(SAYS)
    for path in EXAMPLES.glob("*.py"):
        assert len(path.read_text("utf-8").splitlines()) <= 40, path.name


@pytest.mark.slow
@pytest.mark.embedded
@pytest.mark.parametrize("name", SAYS)
def test_an_example_runs_and_says(name, tmp_path):
    command = [sys.executable, str(EXAMPLES / name)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    for words in SAYS[name]:
        assert any(each in done.stdout for each in words.split("|")), done.stdout
