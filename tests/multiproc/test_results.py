"""Two workers give what one process gives: real models, and a model cut over both."""

import sys
from pathlib import Path

import numpy as np
import pytest

import duomo
from duomo.execution.pools.local import LocalExecutor
from duomo.testing import echo_spec, fake_catalog

pytestmark = pytest.mark.multiproc
WORDS = "the small red parcel came late and nobody was at home to take it in".split()


def texts(num):
    dice = np.random.default_rng(0)
    lengths = np.clip(dice.lognormal(2.5, 0.9, num), 1, 150).astype(int)
    return [" ".join(dice.choice(WORDS, length)) for length in lengths]


@pytest.mark.embedded
@pytest.mark.slow
def test_embeddings_of_texts_of_mixed_length_are_those_of_inline():
    items = texts(80)
    with duomo.load("feature-extraction", "nlp/minilm") as inline:
        here = np.array([outcome.unwrap().vector for outcome in inline.map(items)])
    with duomo.load("feature-extraction", "nlp/minilm", executor="local", devices="cpu,cpu") as local:
        outcomes = list(local.map(items))
        stats = local.executor.stats()
    assert [outcome.index for outcome in outcomes] == list(range(80))
    assert np.abs(here - [outcome.unwrap().vector for outcome in outcomes]).max() < 1e-6
    assert min(replica.items for replica in stats.replicas) > 0, "both took part"
    assert stats.padding < 0.1


@pytest.mark.embedded
@pytest.mark.slow
def test_pictures_go_by_shared_memory_and_come_out_as_with_inline():
    dice = np.random.default_rng(0)
    sizes = [(300, 400), (64, 64), (480, 640), (200, 90)] * 5
    pictures = [dice.integers(0, 255, (*size, 3), dtype=np.uint8) for size in sizes]
    with duomo.load("image-classification", "vision/efficientnet-lite0") as inline:
        here = [outcome.unwrap() for outcome in inline.map(pictures, top_k=3)]
    with duomo.load("image-classification", executor="local", devices=["cpu", "cpu"]) as local:
        there = [outcome.unwrap() for outcome in local.map(pictures, top_k=3)]
        assert local.executor.stats().bytes_moved > sum(picture.nbytes for picture in pictures)
    for one, other in zip(here, there, strict=True):
        assert [label.name for label in one.labels] == [label.name for label in other.labels]
        assert max(abs(a.score - b.score) for a, b in zip(one.labels, other.labels, strict=True)) < 1e-6


@pytest.fixture(scope="module")
def cut():
    """One model on two workers, and the same in this process."""
    sys.path.insert(0, str(Path(__file__).parent))
    catalog = fake_catalog(echo_spec(loader="cut:Cut"))
    executor = LocalExecutor(hang_floor_s=2.0)
    with (
        duomo.load("text-classification", catalog=catalog) as inline,
        duomo.load(
            "text-classification", executor=executor, devices="cpu,cpu", parallel="tp=2", catalog=catalog
        ) as group,
    ):
        yield inline, group
    sys.path.remove(str(Path(__file__).parent))


def scores(outcomes):
    return np.array([[label.score for label in outcome.result.labels] for outcome in outcomes if outcome.ok])


def test_a_model_on_two_workers_is_one_replica_and_gives_the_same(cut):
    inline, group = cut
    items = ["x" * (1 + 7 * i % 23) for i in range(30)]
    outcomes = list(group.map(items))
    assert np.abs(scores(outcomes) - scores(inline.map(items))).max() < 1e-6
    assert outcomes[0].meta.device == "cpu+cpu"
    assert len(group.executor.pids) == 2
    assert group.executor.devices() == ["cpu+cpu"]


@pytest.mark.parametrize(
    ("word", "kind", "told"),
    [
        ("raises", "ValueError", "rank 1 does not like it"),
        ("dies", "WorkerLost", "exit code 7"),
        ("hangs", "WorkerLost", "s for one batch"),
    ],
)
def test_what_happens_to_one_rank_ends_the_group_and_costs_one_item(cut, word, kind, told):
    inline, group = cut
    items = [f"text {i}" for i in range(9)]
    items[4] = word
    before = group.executor.stats().restarts
    outcomes = list(group.map(items, batch_size=1 if word == "hangs" else 4))  # each hang takes its two seconds
    assert [outcome.index for outcome in outcomes if not outcome.ok] == [4]
    assert outcomes[4].error.type == kind
    assert told in f"{outcomes[4].error.what} {outcomes[4].error.why}"
    assert np.abs(scores(outcomes) - scores(inline.map(items[:4] + items[5:]))).max() < 1e-6
    assert group.executor.stats().restarts > before


def test_one_rank_without_memory_halves_the_batch_of_the_group(cut):
    _, group = cut
    outcomes = list(group.map([f"heavy {i}" for i in range(8)]))
    assert all(outcome.ok for outcome in outcomes)
    assert group.executor.stats().ooms > 0
