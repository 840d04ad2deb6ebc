"""Masks filled, against transformers' own pipeline; scores agree within 1e-5."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoConfig, AutoModelForMaskedLM, AutoTokenizer, XmodConfig, pipeline

import duomo
from duomo.errors import BadOption, WeightsProblem

Make = Callable[..., Path]
KINDS = ["bert", "distilbert", "electra", "modernbert", "deberta-v2", "roberta", "mpnet"]
KINDS += ["xlm", "flaubert", "bart", "mbart", "mvp"]
TEXTS = [
    "the [MASK] sat on the mat.",
    "Ada met [MASK] in [MASK]",
    "a dog and [MASK]",
    "the cat ran to the [MASK] one two",
]


@pytest.fixture(scope="module", params=KINDS)
def folder(request: pytest.FixtureRequest, checkpoint: Make) -> Path:
    folder = checkpoint(request.param, AutoModelForMaskedLM)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    mask = "[MASK]" if "[MASK]" in tokenizer.get_vocab() else "<unk>"
    tokenizer.add_special_tokens({"mask_token": mask})
    tokenizer.save_pretrained(folder)
    return folder


@pytest.mark.equals("the pipeline, scores to 1e-5", "fill-mask")
def test_fillings_are_those_of_the_pipeline_alone_and_in_a_batch(folder: Path) -> None:
    runner = duomo.load("fill-mask", f"dir:{folder}", device="cpu")
    bare = pipeline("fill-mask", str(folder), device="cpu")
    outcomes = list(runner.map(TEXTS, top_k=3, batch_size=4))
    for text, outcome in zip(TEXTS, outcomes, strict=True):
        expected = bare(text.replace("[MASK]", bare.tokenizer.mask_token), top_k=3)
        expected = [expected] if isinstance(expected[0], dict) else expected  # type: ignore[list-item]
        for result in (outcome.unwrap(), runner(text, top_k=3)):
            for mask, wanted in zip(result.masks, expected, strict=True):
                assert [each.token for each in mask.fillings] == [each["token"] for each in wanted]  # type: ignore[index]
                for each, other in zip(mask.fillings, wanted, strict=True):
                    assert (each.token_str, each.sequence) == (other["token_str"], other["sequence"])  # type: ignore[index]
                    assert each.score == pytest.approx(other["score"], abs=1e-5)  # type: ignore[index]


@pytest.fixture(scope="module")
def bert(checkpoint: Make) -> duomo.Runner:
    folder = checkpoint("bert", AutoModelForMaskedLM)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_special_tokens({"mask_token": "[MASK]"})
    tokenizer.save_pretrained(folder)
    return duomo.load("fill-mask", f"dir:{folder}", device="cpu")


def test_a_target_given_twice_is_refused(bert: duomo.Runner) -> None:
    with pytest.raises(duomo.errors.BadOption) as caught:
        bert(TEXTS[0], targets="cat, dog, cat")
    assert "'cat' is in it twice" in str(caught.value.why)


def test_targets_are_ranked_among_themselves_and_keep_their_scores(bert: duomo.Runner) -> None:
    everything = bert(TEXTS[0], top_k=1000).masks[0].fillings
    some = bert(TEXTS[0], targets="cat, dog").masks[0].fillings
    assert {each.token_str for each in some} == {"cat", "dog"}
    assert [each for each in everything if each.token_str in ("cat", "dog")] == some
    assert sum(each.score for each in everything) == pytest.approx(1, abs=1e-5)


def test_a_target_of_several_tokens_is_refused_by_name(bert: duomo.Runner) -> None:
    with pytest.raises(BadOption, match="'targets' cannot hold 'camera'"):
        bert(TEXTS[0], targets=["cat", "camera"])


def test_a_target_that_the_vocabulary_lacks_is_refused(bert: duomo.Runner) -> None:
    """It was answered with the score of the token for unknown words."""
    with pytest.raises(BadOption, match="'targets' cannot hold '☃'") as caught:
        bert(TEXTS[0], targets=["cat", "☃"])
    assert "vocabulary does not have it" in caught.value.why
    assert len(bert(TEXTS[0], targets=["cat", "[UNK]"]).masks[0].fillings) == 2


def test_a_text_without_a_mask_is_an_error_of_its_own(bert: duomo.Runner) -> None:
    bad, good = bert.map(["the cat sat", TEXTS[0]], batch_size=2)
    assert "has no mask" in bad.error.what
    assert "[MASK]" in bad.error.fix
    assert good.ok


def test_a_long_text_is_an_error_or_cut_and_a_mask_behind_the_cut_is_told(bert: duomo.Runner) -> None:
    early, late = "[MASK] sat on " + "the mat " * 60, "the mat " * 60 + "[MASK]"
    refused = next(bert.map([early]))
    assert "tokens and the model reads 64" in refused.error.what
    cut, lost = bert.map([early, late], long="truncate")
    assert cut.meta.truncated
    assert len(cut.unwrap().masks) == 1
    assert "behind its cut end" in lost.error.why


def test_a_tokenizer_without_a_mask_is_refused(checkpoint: Make) -> None:
    folder = checkpoint("bert", AutoModelForMaskedLM)
    with pytest.raises(WeightsProblem, match="no mask token"):
        duomo.load("fill-mask", f"dir:{folder}", device="cpu")


@pytest.mark.parametrize("language", [None, "fi"])
def test_a_network_that_does_not_say_which_language_it_reads_is_refused_at_load(
    checkpoint: Make, language: str | None
) -> None:
    folder = checkpoint("roberta", AutoModelForMaskedLM)
    sizes: Any = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    known = AutoConfig.from_pretrained(folder)
    config = XmodConfig(vocab_size=known.vocab_size, languages=["en"], default_language=language, **sizes)
    AutoModelForMaskedLM.from_config(config).save_pretrained(folder)
    with pytest.raises(WeightsProblem, match="does not say which language it reads") as caught:
        duomo.load("fill-mask", f"dir:{folder}", device="cpu")
    assert '"default_language": "en"' in caught.value.fix
