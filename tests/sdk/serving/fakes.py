"""Models of other tasks without weights: one that writes, one that makes vectors, one that hears, one that speaks."""

import io
import threading
import zlib

import numpy as np
import soundfile

import duomo
from duomo.tasks.nlp.generation import Generation, TextChunk
from duomo.tasks.results import Embedding
from duomo.tasks.speech import Transcript
from duomo.tasks.speech.synthesis import Speech
from duomo.testing import EchoModel, echo_spec, fake_catalog

GATES: dict[str, threading.Event] = {}
"""A word of a chat that is a key here waits for its event."""


class Writer(EchoModel):
    """Says the words of the last message again, a part each."""

    voice = "{}"

    @staticmethod
    def estimate(item):
        return 1

    def preprocess(self, items, options):
        return [{"text": each.messages[-1]["content"] if each.messages else each.text} for each in items]

    def stream(self, item, options):
        words = self.preprocess([item], options)[0]["text"].split()[: options.max_new_tokens]
        for at, word in enumerate(words, 1):
            assert GATES.setdefault(word, OPEN).wait(30)
            is_last = at == len(words)
            yield TextChunk.model_construct(
                text=self.voice.format(word) + " " * (not is_last),
                finish_reason="stop" if is_last else None,
                num_prompt_tokens=len(words) if is_last else None,
                num_new_tokens=at if is_last else None,
            )

    def postprocess(self, output, features, options):
        kept = [each.split()[: options.max_new_tokens] for each in output]
        return [
            Generation.model_construct(
                text=" ".join(map(self.voice.format, words)),
                finish_reason="stop",
                num_prompt_tokens=len(words),
                num_new_tokens=len(words),
            )
            for words in kept
        ]


class Shouter(Writer):
    """Another model of the same task."""

    voice = "{}!"


class Embedder(EchoModel):
    """Gives the length of a text, and its first character; a word is a token."""

    def preprocess(self, items, options):
        return [{"text": str(each), "num_tokens": len(each.split())} for each in items]

    def postprocess(self, output, features, options):
        return [Embedding(vector=[float(len(text)), float(ord(text[0])) / 3]) for text in output]


class Ear(EchoModel):
    """Writes down how long an audio clip is, and how loud."""

    @staticmethod
    def estimate(item):
        return 1

    def preprocess(self, items, options):
        heard = [each.samples(16_000) for each in items]
        return [{"text": f"{len(each) / 16_000:.2f} {float(np.abs(each).max()):.4f}"} for each in heard]

    def postprocess(self, output, features, options):
        return [Transcript(text=text, segments=[]) for text in output]


class Looker(EchoModel):
    """Names an image by its size and its pixels."""

    @staticmethod
    def estimate(item):
        return 1

    def preprocess(self, items, options):
        pixels = [np.asarray(each.pil()) for each in items]
        return [{"text": f"{each.shape} {zlib.crc32(each.tobytes())}"} for each in pixels]


class Teller(EchoModel):
    """Names a row by its cells and their types."""

    @staticmethod
    def estimate(item):
        return 1

    def preprocess(self, items, options):
        return [{"text": repr(sorted(each.fields.items()))} for each in items]


class Speaker(EchoModel):
    """A tone as long as the text."""

    def postprocess(self, output, features, options):
        made = []
        for text in output:
            buffer = io.BytesIO()
            tone = 0.5 * np.sin(np.arange(800 * len(text)) / 4)
            soundfile.write(buffer, tone, 16_000, format="WAV", subtype="PCM_16")
            made.append(Speech(wav=buffer.getvalue(), sampling_rate=16_000, duration=len(tone) / 16_000))
        return made


OPEN = threading.Event()
OPEN.set()
KINDS = {
    "text-generation": Writer,
    "feature-extraction": Embedder,
    "automatic-speech-recognition": Ear,
    "text-to-speech": Speaker,
    "image-classification": Looker,
    "tabular-classification": Teller,
}
SHOUTER = echo_spec("fake/shouter", task="text-generation", loader=f"{__name__}:Shouter")
CATALOG = fake_catalog(
    echo_spec(),
    SHOUTER,
    *(echo_spec(f"fake/{kind.__name__.lower()}", task=task, loader=f"{__name__}:{kind.__name__}")
      for task, kind in KINDS.items()),
)  # fmt: skip


def load(task):
    """A runner of one of the models above, or of the one that says a text again."""
    name = f"fake/{KINDS[task].__name__.lower()}" if task in KINDS else "fake/echo"
    return duomo.load(task, name, catalog=CATALOG)
