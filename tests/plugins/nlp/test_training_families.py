"""Pairs, numbers, answers and language models: losses equal to those of transformers, and folders that are models."""

import random
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import processors
from torch.nn.functional import cross_entropy
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoModelForQuestionAnswering,
    AutoModelForSequenceClassification,
    AutoTokenizer,
)

import duomo
from duomo import Recipe
from duomo.data.checks import read_answers
from duomo.errors import BadInput, UnknownModel
from duomo.inputs import Prompt, Question, Text, TextPair
from duomo.training import check, evaluate
from duomo.training.loop import Loop
from duomo.training.metrics import Answers as AnswerScores
from duomo.training.request import Request
from duomo_nlp.training.answers import Answers
from duomo_nlp.training.causal import Causal
from duomo_nlp.training.masked import Masked
from duomo_nlp.training.sequences import Pairs
from tests.plugins.nlp.test_training import Whole, opened

STILL = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
TEXTS = ["the cat sat on the mat", "a dog", "Ada met Bob in Paris and London", "one two three"]


def losses_alone_and_together(model: Any, items: list[Any], labels: list[Any]) -> None:
    """The losses of a batch are those of its rows."""
    model.network.eval()
    features = model.preprocess(items, Whole)
    targets = model.targets(labels, features)
    with torch.no_grad():
        together = model.losses(model.logits(model.collate(features)), targets)
        alone = [model.losses(model.logits(model.collate([f])), [t]) for f, t in zip(features, targets, strict=True)]
    torch.testing.assert_close(together.rows, torch.cat([each.rows for each in alone]), atol=1e-4, rtol=1e-5)
    assert together.counts.tolist() == [float(each.counts) for each in alone]


@pytest.mark.parametrize("kind", ["bert", "roberta", "mpnet"])
def test_the_loss_of_a_pair_is_that_of_transformers(checkpoint, kind):
    folder = checkpoint(kind, AutoModelForSequenceClassification, num_labels=2, id2label={0: "a", 1: "b"})
    model = opened(Pairs, folder, ["a", "b"])
    model.network.eval()
    pairs = [TextPair.accept(pair) for pair in zip(TEXTS, reversed(TEXTS), strict=True)]
    features = model.preprocess(pairs, Whole)
    losses = model.losses(model.logits(model.collate(features)), [1, 0, 1, 0])
    reference = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for pair, label, row in zip(pairs, [1, 0, 1, 0], losses.rows, strict=True):
        logits = reference(**tokenizer(str(pair.first), str(pair.second), return_tensors="pt")).logits
        torch.testing.assert_close(row, cross_entropy(logits, torch.tensor([label])), atol=1e-5, rtol=1e-4)


def test_pairs_are_learnt_and_the_folder_runs(checkpoint, tmp_path):
    words = ["cat", "dog", "Paris", "London"]
    rows = [
        {"text": f"the {one}", "text_pair": f"a {other}", "label": "same" if one == other else "other"}
        for one in words for other in words for _ in range(2 if one != other else 6)
    ]  # fmt: skip
    for at, row in enumerate(rows):
        row["text"] += f" {at % 10}"
    fit = duomo.finetune(
        "text-pair-classification", rows, model=f"dir:{checkpoint('bert', AutoModel, **STILL)}", train="all",
        validation=0, out=tmp_path / "out", recipe=Recipe(epochs=30, batch=8, lr=2e-3),
    )  # fmt: skip
    runner = fit.load()
    right = [runner((row["text"], row["text_pair"])).top.name == row["label"] for row in rows]
    assert sum(right) >= 0.9 * len(rows)


