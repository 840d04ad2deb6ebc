"""Decoders that are asked whether a text answers: the scores of `CrossEncoder`, and of the recipe of the model card."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from sentence_transformers import CrossEncoder
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

import duomo
from duomo.cli.checkpoints import look
from duomo.errors import InputTooLong, WeightsMismatch, WrongTask

QUERY, PROMPT = "Ada in Paris", "the cat sat"
TEXTS = ["the cat sat on the mat.", "Ada met Bob in Paris and London", "a dog", "{{ messages }} <s>"]
BEFORE = "<s>Judge whether the Document meets the Query and the Instruct.</s><s>"
AFTER = "</s><s>assistant"
TEMPLATE = (
    BEFORE + "<Instruct>: {{ messages | selectattr('role', 'eq', 'system') | map(attribute='content') | first }}\n"
    "<Query>: {{ messages | selectattr('role', 'eq', 'query') | map(attribute='content') | first }}\n"
    "<Document>: {{ messages | selectattr('role', 'eq', 'document') | map(attribute='content') | first }}" + AFTER
)
"""As that of Qwen3-Reranker."""
LIMIT = 192
SAID: dict[str, dict[str, Any]] = {
    "1_LogitScore/config.json": {"true_token_id": 290, "false_token_id": 300, "module_input_name": "causal_logits"},
    "config_sentence_transformers.json": {
        "model_type": "CrossEncoder",
        "prompts": {"web": PROMPT},
        "default_prompt_name": "web",
        "activation_fn": "torch.nn.modules.activation.Sigmoid",
    },
    "sentence_bert_config.json": {
        "transformer_task": "text-generation",
        "modality_config": {
            "text": {"method": "forward", "method_output_name": "logits"},
            "message": {"method": "forward", "method_output_name": "logits", "format": "flat"},
        },
        "module_output_name": "causal_logits",
    },
}


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory, make_tokenizer: Callable[[], Tokenizer]) -> Callable[..., Path]:
    def build(template: str = TEMPLATE, **changed: dict[str, Any]) -> Path:
        folder = tmp_path_factory.mktemp("judge")
        torch.manual_seed(0)
        sizes: dict[str, Any] = {
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "intermediate_size": 64,
        }
        heads: dict[str, Any] = {
            "num_key_value_heads": 2,
            "head_dim": 8,
            "max_position_embeddings": LIMIT,
            "initializer_range": 0.3,
        }
        Qwen3ForCausalLM(Qwen3Config(vocab_size=400, **sizes, **heads)).save_pretrained(folder)
        special = {"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>"}
        tokenizer = PreTrainedTokenizerFast(tokenizer_object=make_tokenizer(), padding_side="left", **special)
        tokenizer.chat_template = template
        tokenizer.save_pretrained(folder)
        kinds = {"": "base.modules.transformer.Transformer", "1_LogitScore": "cross_encoder.modules.LogitScore"}
        modules = [
            {"idx": at, "name": str(at), "path": path, "type": f"sentence_transformers.{kind}"}
            for at, (path, kind) in enumerate(kinds.items())
        ]
        (folder / "modules.json").write_text(json.dumps(modules))
        (folder / "1_LogitScore").mkdir()
        for name, said in SAID.items():
            (folder / name).write_text(json.dumps(said | changed.get(name.partition(".")[0].replace("/", "_"), {})))
        return folder

    return build


@pytest.fixture(scope="module")
def folder(make: Callable[..., Path]) -> Path:
    return make()


@pytest.fixture(scope="module")
def runner(folder: Path) -> duomo.Runner[Any]:
    return duomo.load("text-ranking", f"dir:{folder}", device="cpu")


def scores_of(result: Any) -> list[float]:
    found = {hit.index: hit.score for hit in result.hits}
    return [found[at] for at in range(len(found))]


def by_hand(folder: Path, texts: list[str]) -> list[float]:
    """As the card of Qwen3-Reranker does: the probability of yes where the next token is yes or no."""
    tokenizer, network = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder).eval()
    scores = []
    for text in texts:
        asked = f"{BEFORE}<Instruct>: {PROMPT}\n<Query>: {QUERY}\n<Document>: {text}{AFTER}"
        with torch.no_grad():
            last = network(**tokenizer(asked, add_special_tokens=False, return_tensors="pt")).logits[0, -1]
        scores.append(last[[300, 290]].softmax(0)[1].item())
    return scores


@pytest.mark.equals("`CrossEncoder` of a decoder, scores to 1e-5", "text-ranking")
def test_scores_are_those_of_the_cross_encoder_and_of_the_card(folder: Path, runner: duomo.Runner[Any]) -> None:
    bare = CrossEncoder(str(folder), device="cpu", local_files_only=True)
    theirs = bare.predict([(QUERY, text) for text in TEXTS]).tolist()
    items = [(QUERY, TEXTS), (QUERY, TEXTS[:1]), ("a dog", TEXTS[::-1])]
    first, second, _ = (outcome.unwrap() for outcome in runner.map(items, batch_size=3))
    assert scores_of(first) == pytest.approx(theirs, abs=1e-5)
    assert scores_of(first) == pytest.approx(by_hand(folder, TEXTS), abs=1e-5)
    assert scores_of(first) == pytest.approx(scores_of(runner((QUERY, TEXTS))), abs=1e-5)
    assert scores_of(second) == pytest.approx(theirs[:1], abs=1e-5)
    assert len(set(theirs)) == len(theirs)


def test_one_token_and_no_sigmoid_are_honoured(make: Callable[..., Path]) -> None:
    folder = make(
        **{
            "1_LogitScore_config": {"false_token_id": None},
            "config_sentence_transformers": {"activation_fn": "torch.nn.modules.linear.Identity"},
        }
    )
    theirs = CrossEncoder(str(folder), device="cpu", local_files_only=True).predict([(QUERY, text) for text in TEXTS])
    ours = duomo.load("text-ranking", f"dir:{folder}", device="cpu")((QUERY, TEXTS))
    assert scores_of(ours) == pytest.approx(theirs.tolist(), abs=1e-4)


def test_a_long_text_keeps_the_question_around_it(folder: Path, runner: duomo.Runner[Any]) -> None:
    long = "the cat sat on the mat " * 40
    with pytest.raises(InputTooLong, match=f"the model reads {LIMIT}"):
        runner((QUERY, [long]))
    [cut] = runner.map([(QUERY, [long])], long="truncate")
    [whole] = runner.map([(QUERY, ["a dog", long])], long="window")
    assert cut.meta.truncated
    assert whole.meta.windows > 1
    assert scores_of(whole.unwrap())[1] >= scores_of(cut.unwrap())[0] - 1e-6
    shorter = [long[:at] for at in range(1, len(long))]
    fitting = [each.unwrap().hits[0].score for each in runner.map([(QUERY, [text]) for text in shorter]) if each.ok]
    assert scores_of(cut.unwrap())[0] in [pytest.approx(score, abs=1e-5) for score in fitting[-40:]]
    with pytest.raises(InputTooLong, match="this query is too long"):
        runner((long, ["a dog"]), long="truncate")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"sentence_bert_config": {"query_length": 3}}, "query_length"),
        ({"sentence_bert_config": {"processing_kwargs": {"text": {"max_length": 3}}}}, "processing_kwargs['text']"),
        ({"sentence_bert_config": {"modality_config": {}}}, "leaves out the query or the text"),
        ({"template": "{{ messages[0].content }}"}, "leaves out the query or the text"),
        ({"1_LogitScore_config": {"true_token_id": 400}}, "the token 400"),
    ],
)
def test_what_is_not_written_here_is_refused_by_name(
    make: Callable[..., Path], changed: dict[str, Any], words: str
) -> None:
    with pytest.raises(WeightsMismatch, match="does not know") as caught:
        duomo.load("text-ranking", f"dir:{make(**changed)}", device="cpu")
    assert words in caught.value.why


def test_a_decoder_that_nobody_made_a_judge_is_none(folder: Path, make: Callable[..., Path]) -> None:
    assert look(str(folder), duomo.default_catalog()).tasks == {
        "text-ranking": "nlp/judges",
        "text-generation": "nlp/transformers",
    }
    assert next(iter(look(str(folder), duomo.default_catalog()).tasks)) == "text-ranking"
    with pytest.raises(WrongTask, match="feature-extraction"):
        duomo.load("feature-extraction", f"dir:{folder}", device="cpu")
    plain = make()
    (plain / "modules.json").unlink()
    with pytest.raises(WrongTask, match="text-ranking"):
        duomo.load("text-ranking", f"dir:{plain}", device="cpu")
