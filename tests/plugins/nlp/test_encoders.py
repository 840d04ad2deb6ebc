"""Encoders of every kind: in a batch what each text gives alone, and alone what transformers gives."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import processors
from transformers import (
    CONFIG_MAPPING,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForQuestionAnswering,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
    AutoModelForTextEncoding,
    AutoModelForTokenClassification,
    AutoTokenizer,
    PreTrainedTokenizerFast,
)

import duomo
from duomo.errors import BadOption, InputTooLong, WeightsMismatch, WrongTask

from .conftest import wordpiece

Tiny = Callable[..., Path]
Make = Callable[..., Path]
WORDS = "the a cat dog sat on mat ran to Ada Bob met in Paris London and one two three".split()
TEXTS = [" ".join((WORDS * 3)[at : at + 1 + at * 7 % 13]) for at in range(15)] + ["東京 🙂 x", "one " * 45]
"""Seventeen texts of one to forty-five words."""
SIZES = {
    "vocab_size": 200,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 64,
    "initializer_range": 0.3,
    "pad_token_id": 0,
}
FLAIR = {
    "vocab_size": 200,
    "emb_dim": 32,
    "n_layers": 2,
    "n_heads": 4,
    "max_position_embeddings": 64,
    "pad_index": 0,
    "pad_token_id": 0,
}
_PLAIN = """
    albert bert convbert deberta-v2 electra ernie esm eurobert fnet gte ibert luke megatron-bert modernbert mpnet mra
    nomic_bert rembert roc_bert roformer yoso
"""
_AFTER_PADDING = "camembert data2vec-text roberta roberta-prelayernorm xlm-roberta xlm-roberta-xl"
KINDS: dict[str, dict[str, Any]] = {
    **dict.fromkeys(_PLAIN.split(), SIZES),
    **dict.fromkeys(_AFTER_PADDING.split(), SIZES | {"pad_token_id": 1}),
    "distilbert": SIZES | {"dim": 32, "hidden_dim": 64, "n_heads": 4, "n_layers": 2},
    "mobilebert": SIZES | {"embedding_size": 32, "intra_bottleneck_size": 32, "true_hidden_size": 32},
    "big_bird": SIZES | {"block_size": 2, "num_random_blocks": 1},
    "deberta": SIZES | {"relative_attention": True, "pos_att_type": ["p2c", "c2p"]},
    "flaubert": FLAIR,
    "funnel": {"vocab_size": 200, "d_model": 32, "d_head": 8, "d_inner": 64, "n_head": 4, "block_sizes": [1, 1],
               "num_decoder_layers": 1, "architectures": ["FunnelModel"]},
    "jina_embeddings_v3": SIZES,
    "longformer": SIZES | {"attention_window": 8, "max_position_embeddings": 80, "pad_token_id": 1},
    "nystromformer": SIZES | {"num_landmarks": 64, "segment_means_seq_len": 64},
    "squeezebert": SIZES | {"embedding_size": 32, "q_groups": 1, "k_groups": 1, "v_groups": 1, "output_groups": 1,
                            "post_attention_groups": 1, "intermediate_groups": 1},
    "xlm": FLAIR,
    "xlnet": {"vocab_size": 200, "d_model": 32, "n_layer": 2, "n_head": 4, "d_inner": 64, "initializer_range": 0.3},
}  # fmt: skip
T5 = {"vocab_size": 200, "d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4}
TYPED = ("xlnet", "xlm", "flaubert", "funnel")
"""Read with token types here: some networks do something else where none are given."""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory, make_wordpiece: Callable[[], Any]) -> Tiny:
    """Make an encoder by the name of its architecture; its tokenizer gives token types where that is asked for."""

    def make(kind: str, auto: Any, *, types: bool = False, plain: bool = False, **config: Any) -> Path:
        torch.manual_seed(0)
        network = auto.from_config(CONFIG_MAPPING[kind](**({"architectures": []} | KINDS.get(kind, T5) | config)))
        for weights in network.parameters():
            if weights.ndim > 1:
                torch.nn.init.normal_(weights, 0, 0.15)
        folder = tmp_path_factory.mktemp(kind)
        network.save_pretrained(folder)
        names = ["input_ids", "attention_mask", *(["token_type_ids"] if types else [])]
        tokenizer = PreTrainedTokenizerFast(
            tokenizer_object=wordpiece() if plain else make_wordpiece(),
            clean_up_tokenization_spaces=False,
            model_input_names=names,
            pad_token="[PAD]",
            unk_token="[UNK]",
            cls_token="[CLS]",
            sep_token="[SEP]",
        )
        tokenizer.save_pretrained(folder)
        return folder

    return make


def alone(folder: Path, auto: Any, *texts: Any) -> list[Any]:
    """What transformers gives for each text by itself, with its tokenizer's own inputs."""
    network, tokenizer = auto.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    results = []
    for text in texts:
        pair = text if isinstance(text, tuple) else (text,)
        fresh = auto.from_pretrained(folder).eval() if network.config.model_type == "big_bird" else network
        with torch.no_grad():
            results.append(fresh(**tokenizer(*pair, return_tensors="pt")))
    return results


