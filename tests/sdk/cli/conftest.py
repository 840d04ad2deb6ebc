"""Two ways to call ``duomo``: in this process with fake models, and as a shell does it."""

import json
import os
import subprocess
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import click
import pytest
from click.testing import CliRunner, Result

from duomo.cli import cli
from duomo.cli.app import App
from duomo.hooks import Hooks, hookimpl
from duomo.model import Features, Model
from duomo.specs import CommandSpec, ModelSpec, RendererSpec
from duomo.tasks.nlp.embedding import Similarity
from duomo.tasks.nlp.generation import Generation, TextChunk
from duomo.tasks.results import Embedding
from duomo.tasks.speech import Segment, Transcript
from duomo.tasks.speech.synthesis import Speech
from duomo.testing.fakes import echo_spec, fake_catalog


class FakeModel(Model[Any, Any]):
    """Hands the inputs to `answer`; subclasses say what comes back."""

    @classmethod
    def load(cls, weights: Any, *, device: Any, dtype: Any) -> Self:
        return cls()

    def preprocess(self, items: Sequence[Any], options: Any) -> list[Features]:
        return [{"item": item} for item in items]

    def collate(self, features: list[Features]) -> list[Any]:
        return [each["item"] for each in features]

    def forward(self, batch: list[Any]) -> list[Any]:
        return batch

    def postprocess(self, output: list[Any], features: list[Features], options: Any) -> list[Any]:
        return [self.answer(item, options) for item in output]

    def answer(self, item: Any, options: Any) -> Any:
        raise NotImplementedError


class Speaker(FakeModel):
    """Says a text as that many samples of silence."""

    def answer(self, item: Any, options: Any) -> Speech:
        return Speech.model_construct(wav=b"RIFF" + str(item).encode(), sampling_rate=16000, duration=1.5)


class Scribe(FakeModel):
    """Hears the name of the file it is given; nothing in ``silence.wav``."""

    def answer(self, item: Any, options: Any) -> Transcript:
        name = Path(item.name).stem
        if name == "silence":
            return Transcript.model_construct(text="", segments=[], language="en")
        segment = Segment.model_construct(start=0.0, end=1.25, text=name)
        return Transcript.model_construct(text=f"this is {name}", segments=[segment], language="en")


class Looker(FakeModel):
    """Opens the picture, so that a bad one fails, and gives its size as a vector."""

    def answer(self, item: Any, options: Any) -> Embedding:
        return Embedding.model_construct(vector=[float(each) for each in item.pil().size])


class Matcher(FakeModel):
    """Gives the lengths of a text and of those it is compared with as scores: 5.008."""

    def answer(self, item: Any, options: Any) -> Similarity:
        return Similarity.model_construct(scores=[len(item.source) + len(each) / 1000 for each in item.sentences])


class Writer(FakeModel):
    """Goes on with the prompt in three parts; fails on ``poison``."""

    def answer(self, item: Any, options: Any) -> Generation:
        text = "".join(part.text for part in self.stream(item, options))
        return Generation.model_construct(text=text, finish_reason="stop", num_prompt_tokens=1, num_new_tokens=3)

    def stream(self, item: Any, options: Any) -> Iterator[TextChunk]:
        if item.text == "poison":
            raise ValueError("poison")
        for word in ("once", " upon", " a time"):
            yield TextChunk.model_construct(text=word, finish_reason=None)


@click.command("greet")
@click.argument("name")
def greet(name: str) -> None:
    """Say hello."""
    click.echo(f"hello {name}")


def shout(records: list[dict[str, Any]]) -> str:
    """A renderer."""
    return "!".join(record["id"] for record in records)


def packed(records: list[dict[str, Any]]) -> bytes:
    """A renderer that gives bytes."""
    return b"\x00" * len(records)


def tops(records: list[dict[str, Any]]) -> str:
    """A renderer that forgot that items fail."""
    return "".join(record["result"]["labels"][0]["name"] for record in records)


class Extras(Hooks):
    """A plugin with a command and two renderers."""

    @hookimpl
    def register_commands(self) -> list[CommandSpec]:
        return [CommandSpec("greet", "cli_fakes:greet", "say hello")]

    @hookimpl
    def register_renderers(self) -> list[RendererSpec]:
        return [
            RendererSpec("shout", "cli_fakes:shout", "ids with exclamation marks"),
            RendererSpec("tops", "cli_fakes:tops", "the best labels", tasks=("text-classification",)),
            RendererSpec("packed", "cli_fakes:packed", "zeros", binary=True),
        ]


