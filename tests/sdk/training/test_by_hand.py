"""Settings of a recipe are those of a loop written by hand; what is computed again changes no update."""

import contextlib
import math

import pytest
import torch
from safetensors.torch import load_file
from torch.nn.functional import cross_entropy
from toys import LETTERS, Network

import duomo
from duomo.errors import BadOption, RequirementMissing, UsageProblem
from duomo.training import Order
from duomo.training.evaluating import Evaluation
from duomo.training.order import mix

GIVEN = {"train": 2, "validation": 0, "epochs": 2, "batch": 8, "lr": 0.02}


def frozen(network: Network, rows: list[dict[str, str]]) -> torch.Tensor:
    counts = torch.tensor([[float(row["text"].count(letter)) for letter in LETTERS] for row in rows])
    return network.trunk(counts)


def trained(network: Network, states: torch.Tensor) -> torch.Tensor:
    for layer in network.layers:
        states = layer(states)
    return network.head(network.drop(states))


@pytest.mark.parametrize(
    "settings",
    [
        {"smoothing": 0.2},
        {"smoothing": 0.2, "class_weight": {"bird": 3.0}, "optimizer": "sgd", "clip": 0.1},
        {"precision": "bfloat16", "schedule": "cosine", "warmup": 0.3},
        {"precision": "bfloat16", "micro": 3, "decay": 0.3, "clip": None},
        {"micro": 3, "optimizer": "adam", "schedule": "constant", "max_steps": 5, "seed": 7},
    ],
    ids=["smoothed", "smoothed, weighted, clipped", "bfloat16", "bfloat16, accumulated", "accumulated"],
)
def test_a_recipe_is_a_loop_written_by_hand(fit, rows, settings):
    """With dropout, whose generator is seeded by step and micro-batch: within 1e-6."""
    found = load_file(fit(rows, **GIVEN, **settings).folder / "model.safetensors")
    recipe = duomo.Recipe(epochs=2, batch=8, lr=0.02, **settings)
    torch.manual_seed(mix(recipe.seed, "init"))
    network = Network(2).train()
    network.trunk.eval().requires_grad_(False)
    named = {name: each for name, each in network.named_parameters() if each.requires_grad}
    groups = [
        {"params": [each for each in named.values() if each.dim() > 1], "weight_decay": recipe.decay},
        {"params": [each for each in named.values() if each.dim() == 1], "weight_decay": 0.0},
    ]
    makers = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam}
    optimizer = (
        torch.optim.SGD(groups, lr=1.0, momentum=0.9) if recipe.optimizer == "sgd" else makers[recipe.optimizer](groups)
    )
    order = Order(recipe.seed, len(rows), recipe.batch)
    total = recipe.max_steps or order.steps_per_epoch * recipe.epochs
    warm = math.ceil(recipe.warmup * total)
    weight = {"bird": 1.0, "fish": 1.0, **settings.get("class_weight", {})}
    is_half = recipe.precision == "bfloat16"
    for step in range(total):
        some = [rows[at] for at in order.rows(step)]
        micro = recipe.micro or recipe.batch
        for part, start in enumerate(range(0, len(some), micro)):
            few = some[start : start + micro]
            torch.manual_seed(order.step_seed(step, part, 0))
            states = frozen(network, few)  # computed once, and so in float32
            with torch.autocast("cpu", torch.bfloat16) if is_half else contextlib.nullcontext():
                logits = trained(network, states).float()
            wanted = torch.tensor([("bird", "fish").index(row["label"]) for row in few])
            losses = cross_entropy(logits, wanted, reduction="none", label_smoothing=recipe.smoothing)
            factors = torch.tensor([weight[row["label"]] for row in few])
            (losses * factors).sum().backward()
        for each in named.values():
            each.grad /= sum(weight[row["label"]] for row in some)
        if recipe.clip is not None:
            torch.nn.utils.clip_grad_norm_(list(named.values()), recipe.clip)
        left = (step - warm) / (total - warm)
        falls = {"linear": 1 - left, "cosine": (1 + math.cos(math.pi * left)) / 2, "constant": 1.0}
        for group in optimizer.param_groups:
            group["lr"] = recipe.lr * ((step + 1) / warm if step < warm else falls[recipe.schedule])
        optimizer.step()
        optimizer.zero_grad()
    for name, each in network.state_dict().items():
        torch.testing.assert_close(found[name], each, atol=1e-6, rtol=1e-5, msg=name)


def test_the_loss_of_held_out_rows_is_not_smoothed(fit, rows):
    found = fit(rows, validation=rows[::4], epochs=1, smoothing=0.5, lr=1e-9, out="smoothed")
    plain = fit(rows, validation=rows[::4], epochs=1, lr=1e-9, out="plain")
    assert found.metrics["loss"].value == pytest.approx(plain.metrics["loss"].value, abs=1e-6)


@pytest.mark.parametrize(
    "how",
    [{"train": "all"}, {"train": 1, "micro": 3}]
    + [
        pytest.param({"train": 2, **each}, marks=pytest.mark.multiproc)
        for each in ({"parallel": "pp=2"}, {"parallel": "tp=2"}, {"parallel": "dp=2", "shard": True})
    ],
    ids=["whole", "a layer", "stages", "shared layers", "parts"],
)
def test_layers_that_are_computed_again_change_no_update(fit, rows, how):
    plain, again = (fit(rows, out=out, recompute=out == "again", **how) for out in ("plain", "again"))
    assert (plain.folder / "model.safetensors").read_bytes() == (again.folder / "model.safetensors").read_bytes()