def test_numbers_are_learnt_and_come_back_in_their_own_unit(checkpoint, tmp_path):
    price = {"cat": 1500.0, "dog": 1700.0, "mat": 1900.0}
    rows = [{"text": f"the {word} {at}", "label": value} for word, value in price.items() for at in range(12)]
    bad = [{"text": "a mat", "label": "dear"}, {"text": "a dog", "label": float("inf")}]
    fit = duomo.finetune(
        "text-regression", [*rows, *bad], model=f"dir:{checkpoint('bert', AutoModel, **STILL)}", train="all",
        out=tmp_path / "out", recipe=Recipe(epochs=20, batch=8, lr=2e-3),
    )  # fmt: skip
    assert {each.what.split(" is ")[1] for each in fit.rows.left_out} == {"not a number"}
    assert fit.metrics["mean_absolute_error"].value < 60, "guessing the mean costs 133"
    assert fit.metrics["r2"].value > 0.7
    runner = fit.load()
    again = [abs(runner(row["text"]).value - row["label"]) for row in rows]
    assert sum(again) / len(again) < 60
    found = evaluate("text-regression", rows, model=f"dir:{fit.folder}")
    assert found.scores["mean_absolute_error"].value == pytest.approx(sum(again) / len(again), rel=1e-3)
    with pytest.raises(duomo.DuomoError, match="text-classification"):
        duomo.load("text-classification", f"dir:{fit.folder}")


@pytest.mark.parametrize("task", ["text-regression", "text-classification", "tabular-regression"])
def test_the_loss_of_an_evaluation_is_that_of_the_training(checkpoint, tmp_path, task):
    """The loss of a regression is in spreads of the learned numbers; the folder predicts in their own unit."""
    rows = [{"text": f"the {'cat dog mat'.split()[at % 3]} {at}", "n": at, "label": 900.0 + at % 3} for at in range(30)]
    held = [{"text": f"a {'cat dog mat'.split()[at % 3]}", "n": 40 + at, "label": 900.0 + at % 3} for at in range(9)]
    start: dict[str, Any] = {} if task.startswith("tab") else {"model": f"dir:{checkpoint('bert', AutoModel, **STILL)}"}
    fit = duomo.finetune(task, rows, validation=held, out=tmp_path / "out", recipe=Recipe(epochs=1, batch=8), **start)
    found = evaluate(task, held, model=f"dir:{fit.folder}").scores
    assert {name: each.value for name, each in found.items()} == {
        name: pytest.approx(each.value, rel=1e-3) for name, each in fit.metrics.items()
    }
    if start:  # a training that starts from the folder begins where the other ended
        again = duomo.finetune(
            task, rows, validation=held, model=f"dir:{fit.folder}", out=tmp_path / "again",
            recipe=Recipe(epochs=1, batch=64, lr=1e-9),
        )  # fmt: skip
        assert again.metrics["loss"].value == pytest.approx(fit.metrics["loss"].value, rel=1e-3)


@pytest.mark.parametrize("kind", ["bert", "gpt2"])
def test_layers_that_are_computed_again_change_no_update(checkpoint, tmp_path, kind):
    """With the dropout of attention and of layers."""
    task, auto = ("text-classification", AutoModel) if kind == "bert" else ("text-generation", AutoModelForCausalLM)
    rows = [{"text": text, "label": "ab"[at % 2]} for at, text in enumerate(TEXTS * 2)]
    folder = checkpoint(kind, auto)
    kept = []
    for again in (False, True):
        fit = duomo.finetune(
            task, rows, model=f"dir:{folder}", train="all", validation=0, out=tmp_path / str(again),
            recipe=Recipe(epochs=2, batch=4, lr=1e-2, recompute=again),
        )  # fmt: skip
        kept.append((fit.folder / "model.safetensors").read_bytes())
    assert kept[0] == kept[1]


@pytest.mark.parametrize(("numbers", "named"), [((1e8, 1e8 + 4), "subtract"), ((0, 1e-42), "a smaller unit")])
def test_numbers_that_a_checkpoint_cannot_hold_are_refused(checkpoint, tmp_path, numbers, named):
    """They are scored with 64 bits, and the last layer of the folder has 32: it would give others."""
    rows = [{"text": f"the cat {at}", "label": numbers[at % 2]} for at in range(12)]
    start = f"dir:{checkpoint('bert', AutoModel, **STILL)}"
    with pytest.raises(BadInput, match="cannot be learned") as caught:
        duomo.finetune("text-regression", rows, model=start, out=tmp_path / "out")
    assert named in caught.value.fix


CONTEXT = "Ada met Bob in Paris and the cat sat on the mat in London"


