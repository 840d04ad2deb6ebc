"""The generalist: its tokens, that a cache changes nothing, and that the trained one does its tasks."""

import contextlib
import math
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import duomo
from duomo.errors import BadInput, BadOption, InputTooLong, UnknownModel, WeightsMismatch, WeightsMissing
from duomo_multimodal import gato
from duomo_multimodal.gato.network import Description, Gato, losses, stack
from duomo_multimodal.gato.sampling import Draw, Wanted, sample
from duomo_multimodal.gato.serving import save
from duomo_multimodal.gato.tokens import (
    ACTING,
    IMAGE,
    LEVELS,
    NOWHERE,
    SEPARATOR,
    Values,
    decode_action,
    encode,
    join,
    mu_law,
    of_image,
    of_step,
    of_text,
)
from duomo_multimodal.gato.worlds import WORLDS, Grid

TINY = Description(
    width=16, layers=2, heads=2, context=48, side=32, channels=8,
    environments={name: world.about for name, world in WORLDS.items()},
)  # fmt: skip
DIGITS = 0.9
"""The share of held-out digits whose name is right, at least."""
WALK = {"observations": [{"walker": [0, 1], "goal": [4, 1]}, {"walker": [1, 1], "goal": [4, 1]}], "actions": [[1]]}
PUSH = {"observations": [{"offset": [0.5, -0.25]}]}


@pytest.fixture(scope="module")
def network() -> Gato:
    torch.manual_seed(0)
    return Gato(TINY).eval()


@pytest.fixture(scope="module")
def folder(network: Gato, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(network, tmp_path_factory.mktemp("gato"))


def test_numbers_are_tokens_as_in_the_paper() -> None:
    assert mu_law(0.0) == 0
    assert mu_law(256.0) == pytest.approx(1)
    assert mu_law(-1.0) == pytest.approx(-math.log(101) / math.log(25601))
    kind = Values(count=5)
    assert encode(kind, [-1, -0.001, 0.0, 0.999, 2.0], observed=False) == [1024, 1535, 1536, 2047, 2047]
    back = decode_action(kind, encode(kind, [-0.7, 0.3], observed=False))
    assert np.abs(np.array(back) - [-0.7, 0.3]).max() <= 1 / LEVELS
    assert encode(Grid.about.action, [3], observed=False) == [3]
    with pytest.raises(ValueError, match="4 is not a whole number from 0 to 3"):
        encode(Grid.about.action, [4], observed=False)


def test_a_step_is_observations_by_name_a_separator_and_the_action() -> None:
    step = of_step(Grid.about, {"walker": [0, 1], "goal": [4, 2]}, [3])
    assert step.ids.tolist() == [4, 2, 0, 1, SEPARATOR, 3]
    assert step.local.tolist() == [0, 1, 2, 3, NOWHERE, ACTING]
    assert step.learned.tolist() == [False] * 5 + [True]


def test_patches_are_in_raster_order_with_their_places() -> None:
    pixels = torch.zeros(3, 32, 48)
    pixels[:, :16, 16:32] = 1.0  # the second patch
    image = of_image(pixels)
    assert image.ids.tolist() == [IMAGE] * 6
    assert image.patches[1].unique().tolist() == [0.25]
    assert image.patches[0].unique().tolist() == [-0.25]
    assert image.places[[0, 1, 3]].tolist() == [[0, 63, 0, 41], [0, 63, 42, 84], [64, 127, 0, 41]]


def test_the_loss_counts_texts_and_actions_alone(network: Gato) -> None:
    row = join([of_step(Grid.about, {"walker": [0, 1], "goal": [4, 2]}, [3]), of_text(b"up")])
    nats, count = losses(network, [row, of_text(b"ab")])
    assert count.tolist() == [3, 1]
    logits = network(stack([row])).detach()[0].log_softmax(-1)
    wanted = sum(float(-logits[at - 1, row.ids[at]]) for at in (5, 6, 7))
    assert nats[0].item() == pytest.approx(wanted, rel=1e-5)


@torch.no_grad()
def test_what_is_read_with_a_cache_is_what_the_whole_gives(network: Gato) -> None:
    image = join([of_image(torch.rand(3, 32, 32)), of_text(b"seven")])
    rows = [image, of_text(b"a longer text than that")]
    whole = network(stack(rows))
    cache, at = network.new_cache(2), torch.tensor([4, 4])
    begun = stack([join([of_image(image.patches.new_zeros(3, 32, 32))]), of_text(b"a lo")])
    network(begun._replace(patches=stack(rows).patches, places=stack(rows).places), torch.zeros_like(at), cache)
    for step in range(5):
        ids = torch.stack([row.ids[4 + step : 5 + step] for row in rows])
        batch = stack([of_text(b"x"), of_text(b"x")])._replace(ids=ids)
        logits = network(batch, at + step, cache)
        torch.testing.assert_close(logits[:, 0], whole[:, 4 + step], atol=1e-5, rtol=1e-5)


@pytest.mark.equals("the network run whole for each token", "reinforcement-learning")
@torch.no_grad()
def test_the_likeliest_tokens_are_those_of_the_network_run_whole_each_time(network: Gato) -> None:
    prompts = [of_text(b"in the beginning"), of_text(b"no"), join([of_image(torch.rand(3, 32, 32))])]
    wanted = [Wanted(count, (0, 256), NOWHERE) for count in (12, 5, 9)]
    written = sample(network, prompts, wanted, Draw())
    for prompt, want, found in zip(prompts, wanted, written, strict=True):
        known = prompt
        for _ in range(want.most):
            new = network(stack([known]))[0, -1, :256].argmax()
            known = join([known, of_text(bytes([int(new)]))])
        assert found == known.ids[len(prompt) :].tolist()


ITEMS: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "text-generation": (["one", "another text", "x" * 47], {"max_new_tokens": 6, "temperature": 0.9, "seed": 3}),
    "image-captioning": ([np.full((40, 30, 3), 99, np.uint8), np.eye(64, dtype=np.uint8) * 255], {"max_new_tokens": 5}),
    "reinforcement-learning": ([WALK, PUSH], {"temperature": 1.0, "seed": 2}),
}


