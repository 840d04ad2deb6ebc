"""Listing, help and completion stay light: nothing heavy is imported for them, whatever is installed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("torch", "transformers", "pydantic", "rich", "numpy", "importlib.metadata", "packaging", "platformdirs")

WALK = """
import contextlib, io, json, os, sys
import click
from duomo.cli import COMMANDS, Root, cli
from duomo.cli.app import App

heavy = sys.argv[1].split(",")
seen = {}

def call(*args, **env):
    os.environ.update(env)
    app = App()
    out = io.TextIOWrapper(io.BytesIO())
    with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
        cli.main(list(args), obj=app)
    out.flush()
    for name in env:
        del os.environ[name]
    assert out.buffer.getvalue(), (args, env)
    for name in heavy:
        if name in sys.modules:
            seen.setdefault(name, " ".join(args) + str(env or ""))

def walk(command, path):
    call(*path, "--help")
    if isinstance(command, click.Group):
        ctx = click.Context(command, obj=App())
        for name in COMMANDS if isinstance(command, Root) else command.list_commands(ctx):
            walk(command.get_command(ctx, name), (*path, name))

call("--version")
walk(cli, ())
for kind in ("auto", "table", "csv", "json"):
    for group in ("models", "tasks", "plugins", "executors", "adapters"):
        call(group, "list", "-o", kind)
call("config", "show")
call("completion", "bash")
for line in ("duomo ", "duomo run ", "duomo run image-classification -m ", "duomo models show ", "duomo models add "):
    words = line.split() + ([""] if line.endswith(" ") else [])
    call(_DUOMO_COMPLETE="bash_complete", COMP_WORDS=line, COMP_CWORD=str(len(words) - 1))
print(json.dumps(seen))
"""


def test_nothing_heavy_is_imported_to_look_around() -> None:
    env = {**os.environ, "COLUMNS": "80"}
    done = subprocess.run(
        [sys.executable, "-c", WALK, ",".join(HEAVY)], env=env, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {}


def test_the_version_is_shown_before_any_plugin_is_looked_for() -> None:
    code = (
        "import sys; sys.argv = ['duomo', '--version']; from duomo.cli import main\n"
        "try: main()\nexcept SystemExit: print('duomo.plugins.host' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.splitlines()[-1] == "False"


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_a_runtime_that_reports_to_its_maker_is_told_not_to(runtime: str, tmp_path: Path) -> None:
    """Each keeps an identifier of this user in the home folder as soon as it means to report."""
    pytest.importorskip(runtime)
    env = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}  # without CI, in which both are silent anyway
    subprocess.run([sys.executable, "-c", f"import duomo, {runtime}"], env=env, capture_output=True, check=True)
    assert list(tmp_path.rglob("*")) == []