@pytest.mark.parametrize("kind", KINDS)
def test_vectors_of_mixed_texts_are_those_of_each_alone(tiny: Tiny, kind: str) -> None:
    folder = tiny(kind, AutoModel, types=kind in TYPED)
    runner = duomo.load("feature-extraction", f"dir:{folder}", device="cpu")
    together = torch.from_numpy(np.stack([outcome.unwrap().vector for outcome in runner.map(TEXTS, normalize=False)]))
    expected = torch.stack([output.last_hidden_state[0].mean(0) for output in alone(folder, AutoModel, *TEXTS)])
    torch.testing.assert_close(together, expected, atol=1e-4, rtol=1e-4)
    single = torch.from_numpy(np.stack([runner(text, normalize=False).vector for text in TEXTS]))
    torch.testing.assert_close(together, single, atol=1e-4, rtol=1e-4)


@pytest.mark.equals("the bare encoders of T5, mT5 and UMT5, pooled, to 1e-4", "feature-extraction")
@pytest.mark.parametrize("kind", ["t5", "mt5", "umt5"])
def test_the_encoder_of_an_encoder_decoder_is_read_by_itself(tiny: Tiny, kind: str) -> None:
    folder = tiny(kind, AutoModelForTextEncoding)
    runner = duomo.load("feature-extraction", f"dir:{folder}", device="cpu")
    expected = torch.stack(
        [out.last_hidden_state[0].mean(0) for out in alone(folder, AutoModelForTextEncoding, *TEXTS)]
    )
    for vectors in (
        [each.unwrap() for each in runner.map(TEXTS, normalize=False)],
        [runner(text, normalize=False) for text in TEXTS],
    ):
        found = torch.from_numpy(np.stack([each.vector for each in vectors]))
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    assert len(expected.round(decimals=3).unique(dim=0)) == len(TEXTS)


@pytest.mark.parametrize("kind", TYPED)
def test_labels_and_pairs_are_those_of_the_tokenizers_own_inputs(tiny: Tiny, kind: str) -> None:
    names = {0: "entailment", 1: "neutral", 2: "contradiction"}
    folder = tiny(kind, AutoModelForSequenceClassification, types=True, id2label=names)
    labels = duomo.load("text-classification", f"dir:{folder}", device="cpu")
    outputs = alone(folder, AutoModelForSequenceClassification, *TEXTS)
    for outcome, output in zip(labels.map(TEXTS), outputs, strict=True):
        scores = {label.name: label.score for label in outcome.unwrap().labels}
        expected = output.logits[0].softmax(-1)
        assert [scores[names[at]] for at in range(3)] == pytest.approx(expected.tolist(), abs=1e-5)
    zero_shot = duomo.load("zero-shot-classification", f"dir:{folder}", device="cpu")
    pairs = [(text, f"This example is {label}.") for text in TEXTS[:6] for label in ("one", "two")]
    logits = [output.logits[0, 0] for output in alone(folder, AutoModelForSequenceClassification, *pairs)]
    for at, outcome in enumerate(zero_shot.map(TEXTS[:6], labels=["one", "two"])):
        found = {label.name: label.score for label in outcome.unwrap().labels}
        expected = torch.stack(logits[2 * at : 2 * at + 2]).softmax(0)
        assert [found["one"], found["two"]] == pytest.approx(expected.tolist(), abs=1e-5)


