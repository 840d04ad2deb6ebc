"""Pages found by ColPali and its kin: the scores of their processors, in any batch; what is too long."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import PIL.Image
import pytest
import torch
import transformers

import duomo
from duomo.errors import InputTooLong
from duomo.testing.samples import pictures

from . import tiny_pages

PAGES = [page[:96, :side].copy() for page, side in zip(pictures(), (64, 128, 96), strict=True)]
QUESTIONS = ["what is on the ball", "a red face", "the sky"]


@pytest.mark.equals("ColPali and ColQwen2 by `score_retrieval` of their processors, to 1e-4", "image-search")
@pytest.mark.parametrize("make", tiny_pages.PAGES)
def test_scores_are_those_of_the_processor(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    make(tmp_path)
    processor: Any = transformers.AutoProcessor.from_pretrained(tmp_path)
    named = transformers.AutoConfig.from_pretrained(tmp_path).architectures[0]
    network = getattr(transformers, named).from_pretrained(tmp_path).eval()
    with torch.inference_mode():
        pages = [
            network(**processor.process_images(images=[PIL.Image.fromarray(each)])).embeddings[0] for each in PAGES
        ]
        asked = [network(**processor.process_queries(text=[each])).embeddings[0] for each in QUESTIONS]
    # Page by page: beside a longer one the processor fills a page up with zeros, which win where all products are less.
    expected = torch.cat([processor.score_retrieval(asked, [page]) for page in pages], dim=1)
    with duomo.load("image-search", f"dir:{tmp_path}", device="cpu") as runner:
        found = [each.unwrap() for each in runner.map(QUESTIONS, images=PAGES, batch_size=3)]
        for question, result, row in zip(QUESTIONS, found, expected.tolist(), strict=True):
            scores = {hit.index: hit.score for hit in result.hits}
            assert [scores[at] for at in range(3)] == pytest.approx(row, abs=1e-4)
            assert result == runner(question, images=PAGES)
        assert len({*expected.flatten().tolist()}) == 9
        like = runner(PAGES[1], images=PAGES)  # a page asks for pages like itself
        assert like.top.index == 1
        with pytest.raises(InputTooLong, match="is too long for this model"):
            runner("the sky " * 200, images=PAGES)
        bad, good = runner.map([b"no image", "the sky"], images=PAGES, batch_size=2)
        assert not bad.ok
        assert good.result == found[2]
