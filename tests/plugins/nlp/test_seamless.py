"""SeamlessM4T translates texts: the tokens of its own `generate`, and languages by their codes and names."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from transformers import AutoTokenizer

import duomo
from duomo.errors import BadOption, InputTooLong, WeightsProblem
from tests.plugins.speech import tiny_seamless

TEXTS = ["the cat sat on the mat.", "a dog, two", "hello"]


@pytest.fixture(scope="module", params=[tiny_seamless.seamless, tiny_seamless.seamless_v2])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return request.param(tmp_path_factory.mktemp("seamless"))


@pytest.fixture(scope="module")
def runner(folder: Path) -> Any:
    return duomo.load("translation", f"dir:{folder}", device="cpu")


@pytest.mark.equals("`generate` of SeamlessM4T, the same tokens", "translation")
def test_texts_are_those_of_generate_alone_and_in_a_batch(runner: Any, folder: Path) -> None:
    family = json.loads((folder / "config.json").read_text())["architectures"][0].removesuffix("Model")
    network = getattr(transformers, f"{family}ForTextToText").from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    seen = set()
    for source, target, theirs in (("en", "fr", ("eng", "fra")), ("German", "zh", ("deu", "cmn")), (None, "fra", None)):
        options = {"src_lang": source, "tgt_lang": target, "max_new_tokens": 9}
        for text, outcome in zip(TEXTS, runner.map(TEXTS, batch_size=3, **options), strict=True):
            known = theirs or ("eng", "fra")
            inputs = tokenizer(text, src_lang=known[0], return_tensors="pt")
            with torch.inference_mode():  # of ours the first new token is the language
                tokens = network.generate(**inputs, tgt_lang=known[1], max_new_tokens=8)
            expected = tokenizer.decode(tokens[0], skip_special_tokens=True)
            assert outcome.unwrap().text == runner(text, **options).text == expected
            seen.add(expected)
    assert len(seen) > 3


def test_what_it_does_not_know_and_what_is_too_long_is_said(runner: Any) -> None:
    with pytest.raises(BadOption, match="'tgt_lang' is required"):
        runner("a dog", src_lang="en")
    with pytest.raises(BadOption, match="'tgt_lang' cannot be de") as caught:
        runner("a dog", tgt_lang="de")  # read, and not written
    assert "cmn, eng, fra" in caught.value.why
    with pytest.raises(BadOption, match="'src_lang' cannot be tlh"):
        runner("a dog", src_lang="tlh", tgt_lang="fr")
    long = "a dog sat. " * 20
    with pytest.raises(InputTooLong):
        runner(long, tgt_lang="fr", long="error")
    [whole] = runner.map([long], tgt_lang="fr", long="window")
    assert whole.meta.windows > 1


def test_a_checkpoint_without_its_languages_is_refused(tmp_path: Path) -> None:
    path = tiny_seamless.seamless_v2(tmp_path) / "generation_config.json"
    said = json.loads(path.read_text())
    del said["text_decoder_lang_to_code_id"]
    path.write_text(json.dumps(said))
    for task in ("translation", "automatic-speech-recognition"):
        with pytest.raises(WeightsProblem, match="does not say which languages it writes"):
            duomo.load(task, f"dir:{tmp_path}", device="cpu")