@pytest.mark.parametrize("kind", ["xlm", "flaubert"])
def test_types_that_are_all_zero_are_given_to_networks_without_a_table_of_types(tiny: Tiny, kind: str) -> None:
    folder = tiny(kind, AutoModel, types=True, plain=True)
    runner = duomo.load("feature-extraction", f"dir:{folder}", device="cpu")
    for text, output in zip(TEXTS, alone(folder, AutoModel, *TEXTS), strict=True):
        expected = output.last_hidden_state[0].mean(0)
        torch.testing.assert_close(
            torch.from_numpy(runner(text, normalize=False).array), expected, atol=1e-4, rtol=1e-4
        )


@pytest.mark.equals("the bare network of XLNet, XLM and FlauBERT, logits to 1e-4", "question-answering")
@pytest.mark.parametrize("kind", ["ernie", "funnel", "convbert", "xlnet", "xlm", "flaubert"])
def test_answers_are_those_of_the_tokenizers_own_inputs(tiny: Tiny, kind: str) -> None:
    """BERT and its kin have two types; a tokenizer that gives the first token a third one is for the others."""
    folder = tiny(kind, AutoModelForQuestionAnswering, types=True, **({} if kind in TYPED else {"type_vocab_size": 3}))
    runner = duomo.load("question-answering", f"dir:{folder}", device="cpu")
    model = runner.executor.worker.model  # type: ignore[attr-defined]
    pairs = [("the cat", text) for text in TEXTS[:8]]
    items = [runner.task.Input.accept({"question": q, "context": c}) for q, c in pairs]
    with torch.inference_mode():
        logits = model.forward(model.collate(model.preprocess(items, runner.task.Options())))
    outputs = alone(folder, AutoModelForQuestionAnswering, *pairs)
    expected = torch.cat([torch.stack([each.start_logits[0], each.end_logits[0]], -1) for each in outputs])
    torch.testing.assert_close(logits, expected, atol=1e-4, rtol=1e-4)


def test_no_answer_is_the_last_token_of_xlnet(tiny: Tiny) -> None:
    folder = tiny("xlnet", AutoModelForQuestionAnswering, types=True)
    own = json.loads((folder / "tokenizer.json").read_text())
    own["post_processor"] = processors.TemplateProcessing(
        single="$A [SEP] [CLS]:2",
        pair="$A [SEP] $B:1 [SEP]:1 [CLS]:2",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    ).__getstate__()
    own["post_processor"] = json.loads(own["post_processor"])
    edit(folder, "tokenizer.json", **own)
    runner = duomo.load("question-answering", f"dir:{folder}", device="cpu")
    pairs = [("the cat", text) for text in TEXTS[2:9]]
    for pair, output in zip(pairs, alone(folder, AutoModelForQuestionAnswering, *pairs), strict=True):
        ids = AutoTokenizer.from_pretrained(folder)(*pair)
        kept = torch.tensor([part == 1 for part in ids.sequence_ids(0)])
        kept[-1] = True
        start, end = (
            logits[0].masked_fill(~kept, -torch.inf).softmax(-1) for logits in (output.start_logits, output.end_logits)
        )
        inside = range(int(kept.nonzero()[0]), len(kept) - 2)
        scores = [float(start[first] * end[last]) for first in inside for last in inside if first <= last]
        assert runner(pair).top.score == pytest.approx(max(scores), abs=1e-5)
        none = float(start[-1] * end[-1])
        answers = runner(pair, may_abstain=True, top_k=100).answers
        assert all(answer.score > none for answer in answers)
        assert bool(answers) == (max(scores) > none)


def edit(folder: Path, name: str, **changes: Any) -> None:
    file = folder / name
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


