"""What a user writes, and what type checkers must make of it; never run."""

from collections.abc import Iterator
from typing import assert_type

import duomo
from duomo.tasks import Classification, Entities, ImageClassification, Transcript

cat = duomo.run("image-classification", "cat.jpg", top_k=3, device="cpu")
assert_type(cat, Classification)
assert_type(duomo.run(ImageClassification, "cat.jpg", decode="scaled"), Classification)
assert_type(duomo.run("ner", "Ada met Bob", model="dir:names", dtype="bfloat16"), Entities)
assert_type(duomo.run("automatic-speech-recognition", "call.wav", task="translate"), Transcript)
print(cat.top.name, duomo.run("zero-shot-classification", "2:1", labels="sport,money").top.score)
assert_type(cat[0].score, float)
print([label.name for label in cat], len(cat), cat[:2])


def names(outcomes: Iterator[duomo.Outcome[Classification]]) -> list[str]:
    return [outcome.result.top.name for outcome in outcomes if outcome.ok]


def label(runner: duomo.Runner[Classification]) -> list[str]:
    return names(runner.map(["cat.jpg"]))


with duomo.load("zero-shot-classification") as classify:
    for outcome in classify.map(["2:1"], labels=["sport", "money"], batch_size=3):
        print(outcome.result.top.name if outcome.ok else outcome.error.what)
        if not outcome.ok:
            continue
        print(outcome.result.top.score)

with duomo.load(ImageClassification, "vision/efficientnet-lite0", device="cpu") as look:
    print(label(look))
    print(look.submit("cat.jpg", top_k=1, deadline_s=3).result().unwrap().top.name)
    for shown in look.map(["cat.jpg"], store="cats.duomo"):
        if shown.error is None:
            print(shown.result.top.name)

with duomo.Client("http://localhost:8000") as client:
    assert_type(client.run("image-classification", "cat.jpg", top_k=3, deadline_s=2), Classification)
    assert_type(client.run(ImageClassification, "cat.jpg"), Classification)
    assert_type(client.map("ner", ["Ada met Bob"]), Iterator[duomo.Outcome[Entities]])
    assert_type(client.run("automatic-speech-recognition", "call.wav", task="translate"), Transcript)
