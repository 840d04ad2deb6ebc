"""Recommendations: judged by what people took later, and by nothing else."""

from pathlib import Path
from typing import Any

import data
import numpy as np
import pytest

from duomo.adapters import Group, Random, Time
from duomo.errors import ArtifactProblem, BadInput, GuardRefused, UsageProblem
from duomo_retail.recommend import LeaveLast, Recommend


class Neighbours(Recommend):
    method = "item-knn"


@pytest.fixture(scope="module")
def films() -> list[dict[str, Any]]:
    return data.movielens()


def test_ease_finds_the_last_five_films_of_movielens(films: list[dict[str, Any]]) -> None:
    report = Recommend().evaluate(films)
    assert report.n == 646
    assert report.split == "LeaveLast(count=5)"
    assert report.metrics["recall_10"] >= 0.088
    assert report.metrics["ndcg_10"] >= 0.07
    neighbours = Neighbours().evaluate(films).metrics
    assert neighbours["recall_10"] < report.metrics["recall_10"]
    assert neighbours["catalogue_coverage"] > report.metrics["catalogue_coverage"]


@pytest.mark.parametrize("split", [Random(), Random(because="quicker"), Group(), Time()])
def test_no_other_split_is_allowed(split: Any) -> None:
    with pytest.raises(GuardRefused, match=r"LEAK\.SPLIT_RANDOM") as failed:
        Recommend().evaluate(Recommend.samples(), split)
    assert "LeaveLast(5)" in failed.value.fix


def test_the_future_of_a_shopper_teaches_nothing(films: list[dict[str, Any]]) -> None:
    short = films[:60]
    rng = np.random.default_rng(0)
    shuffled = [{**each, "items": each["items"][:-5] + rng.permutation(each["items"][-5:]).tolist()} for each in short]
    assert Recommend().evaluate(short, LeaveLast(5)).metrics == Recommend().evaluate(shuffled, LeaveLast(5)).metrics


@pytest.mark.parametrize("cls", [Recommend, Neighbours])
def test_suggestions_are_new_and_say_which_of_ones_own_items_speak_for_them(cls: type[Recommend]) -> None:
    adapter = cls.example()
    found = adapter({"user_id": "x", "items": ["bread"]}).payload
    assert found.items[0].item == "butter"
    assert found.items[0].because == ["bread"]
    assert "bread" not in [each.item for each in found.items]


def test_a_shopper_of_whom_nothing_is_known_gets_no_invention() -> None:
    result = Recommend.example()({"user_id": "x", "items": ["caviar"]})
    assert result.payload.items == []
    assert result.payload.known_items == 0
    assert "no item of the history is known" in result.findings[0].text


def test_the_table_may_be_in_any_order(tmp_path: Path) -> None:
    path = tmp_path / "taken.csv"
    path.write_text("user_id,item_id,time\nu,b,2\nv,a,1\nu,a,1\n")
    adapter = Recommend()
    assert [each.payload.items for each in adapter.records(adapter.read(path))] == [["a", "b"], ["a"]]
    path.write_text("user_id,item,time\nu,b,2\n")
    with pytest.raises(BadInput, match="no 'item_id'") as failed:
        list(Recommend().read(path))
    assert "rename 'item' to 'item_id'" in failed.value.fix


def test_weights_lie_in_safetensors_and_a_change_is_noticed(tmp_path: Path) -> None:
    adapter = Recommend.example()
    adapter.save(tmp_path)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["adapter.json", "model.json", "model.safetensors"]
    again = Recommend.load(tmp_path)
    item = Recommend.samples()[0]
    assert again(item).payload == adapter(item).payload
    assert (tmp_path / "model.safetensors").stat().st_mode == (tmp_path / "model.json").stat().st_mode
    stored = (tmp_path / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(stored[:-4] + b"\0\0\0\1")
    with pytest.raises(ArtifactProblem, match="was changed after it was saved"):
        Recommend.load(tmp_path)(item)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(ArtifactProblem, match="are not at"):
        Recommend.load(tmp_path)(item)


def test_nothing_can_be_learnt_from_one_item() -> None:
    adapter = Recommend()
    with pytest.raises(UsageProblem, match="cannot be learned from 1 item"):
        adapter.fit(adapter.records([{"user_id": "a", "items": ["tea"]}]))


def test_a_row_without_a_time_or_of_another_kind_of_time_costs_itself_only(tmp_path: Path) -> None:
    path = tmp_path / "taken.csv"
    path.write_text("user_id,item_id,time\nu,b,2\nv,a,\nw,a,1\nw,b,2026-03-01\nx,a,yesterday\nu,a,1\n")
    adapter = Recommend().fit(Recommend().records(Recommend.samples()))
    lost, u, w, x = adapter.map(adapter.read(path))
    assert lost.error.what == "row 2 of the table has no 'time'"
    assert u.ok
    assert "'times' do not say in which order 2 items were taken" in w.error.what
    assert "numbers and dates have no common order" in w.error.why
    assert "'times' is not a time" in x.error.what


@pytest.mark.parametrize(
    "times",
    [
        [3, 1, 2],
        ["10", "8", "9"],
        ["2026-03-03", "2026-03-01", "2026-03-02"],
        ["2026-03-01T12:00+00:00", "2026-03-01T12:00+02:00", "2026-03-01T09:00-02:00"],
    ],
)
def test_items_are_put_in_the_order_of_their_times(times: list[float | str]) -> None:
    record = Recommend().record({"user_id": "a", "items": ["last", "first", "middle"], "times": times})
    assert record.payload.items == ["first", "middle", "last"]


def test_what_is_called_last_is_last_in_time_and_a_history_that_is_none_is_counted() -> None:
    # Backwards: judged by the order of the list, the first five would be taken for the last five.
    forwards = [{"user_id": str(u), "items": [f"i{(7 * u + 3 * k) % 20}" for k in range(12)], "times": list(range(12))}
                for u in range(30)]  # fmt: skip
    backwards = [{**each, "items": each["items"][::-1], "times": each["times"][::-1]} for each in forwards]
    bad = {"user_id": "x", "times": [1]}
    there, back = Recommend().evaluate(forwards), Recommend().evaluate([*backwards, bad])
    assert there.metrics == back.metrics
    assert (there.unreadable, back.unreadable) == (0, 1)
