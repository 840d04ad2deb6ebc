"""Where rows come from, what is found in them before the first step, and what is said of it."""

import json
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from duomo.errors import BadInput, BadOption, InputMissing, SystemicError


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet", "frame", "dataset", "pairs", "generator"])
def test_the_same_rows_give_the_same_model_wherever_they_come_from(fit, rows, tmp_path, kind):
    if kind == "csv":
        data = tmp_path / "rows.csv"
        data.write_text("text,label\n" + "".join(f"{row['text']},{row['label']}\n" for row in rows))
    elif kind == "jsonl":
        data = tmp_path / "rows.jsonl"
        data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif kind in ("parquet", "frame"):
        pandas = pytest.importorskip("pandas")
        data = pandas.DataFrame(rows)
        if kind == "parquet":
            pytest.importorskip("pyarrow")
            data.to_parquet(tmp_path / "rows.parquet")
            data = tmp_path / "rows.parquet"
    elif kind == "dataset":

        class Dataset:
            """What `datasets.Dataset` offers: a length, and rows as mappings."""

            def __len__(self):
                return len(rows)

            def __iter__(self):
                return iter(rows)

        data = Dataset()
    elif kind == "pairs":
        data = [(row["text"], row["label"]) for row in rows]
    else:
        data = (dict(row) for row in rows)
    found, plain = fit(data, out="found"), fit(rows, out="plain")
    assert (found.folder / "model.safetensors").read_bytes() == (plain.folder / "model.safetensors").read_bytes()


class Numbered(list[Any]):
    """A `datasets.Dataset` whose labels are numbers of classes; -1 stands for none."""

    features: ClassVar[Any] = {"text": object(), "label": SimpleNamespace(names=["bird", "fish"])}


def test_numbers_of_classes_have_the_names_that_a_dataset_gives_them(fit, rows):
    kinds = int, np.int64, torch.tensor  # the last two after `with_format`
    numbered = [{**row, "label": kinds[at % 3](["bird", "fish"].index(row["label"]))} for at, row in enumerate(rows)]
    found = fit(Numbered([*numbered, {"text": "a newt", "label": -1}]))
    assert found.labels == ("bird", "fish")
    assert [each.what for each in found.rows.left_out] == ["this row has no label"]


def test_a_column_of_labels_that_is_empty(fit, rows):
    with pytest.raises(BadInput) as caught:
        fit([{**row, "label": ""} for row in rows])
    assert "there is no row to train on" in str(caught.value)
    assert "this row has no label" in caught.value.why
    assert caught.value.fix


def test_a_folder_without_classes(fit, tmp_path):
    (tmp_path / "texts").mkdir()
    for at in range(3):
        (tmp_path / "texts" / f"{at}.txt").write_text(f"text {at}")
    with pytest.raises(BadInput, match="has no folders of classes") as caught:
        fit(tmp_path / "texts")
    assert "label" in caught.value.why
    assert "a folder for each class" in caught.value.fix
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputMissing, match="holds nothing to train on") as caught:
        fit(tmp_path / "empty")
    assert "a folder for each class" in caught.value.fix


def test_a_validation_part_without_a_class_is_reported(fit, rows):
    held = [{"text": f"a cod {at}", "label": "fish"} for at in range(6)]
    found = fit(rows, validation=held)
    (finding,) = [each for each in found.findings if "not among the held-out rows" in each.what]
    assert "bird" in finding.what
    assert finding.fix


def test_a_text_in_both_parts_and_a_text_with_two_labels_are_reported(fit, rows):
    torn = [{"text": "An OTTER", "label": "fish"}, {"text": "an  otter", "label": "bird"}]
    found = fit([*rows, *torn], validation=[{"text": "AN otter", "label": "fish"}, *rows[:3]])
    said = " / ".join(each.what for each in found.findings)
    assert "1 input has two labels or more" in said
    assert "4 held-out rows are in the training part too" in said
    assert all(each.fix for each in found.findings if each.level == "warning")


def test_cleaning_that_a_recipe_names_is_done_and_reported(fit, rows):
    again = [*rows, {**rows[0]}, {"text": "a newt", "label": "fish"}, {"text": "a newt", "label": "bird"}]
    found = fit(again, clean=("drop_duplicates", "drop_conflicts"), out="cleaned")
    assert [each.what.split(":")[0] for each in found.findings if each.level == "note"] == [
        "drop_duplicates",
        "drop_conflicts",
    ]
    plain = fit(rows, out="plain")
    assert (found.folder / "model.safetensors").read_bytes() == (plain.folder / "model.safetensors").read_bytes()
    assert "drop_conflicts: 2 rows" in (found.folder / "card.md").read_text()
    with pytest.raises(BadOption, match="recipe: clean cannot be"):
        fit(rows, clean=("wash",), out="washed")


def test_labels_unknown_to_the_head_that_is_kept_are_more_than_may_fail(fit, rows):
    held = [{"text": f"a newt {at}", "label": "amphibian"} for at in range(3)]
    with pytest.raises(SystemicError) as caught:
        fit(rows, validation=[*rows[:2], *held], max_failed=2)
    assert "label 'amphibian' is unknown" in caught.value.why
