"""The two small networks on texts: what they learn, and that a batch gives what its texts give."""

import math

import pytest
import torch

import duomo
from duomo import Recipe
from duomo.errors import BadInput, BadOption, InputTooLong
from duomo.inputs import Prompt
from duomo_nlp.models.transformer import Characters, CharactersTrainer, Size

BIRDS = ["robin", "wren", "blackbird", "tit"]
FISH = ["cod", "hake", "mackerel", "eel"]
ROWS = [
    {"text": f"{'one two three four five'.split()[at % 5]} {word} {at}", "label": label}
    for label, words in (("bird", BIRDS), ("fish", FISH))
    for word in words
    for at in range(8)
]


def test_bytes_through_recurrent_units_learn_labels(tmp_path):
    fit = duomo.pretrain(
        "text-classification", ROWS, architecture="gru", out=tmp_path / "out", validation=0.2,
        recipe=Recipe(epochs=25, batch=16, lr=1e-2),
    )  # fmt: skip
    assert fit.metrics["accuracy"].value > 0.8
    runner = fit.load()
    texts = ["two wren 3", "five mackerel 1", "one eel"]
    together = [outcome.unwrap() for outcome in runner.map(texts)]
    for text, result in zip(texts, together, strict=True):
        scores = {label.name: label.score for label in result.labels}
        assert {label.name: label.score for label in runner(text).labels} == pytest.approx(scores, abs=1e-5)
    with pytest.raises(InputTooLong):
        runner("eel " * 200)
    assert runner("eel " * 200, long="window").labels


@pytest.fixture(scope="module")
def learnt(tmp_path_factory) -> duomo.Fit:
    texts = ["the cat sat on the mat. " * 6, "a dog ran to the cat. " * 6, "the dog sat on a cat. " * 6] * 4
    return duomo.pretrain(
        "text-generation", [{"text": f"{text}{at}"} for at, text in enumerate(texts)], architecture="transformer",
        out=tmp_path_factory.mktemp("lm") / "out", recipe=Recipe(epochs=40, batch=8, lr=5e-3),
    )  # fmt: skip


def test_a_language_model_of_characters_learns_and_writes(learnt):
    assert learnt.metrics["loss"].value < 0.4 * math.log(24), "a guess among its characters costs log(24) nats"
    runner = learnt.load()
    found = runner("the cat sat on", max_new_tokens=8)
    assert set(found.text) <= set("the cat sat on mat. a dog ran to 0123456789")
    assert (found.finish_reason, found.num_prompt_tokens, found.num_new_tokens) == ("length", 14, 8)
    drawn = [runner("the", temperature=1.0, top_p=0.9, seed=seed, max_new_tokens=20).text for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1]
    with pytest.raises(BadOption, match="nothing is drawn"):
        runner("the", top_p=0.9)
    assert runner("the cat sat on", max_new_tokens=30, stop=("mat", "cat")).finish_reason == "stop"
    with pytest.raises(BadOption, match=r"'stop\.0' cannot be ''"):
        runner("the", stop=[""])
    with pytest.raises(BadInput, match=r"this prompt has 'é', which the model has never read"):
        runner("the cat sat on é")
    longer = "a dog ran to the cat. the cat sat on the mat. " * 2
    with pytest.raises(InputTooLong, match="92 characters and the model reads 64"):
        runner(longer)
    [cut] = runner.map([longer], long="truncate", max_new_tokens=8)
    assert cut.meta.truncated
    assert cut.unwrap() == runner(longer[-64:], max_new_tokens=8)


def test_no_character_sees_what_comes_after_it():
    torch.manual_seed(0)
    model = Characters(Size(16, 2, 2, 8), "\0abc ")
    model.network.eval()
    ids = torch.tensor([[1, 2, 3, 1]])
    changed = torch.tensor([[1, 2, 3, 3]])
    torch.testing.assert_close(model.network(ids)[:, :3], model.network(changed)[:, :3])
    assert not torch.allclose(model.network(ids)[:, 3], model.network(changed)[:, 3])


def test_every_character_of_joined_texts_has_a_loss_once():
    model = CharactersTrainer(Size(16, 1, 2, 4), "\0")
    model.joins = True
    items = [Prompt.accept(text) for text in ("abcde", "fg", "hijkl")]
    model.fit_statistics(items, [])
    rows = model.regroup(model.preprocess(items, None))
    read = [model.characters[number] for _, each in rows for number in each["ids"][1:]]
    assert "".join(read) == "bcde\0fg\0hijkl\0"
    assert [place for place, _ in rows] == [0, 0, 1, 2]
    batch = model.collate([each for _, each in rows])
    losses = model.losses(model.logits(batch), [None] * len(rows))
    assert losses.counts.tolist() == [4.0, 4.0, 4.0, 2.0]


def test_a_language_model_of_characters_is_learnt_with_no_row_held_out(tmp_path):
    fit = duomo.pretrain(
        "text-generation", [{"text": "the cat sat on the mat. " * 4}], architecture="transformer", validation=0,
        out=tmp_path / "out", recipe=Recipe(batch=2, max_steps=1),
    )  # fmt: skip
    assert not fit.metrics