def test_layers_that_are_computed_again_are_those_that_are_trained(fit, rows):
    with pytest.raises(BadOption, match="recompute is of no use") as caught:
        fit(rows, train="head", recompute=True)
    assert "micro" in caught.value.fix


@pytest.mark.parametrize("backend", ["aot_eager", pytest.param("inductor", marks=pytest.mark.slow)])
def test_compiled_passes_end_with_the_same_weights(fit, rows, monkeypatch, backend):
    """Dropout and a batch norm included, in batches of two sizes; a training that was stopped goes on compiled.

    The backend that compiles nothing is quick and traces the same, so that `options` of the other are left out.
    """
    calls, compile = [], torch.compile

    def seen(function, **given):
        calls.append(function.__name__)
        return compile(function, **(given if backend == "inductor" else {"backend": backend}))

    def stop(progress):
        if progress.step == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(torch, "compile", seen)
    given = {"train": "all", "batch": 20, "checkpoint_s": 0.0, "optimizer": "sgd"}
    plain = load_file(fit(rows, out="plain", **given).folder / "model.safetensors")
    assert not calls
    with pytest.raises(KeyboardInterrupt):
        fit(rows, compile=True, on_step=stop, **given)
    compiled = load_file(fit(rows, compile=True, resume=True, **given).folder / "model.safetensors")
    assert calls == ["logits", "logits_from"] * 2
    assert compiled.keys() == plain.keys()
    for name, each in plain.items():
        torch.testing.assert_close(compiled[name], each, atol=1e-5, rtol=1e-5, msg=name)


def test_passes_that_cannot_be_compiled_are_refused(fit, rows, monkeypatch):
    with pytest.raises(UsageProblem, match="compile=True and tp=2 do not go together") as caught:
        fit(rows, compile=True, parallel="tp=2")
    assert "dp=2" in caught.value.fix
    monkeypatch.setattr("toys.LettersTrainer.packed", True)
    with pytest.raises(BadOption, match="compile cannot be for 'toys/letters'") as caught:
        fit(rows, compile=True)
    assert "packed without padding" in caught.value.why
    monkeypatch.setattr("toys.LettersTrainer.packed", False)
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(RequirementMissing, match=r"compile needs a C\+\+ compiler"):
        fit(rows, compile=True)


def test_the_best_checkpoint_is_that_of_the_score_that_is_named(fit, rows):
    """The rate is so high that the loss rises after some epochs."""
    given = {"validation": rows[::4], "epochs": 8, "lr": 0.5, "checkpoint_s": 0.0}
    for name, choose in (("loss", min), ("accuracy", max)):
        found = fit(rows, out=name, best=name, **given)
        values = {line["step"]: line["scores"][name] for line in found.curves if "scores" in line}
        assert values[found.record["best_step"]] == choose(values.values())
        assert found.metrics[name].value == choose(values.values())


def test_of_epochs_with_equal_scores_the_one_with_the_lower_loss_is_kept(fit, rows, monkeypatch):
    """Held-out rows are few, so that scores are often equal; the first epoch with one has learned less."""
    monkeypatch.setattr(Evaluation, "score", lambda *_: 0.5)
    found = fit(rows, validation=rows[::4], epochs=4)
    losses = {line["step"]: line["scores"]["loss"] for line in found.curves if "scores" in line}
    assert found.record["best_step"] == min(losses, key=losses.__getitem__) > min(losses)
    stopped = fit(rows, validation=rows[::4], epochs=9, patience=2, out="stopped")
    assert stopped.record["steps"] == 3 * min(losses), "an equal score is no better one"


def test_a_score_that_the_task_has_not_is_refused_before_the_first_step(fit, rows, tmp_path):
    with pytest.raises(BadOption, match="best='acuracy' is not a score of text-classification") as caught:
        fit(rows, best="acuracy")
    assert "accuracy" in caught.value.fix
    assert not (tmp_path / "out").exists()
    with pytest.raises(BadOption, match="needs rows that are held out"):
        fit(rows, best="accuracy", validation=0)


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("learning_rate", "lr"),
        ("gradient_accumulation_steps", "micro"),
        ("bf16", "precision='bfloat16'"),
        ("assistant_only_loss", "only_answers"),
        ("torch_compile", "compile=True"),
    ],
)
def test_names_of_other_trainers_are_answered_with_those_of_a_recipe(name, fix):
    with pytest.raises(UsageProblem, match=f"a recipe has no '{name}'") as caught:
        duomo.Recipe(**{name: 1})  # type: ignore[arg-type]
    assert caught.value.fix.startswith(fix)


def test_a_training_from_before_a_setting_had_a_name_goes_on(fit, rows):
    """What a checkpoint of an earlier version does not name had the usual value."""
    import json

    done = fit(rows)
    about = json.loads((done.folder / "fit.json").read_text())
    del about["record"]["fingerprint"]["recipe.smoothing"]
    (done.folder / "fit.json").write_text(json.dumps(about))
    assert fit(rows, resume=True).record["steps"] == done.record["steps"]


def test_only_answers_is_refused_where_there_are_no_chats(fit, rows):
    with pytest.raises(BadOption, match="only_answers cannot be for 'toys/letters'") as caught:
        fit(rows, only_answers=True)
    assert "text-generation" in caught.value.fix