FAKES = types.ModuleType("cli_fakes")
for thing in (Speaker, Scribe, Looker, Matcher, Writer, greet, shout, tops, packed):
    setattr(FAKES, thing.__name__ if isinstance(thing, type) else getattr(thing, "__name__", "greet"), thing)
FAKES.greet = greet  # type: ignore[attr-defined]


def model(name: str, task: str, cls: str, **changes: Any) -> ModelSpec:
    return ModelSpec(f"fake/{name}", task, f"cli_fakes:{cls}", name, "MIT", weights="none")._replace(**changes)


MODELS = (
    echo_spec(),
    model("speaker", "text-to-speech", "Speaker"),
    model("scribe", "automatic-speech-recognition", "Scribe"),
    model("looker", "image-feature-extraction", "Looker"),
    model("matcher", "sentence-similarity", "Matcher"),
    model("search", "semantic-search", "Matcher"),
    model("zero", "zero-shot-classification", "Matcher"),
    model("writer", "text-generation", "Writer"),
    model("both", "text-classification", "Writer"),
    model("both", "text-generation", "Writer"),
    model("away", "image-classification", "Looker", weights="package:no_such_thing/w.safetensors", packs=("starter",)),
    model("family", "text-classification", "Writer", weights="given", architectures=("*ForSequenceClassification",)),
)


class Duomo:
    """Calls ``duomo`` in this process, with fake models unless told otherwise."""

    def __init__(self) -> None:
        self.catalog = fake_catalog(*MODELS, extras=Extras())

    def __call__(self, *args: str, input: str | bytes | None = None, env: dict[str, str] | None = None) -> Result:
        return CliRunner().invoke(cli, list(args), input=input, env=env, obj=App(self.catalog))

    def json(self, *args: str, **options: Any) -> list[Any]:
        """The JSON lines on standard output."""
        return [json.loads(line) for line in self(*args, **options).stdout.splitlines()]


@pytest.fixture
def duomo(monkeypatch: pytest.MonkeyPatch) -> Duomo:
    monkeypatch.setitem(sys.modules, "cli_fakes", FAKES)
    return Duomo()


class Done(NamedTuple):
    code: int
    stdout: str
    stderr: str


FAKE_MAIN = """
import os, signal, sys, time
# A suite that runs in the background, or by nohup, has these ignored, and so would its children.
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
from duomo.cli import cli
from duomo.cli.app import App
from duomo.testing.fakes import FaultyModel, fake_catalog, faulty_spec
forward = FaultyModel.forward
def watched(self, batch):
    time.sleep(0.2 if "slow" in str(batch) else 0)
    if "DIARY" in os.environ:
        with open(os.environ["DIARY"], "a") as diary:
            diary.write("batch\\n")
    return forward(self, batch)
FaultyModel.forward = watched
cli.main(sys.argv[1:], obj=App(fake_catalog(faulty_spec())))
"""


def start(*args: str, **options: Any) -> subprocess.Popen[bytes]:
    """``duomo`` as a process with one `FaultyModel`; ``slow`` in a text slows it, ``DIARY`` counts batches."""
    env = {**os.environ, "PYTHONUNBUFFERED": "", **options.pop("env", {})}
    return subprocess.Popen([sys.executable, "-c", FAKE_MAIN, *args], env=env, **options)


@pytest.fixture
def shell() -> Callable[..., Done]:
    """Runs ``duomo`` as a process to its end; ``stdin`` is text, or None for none at all."""

    def run(*args: str, stdin: str | None = "", **options: Any) -> Done:
        process = start(
            *args,
            stdin=subprocess.PIPE if stdin is not None else None,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **options,
        )
        out, err = process.communicate(stdin.encode() if stdin is not None else None, timeout=60)
        return Done(process.returncode, out.decode(), err.decode())

    return run


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A small red picture."""
    import PIL.Image

    path = tmp_path / "red.png"
    PIL.Image.new("RGB", (6, 4), "red").save(path)
    return path