@pytest.mark.parametrize("kind", ["bert", "modernbert", "roberta"])
def test_the_loss_of_an_answer_is_that_of_transformers(checkpoint, kind):
    folder = checkpoint(kind, AutoModelForQuestionAnswering)
    model = opened(Answers, folder, [])
    model.network.eval()
    question = Question.accept(("the cat sat", CONTEXT))
    features = model.preprocess([question], Whole)
    start = CONTEXT.index("London")
    targets = model.targets([[{"start": start, "end": start + 6, "text": "London"}]], features)
    losses = model.losses(model.logits(model.collate(features)), targets)
    inputs = AutoTokenizer.from_pretrained(folder)("the cat sat", CONTEXT, return_tensors="pt")
    reference = AutoModelForQuestionAnswering.from_pretrained(folder).eval()
    first, last = targets[0][:2]
    theirs = reference(**inputs, start_positions=torch.tensor([first]), end_positions=torch.tensor([last])).loss
    torch.testing.assert_close(losses.rows[0] / losses.counts[0], theirs, atol=1e-5, rtol=1e-4)
    encoding = features[0]["encoding"]
    assert CONTEXT[encoding.offsets[first][0] : encoding.offsets[last][1]].strip() == "London"
    losses_alone_and_together(
        model, [question, Question.accept(("a dog", "the dog"))], [[{"start": 0, "end": 3, "text": "Ada"}], []]
    )


def test_answers_are_learnt_and_what_is_not_in_the_text_is_left_out(checkpoint, tmp_path):
    names = ["Ada", "Bob"]
    places = ["Paris", "London"]
    rows = [
        {"question": question, "context": f"{who} met the cat in {where} {at}", "answers": answer}
        for who in names for where in places for at in range(3)
        for question, answer in (("who", who), ("where", {"text": [where], "answer_start": [len(who) + 16]}))
    ]  # fmt: skip
    bad = [{"question": "who", "context": "a dog", "answers": "Ada"}]
    fit = duomo.finetune(
        "question-answering", [*rows, *bad], model=f"dir:{checkpoint('bert', AutoModel, **STILL)}", train="all",
        validation=0, out=tmp_path / "out", recipe=Recipe(epochs=40, batch=8, lr=2e-3),
    )  # fmt: skip
    assert [each.what for each in fit.rows.left_out] == ["answer 'Ada' does not stand in its context"]
    found = evaluate("question-answering", rows, model=f"dir:{fit.folder}")
    assert found.scores["f1"].value > 0.9
    assert found.scores["exact_match"].value > 0.8
    runner = fit.load()
    assert runner(("who", "Bob met the cat in London one")).top.text == "Bob"


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_the_loss_of_the_next_token_is_that_of_transformers(checkpoint, kind):
    folder = checkpoint(kind, AutoModelForCausalLM)
    model = opened(Causal, folder, [])
    model.network.eval()
    prompts = [Prompt.accept(text) for text in TEXTS]
    features = model.preprocess(prompts, Whole)
    losses = model.losses(model.logits(model.collate(features)), [None] * 4)
    reference = AutoModelForCausalLM.from_pretrained(folder).eval()
    for feature, row, count in zip(features, *losses, strict=True):
        ids = torch.tensor([feature["ids"]])
        torch.testing.assert_close(row / count, reference(input_ids=ids, labels=ids).loss, atol=1e-5, rtol=1e-4)
        assert feature["ids"][-1] == model.wrapper.eos_token_id
    losses_alone_and_together(model, prompts, [None] * 4)


def test_a_chat_is_written_by_the_template_and_a_decoder_learns_it(checkpoint, tmp_path):
    template = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
    folder = checkpoint("llama", AutoModelForCausalLM, chat_template=template)
    chat = [{"role": "user", "content": "the cat"}, {"role": "assistant", "content": "sat on the mat"}]
    model = opened(Causal, folder, [])
    (features,) = model.preprocess([Prompt.accept(chat)], Whole)
    assert model.wrapper.decode(features["ids"], skip_special_tokens=True).endswith("assistant: sat on the mat\n")
    rows = [{"text": f"the cat sat on the mat {at}"} for at in range(4)]
    fit = duomo.finetune(
        "text-generation", rows, model=f"dir:{folder}", train="all", validation=0,
        out=tmp_path / "out", recipe=Recipe(epochs=30, batch=4, lr=5e-3),
    )  # fmt: skip
    losses = [line["loss"] for line in fit.curves if "loss" in line]
    assert losses[-1] < 0.5 * losses[0]


