"""A model for every task of the demo that answers from a table: the demo's world without weights."""

import numpy as np

from duomo import Hooks, Model, ModelSpec, hookimpl
from duomo.tasks.multimodal import ImageSearchResult
from duomo.tasks.nlp.generation import TextChunk
from duomo.tasks.results import Classification, Hit, SearchResult
from duomo.tasks.speech import Segment, Transcript
from duomo.tasks.speech.activity import Interval, VoiceActivity
from duomo.tasks.speech.synthesis import Speech
from duomo.tasks.vision.detection import Box, Detections
from duomo.tasks.vision.reading import Page, TextLine

NAMES = ["tabby", "tiger cat", "<b>Egyptian</b> cat"]
HEARD = "Good morning, this is the clinic in Boston. Your appointment is on Monday."


def _hum(text):
    time = np.arange(int(24_000 * 0.05 * len(text))) / 24_000
    return Speech.from_samples((0.5 * np.sin(440 * time) * np.sin(9 * time)).astype(np.float32), 24_000)


def _search(item, options):
    query = str(item.text) if hasattr(item, "text") else "show me a cup of coffee"
    hits = [Hit(index=index, item=str(index), score=0.9 - index / 10) for index in range(options.top_k)]
    return ImageSearchResult(query=query, hits=hits)


def _texts(item, options):
    hits = [Hit(index=i, item=options.corpus[i], score=0.7 - i / 10) for i in range(options.top_k)]
    return SearchResult(query=str(item), hits=hits)


def _page(item, options):
    lines = [
        TextLine(text=f"Line {n} of the page", score=0.9, corners=[(10, y), (370, y + 2), (370, y + 18), (10, y + 16)])
        for n, y in enumerate(range(5, 180, 24))
    ]
    return Page(lines=lines, width=384, height=191)


ANSWERS = {
    "image-classification": lambda item, options: Classification.ranked(NAMES, [0.61, 0.2, 0.04], options.top_k),
    "zero-shot-image-classification": lambda item, options: Classification.ranked(
        options.labels, [0.7, 0.2, 0.05, 0.03, 0.02]
    ),
    "face-detection": lambda item, options: Detections(
        boxes=[Box(label="face", score=1, xmin=170, ymin=70, xmax=280, ymax=180)], width=512, height=512
    ),
    "optical-character-recognition": _page,
    "image-search": _search,
    "spoken-image-search": _search,
    "text-to-speech": lambda item, options: _hum(item),
    "voice-activity-detection": lambda item, options: VoiceActivity(
        segments=[Interval(start=0.9, end=3.0, score=0.9), Interval(start=4.0, end=6.2, score=0.9)], duration=8.0
    ),
    "automatic-speech-recognition": lambda item, options: Transcript(
        text=HEARD,
        segments=[
            Segment(start=0.9, end=3.0, text="Good morning, this is the clinic in Boston."),
            Segment(start=4.0, end=6.2, text="Your appointment is on Monday."),
        ],
    ),
    "semantic-search": _texts,
    "language-identification": lambda item, options: Classification.ranked(["en", "de", "fr"], [0.97, 0.02, 0.01]),
    "text-classification": lambda item, options: Classification.ranked(["positive", "negative"], [0.8, 0.2]),
}


class Canned(Model):
    @classmethod
    def load(cls, weights, *, device, dtype):
        model = cls()
        model.answer = ANSWERS.get(weights.spec.task)  # type: ignore[attr-defined]
        return model

    def preprocess(self, items, options):
        return [{"item": item} for item in items]

    def collate(self, features):
        return features

    def forward(self, batch):
        return batch

    def postprocess(self, output, features, options):
        return [self.answer(each["item"], options) for each in output]  # type: ignore[attr-defined]

    def stream(self, item, options):
        yield TextChunk(text="The capital of Italy ")
        yield TextChunk(text="is Rome.", finish_reason="stop")


class Broken(Canned):
    def forward(self, batch):
        raise RuntimeError("the sensor is <on fire>")


def spec(task, loader="Canned", **changes):
    fields = {"weights": "none", "limits": "answers from a table"} | changes
    return ModelSpec(f"canned/{task}", task, f"canned:{loader}", "answers from a table", "CC0-1.0", **fields)


class CannedPlugin(Hooks):
    def __init__(self, *specs):
        self.specs = specs

    @hookimpl
    def register_models(self):
        return self.specs