@pytest.mark.parametrize("auto", [AutoModelForSequenceClassification, AutoModelForTokenClassification])
def test_a_tokenizer_that_cuts_on_the_left_keeps_the_end_and_all_of_it_in_windows(checkpoint: Make, auto: Any) -> None:
    task = {AutoModelForSequenceClassification: "text-classification"}.get(auto, "token-classification")
    folder = checkpoint("bert", auto, num_labels=3)
    right = duomo.load(task, f"dir:{folder}", device="cpu")
    edit(folder, "tokenizer_config.json", truncation_side="left")
    left = duomo.load(task, f"dir:{folder}", device="cpu")
    words = [WORDS[(at * 5 + at // 19) % len(WORDS)] for at in range(100)]
    end = " ".join(words[-62:])
    if task == "text-classification":
        assert left(" ".join(words), long="truncate") == right(end)
        assert left(" ".join(words), long="truncate") != right(" ".join(words), long="truncate")
    whole = left(" ".join(words), long="window")
    assert type(whole) is type(right(end))
    if task == "token-classification":
        starts = [span.start for span in left(" ".join(words), aggregate=False).spans]  # type: ignore[attr-defined]
        assert starts == sorted(starts)
        text = " ".join(words)
        assert all(text[span.start : span.end] == span.text for span in left(text).spans)  # type: ignore[attr-defined]
    else:
        with pytest.raises(InputTooLong, match="102 tokens") as caught:
            left(" ".join(words))
        assert "lose its beginning" in caught.value.why


@pytest.mark.parametrize(
    ("task", "auto"),
    [
        ("text-classification", AutoModelForSequenceClassification),
        ("token-classification", AutoModelForTokenClassification),
    ],
)
def test_labels_are_text_and_gaps_are_refused(checkpoint: Make, task: Any, auto: Any) -> None:
    folder = checkpoint("bert", auto, num_labels=3)
    edit(folder, "config.json", id2label={"0": "a", "2": "c", "5": "f"}, label2id={"a": 0, "c": 2, "f": 5})
    with pytest.raises(WeightsMismatch, match="gaps") as caught:
        duomo.load(task, f"dir:{folder}", device="cpu")
    assert "no name for 1" in caught.value.why


@pytest.mark.parametrize("names", [("entailment", "not_entailment"), ("ENTAILMENT", "other"), ("no", "entailment")])
def test_two_way_entailment_chooses_among_labels_and_scores_each(checkpoint: Make, names: tuple[str, str]) -> None:
    folder = checkpoint("bert", AutoModelForSequenceClassification, id2label=dict(enumerate(names)))
    runner = duomo.load("zero-shot-classification", f"dir:{folder}", device="cpu")
    assert sum(label.score for label in runner("the cat", labels=["one", "two"]).labels) == pytest.approx(1)
    alone = runner("the cat", labels=["one", "two"], multi_label=True)
    outputs = {}
    network, tokenizer = (
        AutoModelForSequenceClassification.from_pretrained(folder).eval(),
        AutoTokenizer.from_pretrained(folder),
    )
    for label in ("one", "two"):
        with torch.no_grad():
            logits = network(**tokenizer("the cat", f"This example is {label}.", return_tensors="pt")).logits[0]
        outputs[label] = float(logits.softmax(-1)[[name.lower() for name in names].index("entailment")])
    assert {label.name: label.score for label in alone.labels} == pytest.approx(outputs, abs=1e-5)


def test_entailment_without_contradiction_needs_labels_to_compare(checkpoint: Make) -> None:
    names = {0: "entailment", 1: "neutral", 2: "unclear"}
    folder = checkpoint("bert", AutoModelForSequenceClassification, id2label=names)
    runner = duomo.load("zero-shot-classification", f"dir:{folder}", device="cpu")
    assert len(runner("the cat", labels=["one", "two"]).labels) == 2
    with pytest.raises(BadOption, match="on its own"):
        runner("the cat", labels=["one", "two"], multi_label=True)
    folder = checkpoint("bert", AutoModelForSequenceClassification, id2label={0: "good", 1: "bad"})
    with pytest.raises(WrongTask, match="zero-shot"):
        duomo.load("zero-shot-classification", f"dir:{folder}", device="cpu")


@pytest.mark.parametrize(
    ("task", "auto", "options"),
    [
        ("text-classification", AutoModelForSequenceClassification, {}),
        ("token-classification", AutoModelForTokenClassification, {"threshold": 0.5}),
        ("feature-extraction", AutoModel, {}),
        ("semantic-search", AutoModel, {"corpus": ["a", "on"]}),
    ],
)
def test_an_infinite_weight_is_an_error_of_the_texts_that_meet_it(
    checkpoint: Make, task: str, auto: Any, options: dict[str, Any]
) -> None:
    """Even where no number shows it, as in names: no span is as sure as the threshold."""
    folder = checkpoint("bert", auto)
    runner = duomo.load(task, f"dir:{folder}", device="cpu")
    model = runner.executor.worker.model  # type: ignore[attr-defined]
    whole = [runner(text, **options) for text in ("the cat", "on mat")]
    with torch.no_grad():
        model.network.get_input_embeddings().weight[model.tokenizer.token_to_id("dog")] = torch.inf
    outcomes = list(runner.map(["the cat", "a dog", "on mat"], **options))
    assert [outcome.error and outcome.error.code for outcome in outcomes] == [None, "E-OUTPUT", None]
    for outcome, expected in zip((outcomes[0], outcomes[2]), whole, strict=True):
        assert type(outcome.unwrap()) is type(expected)
        assert len(outcome.unwrap().model_dump_json()) == pytest.approx(len(expected.model_dump_json()), abs=80)


ROWLESS = {
    "feature-extraction": AutoModel,
    "text-classification": AutoModelForSequenceClassification,
    "text-generation": AutoModelForCausalLM,
    "summarization": AutoModelForSeq2SeqLM,
}


@pytest.mark.parametrize("task", ROWLESS)
def test_a_token_that_the_network_has_no_vector_for_is_bad_input(checkpoint: Make, task: Any) -> None:
    """Tokens were added to the tokenizer, and no rows to the network."""
    kind = {"text-generation": "llama", "summarization": "bart"}.get(task, "bert")
    folder = checkpoint(kind, ROWLESS[task])
    tokenizer = AutoTokenizer.from_pretrained(folder)
    runner = duomo.load(task, f"dir:{folder}", device="cpu")
    rows = runner.executor.worker.model.network.config.vocab_size
    known = runner("the cat")
    tokenizer.add_tokens([f"<extra{at}>" for at in range(rows - len(tokenizer) + 1)])
    tokenizer.save_pretrained(folder)
    runner = duomo.load(task, f"dir:{folder}", device="cpu")
    outcomes = list(runner.map(["the cat", f"the {tokenizer.convert_ids_to_tokens(rows)} cat", "the cat"]))
    assert [outcome.error and outcome.error.type for outcome in outcomes] == [None, "BadInput", None]
    assert tokenizer.convert_ids_to_tokens(rows) in outcomes[1].error.what
    assert type(outcomes[0].unwrap()) is type(known)


def test_a_token_without_a_vector_in_every_text_is_refused_at_load(checkpoint: Make) -> None:
    folder = checkpoint("bert", AutoModel)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    network = AutoModel.from_pretrained(folder)
    tokenizer.add_tokens([f"<extra{at}>" for at in range(network.config.vocab_size - len(tokenizer))])
    tokenizer.add_special_tokens({"bos_token": "<begin>"})
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="<begin> $A", pair="<begin> $A $B", special_tokens=[("<begin>", network.config.vocab_size)]
    )
    tokenizer.save_pretrained(folder)
    with pytest.raises(WeightsMismatch, match="puts into every text '<begin>'"):
        duomo.load("feature-extraction", f"dir:{folder}", device="cpu")


@pytest.mark.parametrize(
    ("kind", "config", "said", "limit"),
    [
        ("bloom", {"hidden_size": 32}, {}, 2048),
        ("bloom", {"hidden_size": 32}, {"seq_length": 99}, 99),
        ("mpt", {"d_model": 32, "n_layers": 2, "max_seq_len": 77}, {}, 77),
    ],
)
def test_decoders_without_positions_read_what_their_config_says(
    tmp_path: Path, make_tokenizer: Any, kind: str, config: dict[str, Any], said: dict[str, Any], limit: int
) -> None:
    sizes = {"vocab_size": 400, "n_layer": 2, "n_head": 4, "n_heads": 4, "bos_token_id": 0, "eos_token_id": 2}
    AutoModelForCausalLM.from_config(CONFIG_MAPPING[kind](**(sizes | config))).save_pretrained(tmp_path)
    edit(tmp_path, "config.json", **said)
    PreTrainedTokenizerFast(tokenizer_object=make_tokenizer(), eos_token="</s>").save_pretrained(tmp_path)
    runner = duomo.load("text-generation", f"dir:{tmp_path}", device="cpu")
    assert runner.executor.worker.model.context == limit  # type: ignore[attr-defined]