def test_a_chat_begins_once(checkpoint):
    """A template that writes the token of the beginning, and a tokenizer that puts one before every text."""
    template = "{{ bos_token }}{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
    folder = checkpoint("llama", AutoModelForCausalLM, chat_template=template)
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A $B", special_tokens=[("<s>", 0)]
    )
    tokenizer.save_pretrained(folder)
    model = opened(Causal, folder, [])
    chat = [{"role": "user", "content": "the cat"}]
    found = model.preprocess([Prompt.accept(chat), Prompt.accept("the cat")], Whole)
    ids: Any = tokenizer.apply_chat_template(chat, return_dict=False)
    assert found[0]["ids"] == [*ids, model.wrapper.eos_token_id]
    assert [each["ids"].count(0) for each in found] == [1, 1]


@pytest.mark.parametrize("answer", ["Bob", " Bob", "Bob ", " Bob "])
def test_white_space_around_an_answer_changes_nothing(checkpoint, answer):
    context = "Ada met Bob in Paris"
    model = opened(Answers, checkpoint("bert", AutoModelForQuestionAnswering), [])
    features = model.preprocess([Question.accept({"question": "who", "context": context})], Whole)
    ((first, last, encoding, _),) = model.targets([read_answers(answer, context)], features)
    assert (encoding.tokens[first], encoding.tokens[last]) == ("Bob", "Bob")


@pytest.mark.parametrize("has_none", [False, True])
def test_answers_are_scored_as_the_folder_gives_them(checkpoint, has_none):
    draw, words = random.Random(0), "the cat sat on a mat in Paris , London !".split()
    rows: list[dict[str, Any]] = [
        {"question": "who", "context": " ".join([*draw.choices(words, k=9), "unseen"]), "answers": "unseen"}
        for _ in range(24)
    ]
    if has_none:
        rows[::2] = [{**row, "answers": {"text": [], "answer_start": []}} for row in rows[::2]]
    folder = f"dir:{checkpoint('bert', AutoModelForQuestionAnswering)}"
    scores = AnswerScores()
    with duomo.load("question-answering", folder) as runner:
        outcomes = runner.map([(row["question"], row["context"]) for row in rows], may_abstain=has_none)
        for row, outcome in zip(rows, outcomes, strict=True):
            texts = [each.text for each in outcome.unwrap().answers[:1]] or [""]
            scores.add(texts, [[row["answers"]] if isinstance(row["answers"], str) else []])
    found = evaluate("question-answering", rows, model=folder, label="answers").scores
    assert {name: each.value for name, each in scores.scores().items()} == {
        name: pytest.approx(each.value) for name, each in found.items() if name != "loss"
    }


def test_an_answer_that_is_cut_off_counts_as_none_and_is_reported(checkpoint):
    context = " ".join(["the cat sat"] * 40) + " Bob"
    rows = [
        {"question": "who", "context": context, "answers": answers}
        for answers in (
            "Bob",
            "the",
            {"text": [], "answer_start": []},
            {"text": ["Bob", "the"], "answer_start": [len(context) - 3, 0]},
        )
    ]
    folder = checkpoint("bert", AutoModelForQuestionAnswering)
    model = opened(Answers, folder, [])
    features = model.preprocess([Question.accept({"question": "who", "context": context})], Whole)
    ((first, last, _, _),) = model.targets([read_answers("Bob", context)], features)
    assert (first, last) == (0, 0)
    given: Any = {"data": rows, "label": "answers", "model": f"dir:{folder}"}
    checked = check(Request(task="question-answering", out=Path(), validation=0, **given))
    counts = {each.what: each.num_rows for each in checked.findings}
    assert counts["4 inputs are longer than the model reads"] == 4
    assert counts["the label of 1 row lies behind what the model reads"] == 1
    assert evaluate("question-answering", **given).cut_off == 1


