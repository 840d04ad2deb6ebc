"""Encoders in training: the same numbers as transformers, and a folder that is a model."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from torch.nn.functional import cross_entropy
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
    BertConfig,
    MixtralConfig,
    MixtralForCausalLM,
)

import duomo
from duomo import Recipe
from duomo.errors import BadInput, UsageProblem
from duomo.specs import ModelSpec
from duomo.training import Order, check, evaluate, lora
from duomo.training.distributed.shares import Shares
from duomo.training.freezing import freeze
from duomo.training.metrics import Named, Tokens as Scores
from duomo.training.request import Request
from duomo.weights import open_folder
from duomo_nlp.parallel import tensor_plan
from duomo_nlp.training.sequences import Sequences
from duomo_nlp.training.tokens import Tokens

TEXTS = ["the cat sat on the mat", "a dog", "Ada met Bob in Paris and London", "one two three", "the end"]
LABELS = ["b", "a", "b", "a", "b"]
KINDS = ["bert", "camembert", "distilbert", "electra", "modernbert", "mpnet", "roberta", "xlm-roberta"]


class Whole:
    """Options with which a text that is too long is cut."""

    long = "truncate"


def opened(cls: Any, folder: Path, labels: list[str]) -> Any:
    torch.manual_seed(0)
    weights = open_folder(ModelSpec("", "", "", "", "", weights="given"), str(folder))
    return cls.open(weights, labels=labels, device=torch.device("cpu"), dtype=torch.float32)


@pytest.mark.parametrize("kind", [*KINDS, "gpt2"])
def test_losses_and_gradients_equal_those_of_transformers(checkpoint, tmp_path, kind):
    folder = checkpoint(kind, AutoModelForSequenceClassification, num_labels=2, id2label={0: "a", 1: "b"})
    model = opened(Sequences, folder, ["a", "b"])
    model.network.eval().requires_grad_(True)
    features = model.preprocess(TEXTS, Whole)
    losses = model.losses(model.logits(model.collate(features)), model.targets(LABELS, features))
    losses.rows.sum().backward()

    reference = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for text, label, row in zip(TEXTS, LABELS, losses.rows, strict=True):
        logits = reference(**tokenizer(text, return_tensors="pt")).logits
        loss = cross_entropy(logits, torch.tensor([int(label == "b")]))
        loss.backward()
        torch.testing.assert_close(row, loss, atol=1e-5, rtol=1e-5)
    theirs = {name: each.grad for name, each in reference.named_parameters()}
    for name, each in model.network.named_parameters():
        if theirs[name] is not None:
            torch.testing.assert_close(each.grad, theirs[name], atol=2e-5, rtol=2e-4, msg=name)
    model.save(tmp_path)
    pads = [json.loads((each / "config.json").read_text()).get("pad_token_id") for each in (folder, tmp_path)]
    assert pads[0] == pads[1], "GPT-2 has none, and is trained as if"


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(epochs=2, batch=4, lr=1e-2, optimizer="sgd", clip=0.3, warmup=0.2),
        Recipe(epochs=2, batch=4, lr=1e-3, schedule="cosine", warmup=0.2, decay=0.1, clip=None, micro=3),
        Recipe(epochs=2, batch=4, lr=1e-3, optimizer="adam", schedule="constant", class_weight="balanced"),
    ],
    ids=["sgd", "adamw", "adam"],
)
def test_the_weights_are_those_of_a_loop_written_by_hand(checkpoint, tmp_path, recipe):
    """Schedule, warm-up, decay of matrices alone, clipping and weights of classes, on padded batches: within 1e-6."""
    labels = {0: "a", 1: "b"}
    still = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    folder = checkpoint("bert", AutoModelForSequenceClassification, num_labels=2, id2label=labels, **still)
    rows = [{"text": f"{text} {at}", "label": name} for at in "12" for text, name in zip(TEXTS, "aabaa", strict=True)]
    fit = duomo.finetune(
        "text-classification", rows, model=f"dir:{folder}", train="all", validation=0, out=tmp_path / "o", recipe=recipe
    )
    network = AutoModelForSequenceClassification.from_pretrained(folder).train()
    named = dict(network.named_parameters())
    spared = [name for name in named if name.endswith("bias") or "LayerNorm" in name]
    groups = [
        {"params": [named[name] for name in named if name not in spared], "weight_decay": recipe.decay},
        {"params": [named[name] for name in spared], "weight_decay": 0.0},
    ]
    makers: dict[str, Any] = {
        "sgd": lambda: torch.optim.SGD(groups, lr=1.0, momentum=0.9),
        "adamw": lambda: torch.optim.AdamW(groups, lr=1.0), "adam": lambda: torch.optim.Adam(groups, lr=1.0),
    }  # fmt: skip
    optimizer, tokenizer = makers[recipe.optimizer](), AutoTokenizer.from_pretrained(folder)
    order = Order(recipe.seed, len(rows), recipe.batch)
    total = order.steps_per_epoch * recipe.epochs
    warm = math.ceil(recipe.warmup * total)
    shares = [sum(row["label"] == name for row in rows) / len(rows) for name in "ab"]
    weight = torch.tensor([0.5 / share for share in shares]) if recipe.class_weight == "balanced" else None
    for step in range(total):
        some = [rows[at] for at in order.rows(step)]
        batch = tokenizer([row["text"] for row in some], padding=True, return_tensors="pt")
        wanted = torch.tensor(["ab".index(row["label"]) for row in some])
        cross_entropy(network(**batch).logits, wanted, weight=weight).backward()
        if recipe.clip is not None:
            torch.nn.utils.clip_grad_norm_(network.parameters(), recipe.clip)
        left = (step - warm) / (total - warm)
        falls = {"linear": 1 - left, "cosine": (1 + math.cos(math.pi * left)) / 2, "constant": 1.0}
        for group in optimizer.param_groups:
            group["lr"] = recipe.lr * ((step + 1) / warm if step < warm else falls[recipe.schedule])
        optimizer.step()
        optimizer.zero_grad()
    found = load_file(fit.folder / "model.safetensors")
    for name, each in named.items():
        if not name.endswith("key.bias"):  # has no gradient but rounding, which Adam makes whole steps of
            torch.testing.assert_close(found[name], each.detach(), atol=1e-6, rtol=1e-5, msg=name)


@pytest.mark.parametrize("upper", [0, 1, 2])
@pytest.mark.parametrize("cls", [Sequences, Tokens])
@pytest.mark.parametrize("kind", ["bert", "distilbert", "modernbert", "roberta"])
def test_what_is_computed_once_gives_what_the_whole_network_gives(checkpoint, kind, cls, upper):
    model = opened(cls, checkpoint(kind, AutoModel), ["a", "b"])
    if not model.has_trunk(upper):
        assert upper
        assert kind in ("distilbert", "modernbert")
        return
    model.network.eval()
    batch = model.collate(model.preprocess(TEXTS, Whole))
    rows = model.features(batch, upper)
    assert len(rows) == len(TEXTS)
    torch.testing.assert_close(model.logits_from(rows, upper), model.logits(batch), atol=1e-5, rtol=1e-5)


def test_dropout_is_that_of_the_config_inside_attention_too(checkpoint):
    folder = checkpoint("bert", AutoModel, attention_probs_dropout_prob=0.5, hidden_dropout_prob=0.0)
    model = opened(Sequences, folder, ["a", "b"])
    batch = model.collate(model.preprocess(TEXTS, Whole))
    model.network.eval()
    still = model.logits(batch)
    model.network.train()
    assert not torch.allclose(model.logits(batch), still)
    for module in model.network.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    for layer in model.base.encoder.layer:
        layer.attention.self.dropout.p = 0.0
    torch.testing.assert_close(model.logits(batch), still)


def test_a_row_with_a_token_without_a_vector_is_left_out(checkpoint, tmp_path):
    base = checkpoint("bert", AutoModel, vocab_size=100)
    rows = [{"text": f"the {word} sat", "label": word} for word in ("cat", "dog")] * 3
    odd = {"text": "the catXYZ sat", "label": "cat", "id": "odd"}
    fit = duomo.finetune("text-classification", [odd, *rows], model=f"dir:{base}", validation=0, out=tmp_path / "out")
    assert [(each.id, each.what[:23]) for each in fit.rows.left_out] == [("odd", "this text holds '##X', ")]


@pytest.mark.parametrize("train", ["head", 1, "all"])
def test_a_checkpoint_learns_labels_and_the_folder_runs(checkpoint, tmp_path, train):
    base = checkpoint("bert", AutoModel)
    words = {"animal": ["cat", "dog"], "place": ["Paris", "London"]}
    rows = [
        {"text": f"the {word} {rest}", "label": label}
        for label, some in words.items()
        for word in some
        for rest in ("sat", "ran", "on the mat", "and one", "two", "in three", "met Bob", "to six")
    ]
    fit = duomo.finetune(
        "text-classification",
        rows,
        model=f"dir:{base}",
        train=train,
        out=tmp_path / "out",
        validation=0,
        recipe=Recipe(epochs=60, batch=8, lr=1e-2),
    )
    runner = duomo.load("text-classification", f"dir:{fit.folder}")
    right = [runner(row["text"]).top.name == row["label"] for row in rows]
    assert sum(right) >= 0.9 * len(rows)
    assert fit.record["trunk_computed_once"] is (train != "all")
    before, after = (json.loads((folder / "tokenizer.json").read_text()) for folder in (base, fit.folder))
    assert after == before, "how texts were cut while it was trained stays out"


def test_a_head_whose_labels_are_known_is_kept_and_one_whose_are_not_is_new(checkpoint):
    names = {0: "neg", 1: "neutral", 2: "pos"}
    folder = checkpoint("bert", AutoModelForSequenceClassification, num_labels=3, id2label=names)
    trained = AutoModelForSequenceClassification.from_pretrained(folder)
    kept = opened(Sequences, folder, ["neg", "pos"])
    assert list(kept.labels) == ["neg", "neutral", "pos"], "the order of the checkpoint, not of the data"
    assert torch.equal(kept.network.classifier.weight, trained.classifier.weight)
    new = opened(Sequences, folder, ["no", "yes"])
    assert list(new.labels) == ["no", "yes"]
    assert new.network.classifier.weight.shape[0] == 2
    assert torch.equal(
        new.network.bert.encoder.layer[0].output.dense.weight, trained.bert.encoder.layer[0].output.dense.weight
    )


@pytest.mark.parametrize(
    ("task", "label", "named"),
    [("text-regression", 3, "every row has the label 3.0"), ("token-classification", [], "no row has a span")],
)
def test_labels_that_are_all_one_are_refused(checkpoint, tmp_path, task, label, named):
    column = "spans" if label == [] else "label"
    rows = [{"text": text, column: label} for text in TEXTS]
    with pytest.raises(BadInput, match=named) as caught:
        check(Request(task=task, data=rows, model=f"dir:{checkpoint('bert', AutoModel)}", validation=0, out=tmp_path))
    assert caught.value.why
    assert caught.value.fix


def test_a_checkpoint_with_a_score_for_each_label_learns_to_say_one(checkpoint, tmp_path):
    """Its softmax is trained, so that the folder must not give the sigmoid of each label."""
    names = {0: "a", 1: "b"}
    settings = {"num_labels": 2, "id2label": names, "problem_type": "multi_label_classification"}
    folder = checkpoint("bert", AutoModelForSequenceClassification, **settings)
    rows = [{"text": f"{text} {at}", "label": "ab"[at % 2]} for at, text in enumerate(TEXTS * 2)]
    fit = duomo.finetune(
        "text-classification", rows, model=f"dir:{folder}", out=tmp_path / "out", recipe=Recipe(epochs=1)
    )
    assert sum(label.score for label in fit.load()("a dog").labels) == pytest.approx(1)
    assert any("score of its own" in finding.what for finding in fit.findings)


@pytest.mark.parametrize(
    ("labels", "level", "fix"),
    [(("NEG", "pos"), "warning", "write the labels as the checkpoint has them"), (("no", "yes"), "note", ""),
     (("neg", "pos"), None, "")],
)  # fmt: skip
def test_a_head_that_is_replaced_is_told_and_labels_that_only_look_other_are_a_warning(
    checkpoint, tmp_path, labels, level, fix
):
    names = {0: "neg", 1: "neutral", 2: "pos"}
    folder = checkpoint("bert", AutoModelForSequenceClassification, num_labels=3, id2label=names)
    rows = [{"text": f"{text} {at}", "label": labels[at % 2]} for at, text in enumerate(TEXTS * 2)]
    request = Request(task="text-classification", data=rows, model=f"dir:{folder}", validation=0, out=tmp_path)
    found = [each for each in check(request).findings if "the checkpoint's labels" in each.what]
    assert [each.level for each in found] == ([level] if level else [])
    for each in found:
        assert each.what == "the checkpoint's labels are others (neg, neutral, pos): its head is replaced by a new one"
        assert each.why == f"the rows have {', '.join(sorted(labels))}"
        assert each.fix.startswith(fix)
        assert bool(each.fix) is bool(fix)


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing.:FutureWarning")  # PEFT asks transformers by an old name
def test_lora_trains_a_few_numbers_and_is_merged_into_an_ordinary_checkpoint(checkpoint, tmp_path):
    rows = [{"text": f"the {word} {at}", "label": word} for word in ("cat", "dog") for at in range(10)]
    start = checkpoint("bert", AutoModel, hidden_size=64, intermediate_size=256)
    fit = duomo.finetune(
        "text-classification",
        rows,
        model=f"dir:{start}",
        train="lora",
        validation=0,
        out=tmp_path / "out",
        recipe=Recipe(epochs=4, batch=4, lr=1e-2),
    )
    kept = AutoModel.from_pretrained(fit.folder).state_dict()
    before = AutoModel.from_pretrained(start).state_dict()
    changed = {name for name in before if not torch.equal(kept[name], before[name])}
    assert changed == {name for name in kept if "pooler" in name or (name.endswith("weight") and "dense" in name)} | {
        name for name in kept if name.endswith(("query.weight", "key.weight", "value.weight"))
    }
    with_additions = sum(loss for _, loss in fit.rows.highest_losses) / len(rows)
    merged = evaluate("text-classification", rows, model=f"dir:{fit.folder}")
    assert merged.scores["loss"].value == pytest.approx(with_additions, abs=1e-5)

    # The adapter beside it, on the base it was trained from, says the same.
    auto: Any = AutoModelForSequenceClassification
    adapted = PeftModel.from_pretrained(auto.from_pretrained(start, num_labels=2), str(fit.folder / "adapter")).eval()
    whole = auto.from_pretrained(fit.folder).eval()
    inputs = AutoTokenizer.from_pretrained(start)([row["text"] for row in rows], return_tensors="pt", padding=True)
    torch.testing.assert_close(adapted(**inputs).logits, whole(**inputs).logits, atol=1e-5, rtol=1e-5)


@pytest.mark.multiproc
def test_a_merged_folder_gives_in_two_processes_what_it_gives_in_one(checkpoint, tmp_path):
    rows = [{"text": f"the {word} {at}", "label": word} for word in ("cat", "dog") for at in range(6)]
    recipe = Recipe(epochs=1, batch=4)
    fit = duomo.finetune(
        "text-classification", rows, model=f"dir:{checkpoint('bert', AutoModel)}", train="lora", validation=0,
        out=tmp_path / "out", recipe=recipe,
    )  # fmt: skip
    texts = [row["text"] for row in rows]
    with fit.load() as alone, fit.load(executor="local", devices=2) as two:
        expected = [outcome.unwrap().top for outcome in alone.map(texts)]
        found = [outcome.unwrap().top for outcome in two.map(texts)]
    assert [each.name for each in found] == [each.name for each in expected]
    assert [each.score for each in found] == pytest.approx([each.score for each in expected], abs=1e-6)


def test_additions_are_a_twentieth_of_an_encoder_of_six_layers_at_most():
    sizes: dict[str, Any] = {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12}
    with torch.device("meta"):
        auto: Any = AutoModelForSequenceClassification
        network = auto.from_config(BertConfig(intermediate_size=1536, **sizes))
        head = ("bert.pooler", "classifier")
        trained = freeze(network, (*head, *lora.add(network, head, 4, "MiniLM")))
    share = sum(each.numel() for each in trained.values()) / sum(each.numel() for each in network.parameters())
    assert 0.001 < share < 0.05


def test_a_model_is_evaluated_on_rows_with_its_own_labels_alone(checkpoint):
    names = {0: "neg", 1: "pos"}
    folder = checkpoint("bert", AutoModelForSequenceClassification, num_labels=2, id2label=names)
    rows = [
        {"text": text, "label": label} for text, label in zip(TEXTS, ["neg", "pos", "neg", "pos", "neg"], strict=True)
    ]
    found = evaluate("text-classification", rows, model=f"dir:{folder}")
    runner = duomo.load("text-classification", f"dir:{folder}")
    right = sum(runner(row["text"]).top.name == row["label"] for row in rows)
    assert found.scores["accuracy"].value == right / 5
    other = {"text": "a dog", "label": "other"}
    again = evaluate("text-classification", [other, *rows], model=f"dir:{folder}")
    assert again.scores == found.scores
    assert again.num_rows == 5
    assert [(each.id, each.what) for each in again.left_out] == [("0", "label 'other' is unknown to the model")]
    with pytest.raises(BadInput, match="does not know the labels") as caught:
        evaluate("text-classification", [other], model=f"dir:{folder}")
    assert caught.value.why == "it says neg, pos, and the rows have other"


def tagged(words: dict[str, str]) -> list[dict[str, Any]]:
    """Sentences in which each of `words` bears its label."""
    rows = []
    for word, label in words.items():
        for before in ("the", "a dog", "one two three", "to the cat", "and a", "sat on"):
            text = f"{before} {word} ran"
            start = text.index(word)
            rows.append({"text": text, "spans": [{"start": start, "end": start + len(word), "label": label}]})
    return rows


@pytest.mark.parametrize("kind", ["bert", "modernbert", "mpnet", "roberta"])
def test_losses_of_tokens_equal_those_of_transformers(checkpoint, kind):
    tags = {0: "O", 1: "B-PER", 2: "I-PER"}
    folder = checkpoint(kind, AutoModelForTokenClassification, num_labels=3, id2label=tags)
    model = opened(Tokens, folder, ["PER"])
    model.network.eval()
    features = model.preprocess(TEXTS, Whole)
    spans = [[{"start": 0, "end": 3, "label": "PER"}]] * len(TEXTS)
    targets = model.targets(spans, features)
    losses = model.losses(model.logits(model.collate(features)), targets)
    reference = AutoModelForTokenClassification.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for text, target, row, count in zip(TEXTS, targets, *losses, strict=True):
        logits = reference(**tokenizer(text, return_tensors="pt")).logits[0]
        torch.testing.assert_close(row, cross_entropy(logits, target, reduction="sum"), atol=1e-4, rtol=1e-4)
        assert count == (target != -100).sum() > 0


@pytest.mark.parametrize("train", [1, "all"])
def test_spans_are_learnt_and_the_folder_finds_them(checkpoint, tmp_path, train):
    rows = tagged({"Ada": "PER", "Bob": "PER", "Paris": "LOC", "London": "LOC"})
    bad = [{"text": "Ada", "spans": [{"start": 0, "end": 9, "label": "PER"}]}, {"text": "Bob", "spans": "PER"}]
    start = checkpoint("bert", AutoModel, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    fit = duomo.finetune(
        "token-classification",
        [*rows, *bad],
        model=f"dir:{start}",
        train=train,
        validation=0,
        out=tmp_path / "out",
        recipe=Recipe(epochs=100, batch=8, lr=2e-3),
    )
    assert fit.labels == ("LOC", "PER")
    assert {each.what.split(" is ")[-1] for each in fit.rows.left_out} == {"not in its text", "not a list of spans"}
    other = tagged({"Rex": "PET"})[:1]
    scored = evaluate("token-classification", [*rows, *other], model=f"dir:{fit.folder}")
    assert scored.scores["macro_f1"].value > 0.9
    assert [each.what for each in scored.left_out] == ["label 'PET' is unknown to the model"]
    hidden = [*rows[:8], {"text": "the dog ran", "spans": [{"start": 4, "end": 7, "label": "PER"}]}]
    hidden.append({"text": "a dog Ada ran", "spans": [{"start": 2, "end": 9, "label": "PER"}]})  # longer than is found
    counted = evaluate("token-classification", hidden, model=f"dir:{fit.folder}").scores
    runner = fit.load()
    found = [[(span.text, span.label) for span in runner(row["text"]).spans] for row in rows]
    wanted = [[(row["text"][s["start"] : s["end"]], s["label"]) for s in row["spans"]] for row in rows]
    assert sum(one == other for one, other in zip(found, wanted, strict=True)) >= 0.9 * len(rows)
    with fit.load() as runner:
        said = {(at, s.start, s.end, s.label) for at, row in enumerate(hidden) for s in runner(row["text"]).spans}
    truth = {(at, s["start"], s["end"], s["label"]) for at, row in enumerate(hidden) for s in row["spans"]}
    right = len(said & truth)
    assert 0 < right < len(truth)
    by_hand = {
        "entity_precision": right / len(said),
        "entity_recall": right / len(truth),
        "entity_f1": 2 * right / (len(said) + len(truth)),
    }
    assert {name: counted[name].value for name in by_hand} == pytest.approx(by_hand)


def test_an_entity_is_right_where_start_end_and_label_are():
    """Figures of seqeval in strict mode: 1 of 4 that are said, 1 of 3 that are wanted."""
    one, two = Scores(), Scores()
    one.add([Named(["PER", "PER"], {(0, 2, "PER")})], [Named(["PER", "O"], {(0, 1, "PER")})])
    two.add([Named(["PER", "LOC"], {(0, 1, "PER"), (1, 2, "LOC")})], [Named(["PER", "PER"], {(0, 1, "PER")})])
    two.add([Named(["O", "LOC"], {(1, 2, "LOC")})], [Named(["O", "PER"], {(1, 2, "PER")})])
    one.merge(two)
    scores = one.scores()
    found = [scores[f"entity_{name}"].value for name in ("precision", "recall", "f1")]
    assert found == pytest.approx([1 / 4, 1 / 3, 2 / 7])
    assert scores["accuracy"].value == pytest.approx(3 / 6), "by token"


@pytest.mark.multiproc
@pytest.mark.parametrize(
    ("kind", "task", "auto", "parallel"),
    [
        ("bert", "text-classification", AutoModel, "tp=2"),
        ("modernbert", "text-classification", AutoModel, "tp=2"),
        ("gpt2", "text-generation", AutoModelForCausalLM, "tp=2"),
        ("bert", "token-classification", AutoModel, "pp=2"),
        ("modernbert", "text-classification", AutoModel, "pp=2"),
        ("llama", "text-generation", AutoModelForCausalLM, "pp=2"),
    ],
)
def test_a_network_that_two_processes_share_ends_with_the_weights_of_one(
    checkpoint, tmp_path, kind, task, auto, parallel
):
    """Layers cut by heads, of query, key and value in one, and with inputs before outputs; layers in two stages."""
    still = {
        "bert": {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0},
        "modernbert": {},
        "gpt2": {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0},
        "llama": {},
    }[kind]
    rows = [{"text": f"the {word} sat on the {at}", "label": word} for word in ("cat", "dog") for at in range(8)]
    if task == "token-classification":
        rows = tagged({"Ada": "PER", "Bob": "PER", "Paris": "LOC", "London": "LOC"})
    folder = checkpoint(kind, auto, **still)
    # The bias of keys has no gradient but rounding, and AdamW would make steps of that.
    recipe = Recipe(epochs=2, batch=8, lr=0.05, optimizer="sgd")
    first, second = (
        duomo.finetune(
            task,
            rows,
            model=f"dir:{folder}",
            train="all",
            out=tmp_path / out,
            validation=0.25,
            recipe=recipe,
            parallel=how,
        )
        for out, how in (("one", None), ("two", parallel))
    )
    one, two = (load_file(each.folder / "model.safetensors") for each in (first, second))
    assert one.keys() == two.keys()
    assert max(float((one[name] - two[name]).abs().max()) for name in one) < 1e-5
    assert second.metrics["loss"].value == pytest.approx(first.metrics["loss"].value, abs=1e-5)


def test_experts_are_not_cut_while_they_are_trained():
    sizes: dict[str, Any] = {
        "num_hidden_layers": 1,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_attention_heads": 4,
        "vocab_size": 9,
    }
    network = MixtralForCausalLM(MixtralConfig(**sizes, num_key_value_heads=4, num_local_experts=2))
    plan = tensor_plan(network.config)
    assert plan is not None
    with pytest.raises(UsageProblem, match="cannot be trained with tp"):
        Shares(network, plan, 2, 0, lambda tensor: tensor, lambda tensor: [tensor], "mixtral")


@pytest.mark.multiproc
@pytest.mark.parametrize(
    ("kind", "train", "parallel"),
    [("bert", "lora", "pp=2"), ("bert", "lora", "dp=2"), ("bert", "all", "dp=2"), ("bert", "all", "tp=2")],
)
def test_with_adamw_two_processes_end_with_a_network_that_says_the_same(checkpoint, tmp_path, kind, train, parallel):
    """Additions beside frozen layers in two stages; and whole encoders, of which some weights have no gradient but
    rounding: what they say is compared, and not these."""
    rows = [{"text": f"the {word} sat on the {at}", "label": word} for word in ("cat", "dog") for at in range(8)]
    folder = checkpoint(kind, AutoModel, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    recipe = Recipe(epochs=2, batch=8, lr=1e-3)
    logits = []
    for out, how in (("one", None), ("two", parallel)):
        fit = duomo.finetune(
            "text-classification", rows, model=f"dir:{folder}", train=train, out=tmp_path / out, validation=0.25,
            recipe=recipe, parallel=how,
        )  # fmt: skip
        network = AutoModelForSequenceClassification.from_pretrained(fit.folder).eval()
        inputs = AutoTokenizer.from_pretrained(fit.folder)([row["text"] for row in rows], return_tensors="pt")
        logits.append(network(**inputs).logits.detach())
    assert float((logits[0] - logits[0].mean(0)).abs().max()) > 1e-3, "all rows are one to it"
    torch.testing.assert_close(logits[1], logits[0], atol=1e-5, rtol=1e-5)


@pytest.mark.multiproc
def test_tied_embeddings_are_not_spread_over_two_stages(checkpoint, tmp_path):
    rows = [{"text": f"the cat sat on the {at}"} for at in range(8)]
    with pytest.raises(UsageProblem, match="tied embeddings") as caught:
        duomo.finetune(
            "text-generation",
            rows,
            model=f"dir:{checkpoint('gpt2', AutoModelForCausalLM)}",
            train="all",
            out=tmp_path / "out",
            parallel="pp=2",
        )
    assert "tp=2 or dp=2" in str(caught.value)