@pytest.mark.parametrize("task", ITEMS)
def test_a_batch_gives_what_one_by_one_gives(folder: Path, task: Any) -> None:
    items, options = ITEMS[task]
    with duomo.load(task, f"dir:{folder}", device="cpu") as runner:
        together = [outcome.unwrap() for outcome in runner.map(items, batch_size=len(items), **options)]
        assert together == [runner(item, **options) for item in items]


def test_an_action_lies_in_the_range_of_its_environment(folder: Path) -> None:
    with duomo.load("reinforcement-learning", f"dir:{folder}", device="cpu") as act:
        for seed in range(8):
            walk, push = act(WALK, temperature=5.0, seed=seed), act(PUSH, temperature=5.0, seed=seed)
            assert (walk.environment, push.environment) == ("grid", "reach")
            assert walk.values[0] in (0, 1, 2, 3)
            assert len(push.values) == 2
            assert max(map(abs, push.values)) < 1


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ({"observations": []}, "0 observations and 0 actions"),
        ({"observations": [{"walker": [0, 1]}], "actions": [[1]]}, "1 observations and 1 actions"),
        ([1, 2], "not an episode"),
        ({"observations": [{"walker": [0, 1]}], "reward": 1}, "no 'reward'"),
        ({"observations": [{"walker": [0, float("nan")], "goal": [1, 1]}]}, "is nan"),
        ({"observations": [{"height": [1]}]}, "no environment shows 'height'"),
        ({"observations": [{"walker": [0, 7], "goal": [1, 1]}]}, "7 is not a whole number"),
        ({"observations": [{"walker": [0, 0.5], "goal": [1, 1]}]}, "0.5 is not a whole number"),
        ({"observations": [{"walker": [0], "goal": [1, 1]}]}, "walker has 1 numbers and not 2"),
    ],
)
def test_what_is_no_episode_is_refused_with_words(folder: Path, item: Any, words: str) -> None:
    with duomo.load("reinforcement-learning", f"dir:{folder}", device="cpu") as act:
        with pytest.raises(BadInput, match=words) as caught:
            act(item)
        good = list(act.map([item, WALK], batch_size=2))
    assert [each.ok for each in good] == [False, True]
    assert caught.value.what