def test_spans_behind_the_cut_and_scripts_that_are_unknown_are_reported(checkpoint):
    long = " ".join(["the cat sat"] * 40) + " Bob"
    places = [(0, 3), (len(long) - 3, len(long))]
    rows = [
        {"text": long, "spans": [{"start": start, "end": end, "label": "X"} for start, end in some]}
        for some in (places[:1], places[1:], places, [])
    ]
    rows += [{"text": text, "spans": []} for text in ("猫 は 眠る", "the 猫 は 眠る", "the cat 猫 は", "a dog")]
    folder = checkpoint("bert", AutoModel)
    given: Any = {"data": rows, "label": "spans", "model": f"dir:{folder}"}
    checked = check(Request(task="token-classification", out=Path(), validation=0, **given))
    counts = {each.what: each.num_rows for each in checked.findings}
    assert counts["the label of 2 rows lies behind what the model reads"] == 2
    assert counts["of 2 rows more than half of the tokens are unknown to the tokenizer"] == 2


def with_mask(folder: Path) -> Path:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_special_tokens({"mask_token": "[MASK]" if "[MASK]" in tokenizer.get_vocab() else "<unk>"})
    tokenizer.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("kind", ["bert", "modernbert", "mpnet", "roberta"])
def test_the_loss_of_hidden_words_is_that_of_transformers(checkpoint, kind):
    folder = with_mask(checkpoint(kind, AutoModelForMaskedLM))
    model = opened(Masked, folder, [])
    model.network.eval()
    features = model.preprocess([Text(text) for text in TEXTS], Whole)
    losses = model.losses(model.logits(model.collate(features)), [None] * 4)
    reference = AutoModelForMaskedLM.from_pretrained(folder).eval()
    for feature, row, count in zip(features, *losses, strict=True):
        theirs = reference(input_ids=torch.tensor([feature["ids"]]), labels=feature["wanted"][None]).loss
        torch.testing.assert_close(row / count, theirs, atol=1e-5, rtol=1e-4)
        assert count == max(1, round(0.15 * feature["special"].count(0)))
    losses_alone_and_together(model, [Text(text) for text in TEXTS], [None] * 4)


def test_which_words_are_hidden_is_a_function_of_the_generator(checkpoint):
    folder = with_mask(checkpoint("bert", AutoModelForMaskedLM))
    model = opened(Masked, folder, [])
    (features,) = model.preprocess([Text(" ".join(["the cat sat on the mat"] * 8))], Whole)
    draws = [model.vary(features, torch.Generator().manual_seed(seed)) for seed in (1, 2, 1)]
    assert draws[0]["ids"] == draws[2]["ids"] != draws[1]["ids"]
    counts = [sum(one != other for one, other in zip(each["ids"], features["plain"], strict=True)) for each in draws]
    assert all(0 < count <= round(0.15 * 48) for count in counts)


CORPUS = [f"{who} met {other} in {where}." for who in ("Ada", "Bob") for other in ("the cat", "a dog", "Eve")
          for where in ("Paris", "London", "the garden", "a train")] * 4  # fmt: skip


@pytest.mark.parametrize(
    ("task", "architecture"), [("text-generation", "llama"), ("text-generation", "gpt2"), ("fill-mask", "bert")]
)
def test_a_language_model_is_trained_from_random_numbers(tmp_path, task, architecture):
    fit = duomo.pretrain(
        task, [{"text": text} for text in CORPUS], architecture=architecture, out=tmp_path / "out",
        recipe=Recipe(epochs=30, batch=8, lr=5e-3),
    )  # fmt: skip
    losses = [line["loss"] for line in fit.curves if "loss" in line]
    assert losses[-1] < 0.5 * losses[0]
    assert fit.metrics["perplexity"].value < 60, "at first it is the vocabulary's size, about 300"
    runner = fit.load()
    if task == "fill-mask":
        found = runner("Ada met [MASK] dog in Paris.")
        assert found.masks[0].fillings[0].score > 0.05
    else:
        assert " in " in str(runner("Ada met the cat", max_new_tokens=12).text)


def test_texts_are_joined_into_blocks_without_losing_a_token(tmp_path):
    from duomo_nlp.training.scratch import blocks

    rows = list(blocks([[1, 2, 3], [4], [5, 6, 7, 8]], 4, 0))
    assert rows == [(0, [1, 2, 3, 0]), (1, [4, 0, 5, 6]), (2, [7, 8, 0])]


