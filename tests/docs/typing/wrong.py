"""Mistakes, one a line, that type checkers must see; never run. `mypy` says that only mypy can."""

import duomo
from duomo.tasks import ImageClasification  # wrong
from duomo.tasks import ImageClassification
from duomo.tasks.vision import Detectons  # wrong

duomo.pipelin  # wrong
duomo.run("image-classification", "cat.jpg", topk=3)  # wrong
duomo.run("image-classification", "cat.jpg", top_k="3")  # wrong
duomo.run(ImageClassification, "cat.jpg", topk=3)  # wrong
duomo.run("image-classification", "cat.jpg").spans  # wrong
duomo.run("image-classification", "cat.jpg")[0].label  # wrong
duomo.run("image-classification", "cat.jpg")["labels"]  # wrong
duomo.run("image-clasification", "cat.jpg").top  # wrong
duomo.run("zero-shot-classification", "2:1").top  # wrong
duomo.load("image-classification", devic="cpu")  # wrong
with duomo.load("zero-shot-classification") as classify:
    classify("2:1")  # wrong
    classify("2:1", labels=3)  # wrong
    for outcome in classify.map(["2:1"], labels="sport", batchsize=3):  # wrong
        outcome.resul  # wrong
    for outcome in classify.map(["2:1"], labels="sport"):
        outcome.result.top  # mypy
        if outcome.ok:
            outcome.result.spans  # wrong
        else:
            outcome.result.top  # mypy

with duomo.Client("http://localhost:8000") as client:
    client.run("image-classification", "cat.jpg", topk=3)  # wrong
    client.run(ImageClassification, "cat.jpg").spans  # wrong
    client.map("image-classification", ["cat.jpg"], top_k="3")  # wrong
    client.map("image-classification", "cat.jpg", deadline_s=2)  # wrong
