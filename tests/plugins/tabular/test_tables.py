"""Tables: columns are learnt from the training part, rows with missing cells are read, labels and numbers come out."""

import csv
import decimal
import json
import random
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.numpy import load_file

import duomo
from duomo import Recipe
from duomo.errors import BadInput, WeightsMismatch
from duomo.inputs import TableRow
from duomo.training import check, evaluate
from duomo.training.request import Request
from duomo_tabular.columns import Columns, far_cells, likely_keys, nearly_numbers
from duomo_tabular.mlp import ClassificationTrainer, RegressionTrainer

CITIES = ["Oslo", "Rome", "Lima", "Bern"]


def people(count: int, seed: int = 0) -> list[dict]:
    """Who buys: the old in Oslo and the young elsewhere; some ages are missing."""
    draw = random.Random(seed)
    rows = []
    for at in range(count):
        age, city = draw.uniform(20, 80), draw.choice(CITIES)
        buys = (age > 50) == (city == "Oslo")
        price = 3 * age + 40 * CITIES.index(city)
        known = None if draw.random() < 0.05 else round(age, 1)
        rows.append({"id": at, "age": known, "city": city, "noise": draw.random(), "label": "yn"[buys], "price": price})
    return rows


@pytest.mark.equals("the network written in numpy, to 1e-5", "tabular-classification", "tabular-regression")
@pytest.mark.parametrize("trainer", [ClassificationTrainer, RegressionTrainer])
def test_answers_are_those_of_the_network_written_in_numpy(tmp_path, trainer):
    torch.manual_seed(0)
    labels = ["a", "b", "c"] if trainer is ClassificationTrainer else []
    model = trainer.build("mlp", (8, 6), labels=labels, device=torch.device("cpu"), dtype=torch.float32)
    model.fit_statistics([TableRow.accept({"age": at, "city": CITIES[at % 4]}) for at in range(40)], [5.0, 9.0] * 20)
    model.save(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    task = "tabular-classification" if labels else "tabular-regression"
    runner = duomo.load(task, f"dir:{tmp_path}", device="cpu")
    for age, city in ((30, "Rome"), (None, "Lima"), (12.5, "Atlantis")):
        place = 1 + model.columns.names["city"].index(city) if city in CITIES else 0
        scaled = 0.0 if age is None else (age - np.mean(range(40))) / np.std(range(40))
        seen = np.concatenate([[scaled, age is None], weights["names.0.weight"][place]])
        for layer in ("body.0", "body.3"):
            seen = np.maximum(0, weights[f"{layer}.weight"] @ seen + weights[f"{layer}.bias"])
        output = weights["head.weight"] @ seen + weights["head.bias"]
        found: Any = runner({"age": age, "city": city})
        if labels:
            shares = np.exp(output) / np.exp(output).sum()
            scores = {each.name: each.score for each in found.labels}
            assert [scores[name] for name in labels] == pytest.approx(shares, abs=1e-5)
        else:
            assert found.value == pytest.approx(7 + 2 * output[0], rel=1e-5)


def test_a_csv_becomes_a_model_that_reads_rows_with_missing_cells(tmp_path):
    rows = [{k: v for k, v in row.items() if k != "price"} for row in people(600)]
    with (tmp_path / "people.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    fit = duomo.finetune(
        "tabular-classification", tmp_path / "people.csv", out=tmp_path / "out", recipe=Recipe(epochs=30, lr=5e-3)
    )
    assert fit.metrics["accuracy"].value > 0.85
    assert [each.what for each in fit.findings if "not used" in each.what] == ["columns that are not used: id"]
    runner = fit.load()
    assert runner({"age": 75, "city": "Oslo", "noise": 0.5}).top.name == "n"
    assert runner({"age": "75", "city": "Rome", "noise": "0.5"}).top.name == "y"
    assert runner({"age": None, "city": "Atlantis", "noise": None, "more": 1}).labels
    with pytest.raises(BadInput, match="has no column 'age'") as caught:
        runner({"aeg": 75, "city": "Oslo", "noise": 0.5})
    assert "aeg" in caught.value.fix
    with pytest.raises(BadInput, match="'age' is 'old' and not a number"):
        runner({"age": "old", "city": "Oslo", "noise": 0.5})
    again = evaluate("tabular-classification", tmp_path / "people.csv", model=f"dir:{fit.folder}")
    assert again.scores["accuracy"].value > 0.85
    buyers = [row for row in rows if row["label"] == "y"]
    alone = evaluate("tabular-classification", buyers, model=f"dir:{fit.folder}")
    assert alone.num_rows == len(buyers), "rows of one class may be evaluated, though not learned from"
    other = evaluate("tabular-classification", [*buyers, buyers[0] | {"label": "?"}], model=f"dir:{fit.folder}")
    with pytest.raises(BadInput, match="does not know the labels") as caught:
        evaluate("tabular-classification", [buyers[0] | {"label": "?"}], model=f"dir:{fit.folder}")
    assert caught.value.why == f"it says {', '.join(fit.labels)}, and the rows have ?"
    assert other.scores == alone.scores
    assert [each.what for each in other.left_out] == ["label '?' is unknown to the model"]
    with pytest.raises(WeightsMismatch, match="trained for another task"):
        duomo.load("tabular-regression", f"dir:{fit.folder}")


def test_numbers_come_back_in_their_own_unit(tmp_path):
    rows = [{k: v for k, v in row.items() if k != "label"} for row in people(600, 1)]
    fit = duomo.finetune(
        "tabular-regression", rows, label="price", out=tmp_path / "out", recipe=Recipe(epochs=30, lr=5e-3)
    )
    assert fit.metrics["r2"].value > 0.9
    assert fit.load()({"age": 40, "city": "Rome", "noise": 0.1}).value == pytest.approx(160, abs=25)


def test_columns_are_learnt_from_the_training_part_alone(tmp_path):
    train = people(200, 2)
    held = [{**row, "age": 1e6} for row in people(50, 3)]
    fit = duomo.finetune(
        "tabular-classification", train, validation=held, out=tmp_path / "out", recipe=Recipe(epochs=1)
    )
    about = json.loads((fit.folder / "duomo.json").read_text())
    ages = [row["age"] for row in train if row["age"] is not None]
    assert about["numbers"]["age"][0] == pytest.approx(sum(ages) / len(ages))


def test_kinds_of_columns():
    rows = [
        TableRow.accept(
            {"id": at, "n": str(at), "c": "ab"[at % 2], "one": 7, "free": f"text {at}", "mixed": at or "zero"}
        )
        for at in range(60)
    ]  # fmt: skip
    columns = Columns.fit(rows)
    assert likely_keys(rows, columns.numbers) == ["n"]
    assert list(columns.numbers) == ["n"]
    assert list(columns.names) == ["c"]
    assert set(columns.ignored) == {"id", "one", "free", "mixed"}
    numbers, names = columns.read(TableRow.accept({"n": None, "c": "z"}))
    assert numbers.tolist() == [0.0, 1.0]
    assert names.tolist() == [0]
    far, _ = columns.read(TableRow.accept({"n": 1e30, "c": "a"}))
    assert far[0] == 8.0


@pytest.mark.parametrize("count", [20, 60, 200])
@pytest.mark.parametrize("unit", [1e-200, 1.0, 1e200])
def test_one_cell_far_off_does_not_rule_the_others(count, unit):
    numbers = np.random.default_rng(0).normal(10, 2, count)
    rows = [{"n": each * unit, "c": "ab"[at % 2]} for at, each in enumerate(numbers)]
    rows[7]["n"] = 1e9 * unit
    columns = Columns.fit(list(map(TableRow.accept, rows)))
    others = np.delete(numbers, 7)
    assert columns.numbers["n"] == pytest.approx((others.mean() * unit, others.std() * unit))
    assert columns.read(TableRow.accept(rows[7]))[0][0] == 8.0
    (told,) = far_cells(list(map(TableRow.accept, rows)), columns.numbers)
    assert "1 cell is more than 8 spreads" in told
    tail = np.random.default_rng(0).pareto(0.5, count)  # of such a column many cells are far from the middle
    rows = [{"n": each, "c": "ab"[at % 2]} for at, each in enumerate(tail)]
    assert Columns.fit(list(map(TableRow.accept, rows))).numbers["n"] == pytest.approx((tail.mean(), tail.std()))


def test_codes_with_zeros_before_them_are_names_and_names_are_known_in_other_spellings():
    rows = [{"zip": f"{at % 9:05}", "town": ["Z\u00fcrich", "Bern"][at % 2], "paid": f"{at:06}"} for at in range(60)]
    columns = Columns.fit(list(map(TableRow.accept, rows)))
    assert list(columns.names) == ["zip", "town"]
    assert list(columns.numbers) == ["paid"]  # of its own in each row: an amount in a fixed width
    for zip_code in ("00003", "3", 3, 3.0):
        for town in ("Z\u00fcrich", "Zu\u0308rich", "Z\u00dcRICH ", "z\u00fcrich"):
            place = columns.read(TableRow.accept({"zip": zip_code, "town": town, "paid": 1}))[1]
            assert place.tolist() == [4, 1]
    both = Columns({}, {"c": ["Yes", "yes"]})
    assert [both.read(TableRow.accept({"c": each}))[1].tolist() for each in ("yes", "YES")] == [[2], [0]]


@pytest.mark.parametrize(("cell", "shown"), [("inf", "inf"), (-float("inf"), "-inf"), (1e6, "1e+06")])
def test_numbers_that_are_cut_off_are_reported(tmp_path, cell, shown):
    rows = [{"n": float(at), "label": "ab"[at % 2]} for at in range(100)]
    rows[3]["n"] = cell
    checked = check(Request(task="tabular-classification", data=rows, validation=0, out=tmp_path))
    (found,) = [each.what for each in checked.findings if "spreads" in each.what]
    assert found == f"column 'n': 1 cell is more than 8 spreads from the mean, such as {shown}, and read as if at 8"
    with pytest.raises(BadInput, match="no column of this table can be learned from"):
        Columns.fit([TableRow.accept({"id": at}) for at in range(9)])


@pytest.mark.parametrize(
    ("cell", "is_told"),
    [("12,3{}", True), ("$ 1{}.50", True), ("{} %", True), ("{} kg", True), ("1_{}", False), ("2024-01-{}", False),
     ("room {}", False), ("{}", False)],
)  # fmt: skip
def test_a_column_of_what_a_person_reads_as_numbers_is_told(cell, is_told):
    rows = [TableRow.accept({"a": cell.format(at), "b": at % 5}) for at in range(10, 40)]
    notes = nearly_numbers(rows, Columns.fit(rows))
    told = ["column 'a': 30 of 30 cells look like numbers and are not used" in each for each in notes]
    assert told == [True] * is_told


def test_one_word_among_numbers_is_told():
    cells = ["NA", "zero", *range(58)]
    rows = [TableRow.accept({"a": cell, "b": at % 5}) for at, cell in enumerate(cells)]
    (note,) = nearly_numbers(rows, Columns.fit(rows))
    assert "column 'a': 59 of 60 cells look like numbers and are not used, for some are written as 'zero'" in note


@pytest.mark.parametrize(
    ("name", "cells", "is_key"),
    [
        ("row", range(1, 41), True),
        ("customer_id", range(10**6, 10**9, 24_975_000), True),
        ("PassengerId", [str(at * 977) for at in range(40)], True),
        ("seen", [7 + 3 * at // 2 for at in range(40)], True),  # a part of the rows is held out
        ("income", range(10**4, 10**5, 2250), False),
        ("paid", range(10**4, 10**5, 2250), False),
        ("height", [at + 0.5 for at in range(40)], False),
        ("age_id", [at // 2 for at in range(40)], False),
    ],
)
def test_a_column_that_counts_the_rows_is_named(name, cells, is_key):
    rows = [TableRow.accept({name: cell, "other": at % 7 / 2}) for at, cell in enumerate(cells)]
    model = ClassificationTrainer.build("mlp", (4,), labels=["a", "b"], device=torch.device("cpu"), dtype=torch.float32)
    model.fit_statistics(rows, ["a", "b"] * (len(rows) // 2))
    assert [each.split("'")[1] for each in model.notes] == ([name] if is_key else [])
    assert all("name it 'id', or take it out" in each for each in model.notes)


@pytest.mark.parametrize(
    ("cells", "again"),
    [
        ([1, "NA", 3, None], [(3.0, "3"), ("?", None)]),
        ([1.5, "nan", float("inf"), 4], [("Infinity", 1e300), ("n/a", None)]),
        ([1e308, -1e308, 3, 4], [(1e308, "1e308")]),
        (["true", "false", "true", "NULL"], [(True, "TRUE"), (1, True), (None, "null")]),
    ],
)
def test_numbers_are_numbers_however_a_program_writes_them(cells, again):
    columns = Columns.fit([TableRow.accept({"a": cell, "b": at}) for at, cell in enumerate(cells)])
    assert set(columns.numbers) == {"a", "b"}
    for pair in again:
        one, other = (columns.read(TableRow.accept({"a": cell, "b": 0}))[0] for cell in pair)
        assert one.tolist() == other.tolist()
        assert one.isfinite().all()


def test_a_number_among_names_is_known_by_its_value():
    columns = Columns.fit([TableRow.accept({"a": cell}) for cell in ["1", "2", "A", "1"]])
    read = [columns.read(TableRow.accept({"a": cell}))[1].item() for cell in (1, 1.0, "1", "1.0", 2.0, "A", "3")]
    assert read == [1, 1, 1, 1, 2, 3, 0]


def test_a_name_that_was_never_seen_reads_as_the_mean_of_all():
    model = ClassificationTrainer.build("mlp", (4,), labels=["a", "b"], device=torch.device("cpu"), dtype=torch.float32)
    model.fit_statistics([TableRow.accept({"c": "xyz"[at % 3]}) for at in range(30)], ["a", "b"] * 15)
    assert not model.network.names[0](torch.tensor([0])).any()


@pytest.mark.parametrize(("least", "most"), [(-1e29, 1e29), (-1e-300, 1e-300), (1e15, 1e15 + 4)])
def test_numbers_of_any_size_are_learnt_in_their_unit(tmp_path, least, most):
    rows = [{"a": at % 2, "b": at / 7, "label": (least, most)[at % 2]} for at in range(60)]
    fit = duomo.finetune("tabular-regression", rows, out=tmp_path / "out", recipe=Recipe(epochs=20, batch=8))
    said = fit.load()({"a": 1, "b": 3.0}).value
    assert abs(said - most) < 0.2 * (most - least)


@pytest.mark.parametrize(
    ("row", "named"),
    [
        ([1, 2], "a row of a table is expected"),
        ({"a": None, "b": " "}, "every cell"),
        ({"a": [1]}, "cell 'a' is a list"),
    ],
)
def test_what_is_no_row_is_refused(row, named):
    with pytest.raises(BadInput, match=named):
        TableRow.accept(row)


def test_a_frame_and_dates_and_numbers_of_numpy_are_taken():
    import datetime as dt

    import numpy as np

    row = TableRow.accept({"n": np.float32(1.5), "d": dt.date(2026, 1, 2), "t": True, "gone": float("nan")})
    assert row.fields == {"n": 1.5, "d": "2026-01-02", "t": True, "gone": None}


def test_a_table_is_trained_the_same_way_twice_and_resumed_bit_for_bit(tmp_path):
    def train(out, **more):
        recipe = Recipe(epochs=2, batch=32, checkpoint_s=0.0)
        return duomo.finetune("tabular-classification", people(200), out=tmp_path / out, recipe=recipe, **more)

    def stop(at):
        if at.step == 3:
            raise KeyboardInterrupt

    whole = train("whole")
    with pytest.raises(KeyboardInterrupt):
        train("cut", on_step=stop)
    cut = train("cut", resume=True)
    assert (whole.folder / "model.safetensors").read_bytes() == (cut.folder / "model.safetensors").read_bytes()
    assert not torch.equal(torch.tensor(whole.metrics["loss"].value), torch.tensor(0.0))


def test_cells_of_databases_are_numbers_and_no_time_is_an_empty_cell() -> None:
    row = {"price": decimal.Decimal("1.5"), "none": decimal.Decimal("NaN"), "sold": pd.NaT, "n": np.int64(2)}
    assert TableRow.accept(row).fields == {"price": 1.5, "none": None, "sold": None, "n": 2}