def test_an_architecture_or_a_size_that_is_not_there_names_those_that_are(tmp_path):
    with pytest.raises(UnknownModel) as caught:
        duomo.pretrain("text-generation", CORPUS, architecture="lama", out=tmp_path / "out")
    assert "llama" in caught.value.why
    with pytest.raises(UnknownModel, match="has no size 'huge'"):
        duomo.pretrain("text-generation", CORPUS, architecture="llama", size="huge", out=tmp_path / "out")
    with pytest.raises(UnknownModel, match="nothing starts from random numbers for summarization") as caught:
        duomo.pretrain("summarization", CORPUS, out=tmp_path / "out")
    assert caught.value.fix.startswith("start from a checkpoint: duomo.finetune(")
    with pytest.raises(UnknownModel) as caught:
        duomo.pretrain("fill-mask", CORPUS, architecture="zzz", out=tmp_path / "out")
    assert caught.value.fix.startswith(
        "duomo.pretrain(…, architecture='bert')  (--architecture bert), or start from a checkpoint"
    )


def test_a_pre_training_that_is_stopped_goes_on_bit_for_bit(tmp_path):
    def train(out: str, **more: Any) -> Any:
        return duomo.pretrain(
            "fill-mask", CORPUS, out=tmp_path / out, recipe=Recipe(epochs=3, batch=2, checkpoint_s=0.0), **more
        )

    def stop(at: Any) -> None:
        if at.step == 4:
            raise KeyboardInterrupt

    whole = train("whole")
    with pytest.raises(KeyboardInterrupt):
        train("cut", on_step=stop)
    cut = train("cut", resume=True)
    assert (whole.folder / "model.safetensors").read_bytes() == (cut.folder / "model.safetensors").read_bytes()


def test_answers_of_the_wrong_shape_are_refused(checkpoint, tmp_path):
    rows = [{"question": "who", "context": "Ada", "answers": 3}]
    with pytest.raises(BadInput, match="is not a list of answers"):
        duomo.finetune("question-answering", rows, model=f"dir:{checkpoint('bert', AutoModel)}", out=tmp_path / "out")


@pytest.mark.parametrize(
    ("task", "kind", "auto"),
    [
        ("text-classification", "bert", AutoModel),
        ("token-classification", "bert", AutoModel),
        ("text-generation", "llama", AutoModelForCausalLM),
        ("fill-mask", "bert", AutoModelForMaskedLM),
    ],
)
def test_an_update_does_not_depend_on_how_its_rows_are_cut(checkpoint, tmp_path, monkeypatch, task, kind, auto):
    """Gradients of 16 rows of unlike lengths are equal to 2e-6 of their norm: all at once, by eight, and one by one.

    They are float32, and their last bits the processor's: less than 1e-6, 1.03e-6 and 1.4e-6 apart on three of them.
    """
    update, kept = Loop._update, []  # each step's gradients, which show nowhere else

    def spy(self, number, lr, count):
        kept.append(torch.cat([each.grad.flatten().double() / count for each in self.parameters.values()]))
        return update(self, number, lr, count)

    monkeypatch.setattr(Loop, "_update", spy)  # the same
    rows: list[dict[str, Any]] = []
    for at in range(16):
        text = " ".join(["the cat sat on the mat", "a dog", "the end"][: at % 3 + 1] + ["one"] * at)
        spans = [{"start": 0, "end": 3, "label": "THE" if text.startswith("the") else "OTHER"}]
        rows.append({"text": text, "label": str(at % 2), "spans": spans})
    folder = checkpoint(kind, auto, **({} if kind == "llama" else STILL))
    folder = with_mask(folder) if task == "fill-mask" else folder
    weights: Any = {"0": 3.0, "1": 0.5} if task == "text-classification" else "none"
    for micro in (16, 8, 1):
        recipe = Recipe(batch=16, micro=micro, max_steps=1, class_weight=weights)
        out = tmp_path / str(micro)
        duomo.finetune(task, rows, model=f"dir:{folder}", train="all", validation=0, out=out, recipe=recipe)
    for other in kept[1:]:
        assert float((other - kept[0]).norm() / kept[0].norm()) < 2e-6