def test_more_than_it_reads_is_refused_or_cut_and_said(folder: Path) -> None:
    seen = [{"walker": [at % 5, 1], "goal": [4, 1]} for at in range(10)]
    long = {"observations": seen, "actions": [[1]] * 9}
    with duomo.load("reinforcement-learning", f"dir:{folder}", device="cpu") as act:
        with pytest.raises(InputTooLong, match="59 tokens"):
            act(long)
        [cut] = act.map([long], long="truncate")
        last = {"observations": seen[-8:], "actions": [[1]] * 7}
        assert (cut.meta.truncated, cut.unwrap()) == (True, act(last))
    with duomo.load("text-generation", f"dir:{folder}", device="cpu") as write:
        with pytest.raises(InputTooLong, match="48 bytes"):
            write("x" * 48)
        assert write("x" * 48, long="truncate").num_prompt_tokens == 47
        assert write("x" * 47).num_new_tokens <= 1
        with pytest.raises(BadOption, match="knows no chats"):
            write("x", chat=True)
        with pytest.raises(BadOption, match="nothing is drawn"):
            write("x", top_p=0.5)
    say = duomo.load("image-captioning", f"dir:{folder}", device="cpu")
    with say, pytest.raises(BadOption, match="no beam search"):
        say(np.zeros((8, 8, 3), np.uint8), num_beams=2)


def test_parts_that_do_not_fit_are_refused(network: Gato, tmp_path: Path) -> None:
    save(network, tmp_path)
    about = TINY.model_copy(update={"width": 24})
    (tmp_path / "duomo.json").write_text(about.model_dump_json())
    with pytest.raises(WeightsMismatch):
        duomo.load("image-captioning", f"dir:{tmp_path}", device="cpu")
    (tmp_path / "duomo.json").write_text(TINY.model_dump_json().replace("continuous", "round"))
    with pytest.raises(WeightsMismatch, match=r"environments\.reach"):
        duomo.load("image-captioning", f"dir:{tmp_path}", device="cpu")


def test_the_model_that_comes_with_the_plugin_is_the_default_of_acting_alone() -> None:
    catalog = duomo.default_catalog()
    assert catalog.default_model("reinforcement-learning").name == "multimodal/gato-small"
    assert not {spec.name for spec in catalog.models if "demonstration" in spec.tags} - {"multimodal/gato-small"}
    for task in ("text-generation", "image-captioning"):
        with contextlib.suppress(WeightsMissing, UnknownModel):
            assert catalog.default_model(task).name != "multimodal/gato-small"


def test_the_model_that_comes_with_the_plugin_beats_what_is_trivial() -> None:
    script = Path(__file__).parents[3] / "benchmarks" / "generalist.py"
    measure = runpy.run_path(str(script))["measure"]
    folder = Path(gato.__file__).parent / "trained"
    found = measure(str(folder), 100, 12)
    assert found["digits right"]["model"] > DIGITS
    text = found["text, nats a byte"]
    assert text["model"] < text["pairs"] - 0.1
    for name in WORLDS:
        left = found[f"{name}, distance left"]
        assert left["model"] < 0.5 * min(left["nothing"], left["random"]), name
    with duomo.load("image-captioning", "multimodal/gato-small", device="cpu") as say:
        assert say(np.zeros((8, 8, 3), np.uint8)).finish_reason in ("stop", "length")
