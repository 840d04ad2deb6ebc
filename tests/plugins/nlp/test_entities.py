"""Token classification: tags to spans, offsets, and windows that overlap."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import AutoModelForTokenClassification, AutoTokenizer

import duomo
from duomo_nlp.entities import Token, join, split_tag

Make = Callable[..., Path]
LABELS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
NAMES: dict[str, Any] = {"id2label": dict(enumerate(LABELS)), "label2id": {name: i for i, name in enumerate(LABELS)}}
TEXT = "Ada met 東京 Bob 🙂🙂 in Paris, the end. 大阪!"


def spans_of(*tags: str) -> list[tuple[str, int]]:
    """(label, number of tokens) of the spans of a row of tags; ``+`` before a tag makes it the inside of a word."""
    known = [tag.lstrip("+") for tag in tags]
    tokens = [
        Token(*split_tag(tag.lstrip("+"), known), 1.0, i, i + 1, tag.startswith("+")) for i, tag in enumerate(tags)
    ]
    return [(group[0].label, len(group)) for group in join(tokens)]


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (["B-PER", "I-PER", "O", "B-LOC"], [("PER", 2), ("LOC", 1)]),
        (["B-PER", "B-PER"], [("PER", 1), ("PER", 1)]),
        (["B-PER", "I-LOC", "I-LOC"], [("PER", 1), ("LOC", 2)]),
        (["I-PER", "I-PER", "O", "I-PER"], [("PER", 2), ("PER", 1)]),
        (["B-PER", "I-PER", "E-PER", "S-PER", "S-PER"], [("PER", 3), ("PER", 1), ("PER", 1)]),
        (["B-LOC", "L-LOC", "I-LOC", "U-LOC"], [("LOC", 2), ("LOC", 1), ("LOC", 1)]),
        (["PER", "PER", "O", "LOC"], [("PER", 2), ("LOC", 1)]),
        (["B-PER", "+O", "+B-LOC", "I-PER"], [("PER", 4)]),
        (["O", "+B-PER", "B-LOC"], [("LOC", 1)]),
        (["B-part-of", "I-part-of"], [("part-of", 2)]),
        (["E-MAIL", "E-MAIL", "O", "U-TURN"], [("E-MAIL", 2), ("U-TURN", 1)]),
        ([], []),
    ],
)
def test_tags_are_joined_to_names(tags: list[str], expected: list[tuple[str, int]]) -> None:
    assert spans_of(*tags) == expected


@pytest.fixture(scope="module", params=["bert", "roberta", "distilbert"])
def folder(request: pytest.FixtureRequest, checkpoint: Make) -> Path:
    return checkpoint(request.param, AutoModelForTokenClassification, **NAMES)


def test_each_token_has_the_bare_models_tag_and_score(folder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    encoding = tokenizer(TEXT, return_offsets_mapping=True, return_special_tokens_mask=True)
    model = AutoModelForTokenClassification.from_pretrained(folder).eval()
    with torch.no_grad():
        best = model(input_ids=torch.tensor([encoding.input_ids])).logits[0].softmax(-1).max(-1)
    expected = [
        (LABELS[label], pytest.approx(score, abs=1e-5), start, end)
        for label, score, (start, end), special in zip(
            best.indices.tolist(),
            best.values.tolist(),
            encoding.offset_mapping,
            encoding.special_tokens_mask,
            strict=True,
        )
        if not special and LABELS[label] != "O" and TEXT[start:end].strip()
    ]
    runner = duomo.load("token-classification", f"dir:{folder}", device="cpu")
    spans = runner(TEXT, aggregate=False).spans
    found = [(span.label, span.score, span.start, span.end) for span in spans]
    assert [each[0] for each in found] == [each[0] for each in expected]
    assert [each[1] for each in found] == [each[1] for each in expected]
    assert expected


@pytest.mark.parametrize("aggregate", [True, False])
def test_the_text_between_start_and_end_is_the_span_also_beside_emoji_and_kanji(folder: Path, aggregate: bool) -> None:
    runner = duomo.load("token-classification", f"dir:{folder}", device="cpu")
    spans = runner(TEXT, aggregate=aggregate).spans
    assert spans
    for span in spans:
        assert TEXT[span.start : span.end] == span.text == span.text.strip() != ""
    if aggregate:
        assert all(one.end <= two.start for one, two in itertools.pairwise(spans))


def test_a_batch_gives_what_one_by_one_gives(folder: Path) -> None:
    runner = duomo.load("token-classification", f"dir:{folder}", device="cpu")
    texts = [TEXT, "Ada", "the cat sat on the mat and met Bob in London"]
    for text, outcome in zip(texts, runner.map(texts, batch_size=3), strict=True):
        alone = runner(text).spans
        together = outcome.unwrap().spans
        assert [(s.label, s.start, s.end) for s in together] == [(s.label, s.start, s.end) for s in alone]
        assert [s.score for s in together] == pytest.approx([s.score for s in alone], abs=1e-5)


def test_a_threshold_leaves_out_the_unsure(folder: Path) -> None:
    runner = duomo.load("token-classification", f"dir:{folder}", device="cpu")
    spans = runner(TEXT).spans
    middle = sorted(span.score for span in spans)[len(spans) // 2]
    assert runner(TEXT, threshold=middle).spans == [span for span in spans if span.score >= middle]


@pytest.fixture(scope="module")
def contextless(checkpoint: Make) -> tuple[Path, Path]:
    """Two BERTs whose tags depend on the token alone, one that reads 16 tokens and one that reads 2,000."""
    folders = []
    for limit in (16, 2000):
        folder = checkpoint(
            "bert", AutoModelForTokenClassification, num_hidden_layers=0, max_position_embeddings=limit, **NAMES
        )
        tensors = load_file(folder / "model.safetensors")
        for key, tensor in tensors.items():
            if "position_embeddings" in key:
                tensor.zero_()
            elif folders:
                tensor.copy_(load_file(folders[0] / "model.safetensors")[key])
        save_file(tensors, folder / "model.safetensors", {"format": "pt"})
        folders.append(folder)
    return folders[0], folders[1]


@pytest.mark.parametrize("repeats", [1, 2, 7, 40])
def test_windows_give_what_one_long_reading_gives(contextless: tuple[Path, Path], repeats: int) -> None:
    short, long = (duomo.load("token-classification", f"dir:{folder}", device="cpu") for folder in contextless)
    text = f"{TEXT} " * repeats
    for aggregate in (True, False):
        [windowed] = short.map([text], aggregate=aggregate)
        spans = windowed.unwrap().spans
        whole = long(text, aggregate=aggregate).spans
        assert spans
        assert [(s.label, s.start, s.end, s.text) for s in spans] == [(s.label, s.start, s.end, s.text) for s in whole]
        assert windowed.meta.windows > 1


def test_truncate_reads_the_beginning_only_and_says_so(contextless: tuple[Path, Path]) -> None:
    runner = duomo.load("token-classification", f"dir:{contextless[0]}", device="cpu")
    [outcome] = runner.map([f"{TEXT} " * 5], long="truncate")
    assert outcome.meta.truncated
    assert outcome.unwrap().spans == [s for s in runner(f"{TEXT} " * 5).spans if s in outcome.unwrap().spans]
    with pytest.raises(duomo.BadInput, match="tokens and the model reads 16"):
        runner(f"{TEXT} " * 5, long="error")


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [("roberta", "## end", {"##": False}), ("bert", "ends", {"e": False, "##n": True, "##d": True, "##s": True})],
)
def test_hashes_in_a_text_are_text_where_the_tokenizer_marks_no_pieces(
    checkpoint: Make, kind: str, text: str, expected: dict[str, bool]
) -> None:
    """A heading of Markdown is not the inside of a word to RoBERTa; a later piece of a word is, to BERT."""
    runner = duomo.load(
        "token-classification", f"dir:{checkpoint(kind, AutoModelForTokenClassification, **NAMES)}", device="cpu"
    )
    model = runner.executor.worker.model  # type: ignore[attr-defined]
    [encoding] = model.tokenizer.encode_batch([text])
    count = len(encoding.ids)
    tokens = model._tokens(text, [encoding], [([1.0] * count, [0] * count)])  # no tokenizer here gives such offsets
    found = dict(zip(encoding.tokens[1:-1], [token.inside for token in tokens], strict=True))
    assert {piece: found[piece] for piece in expected} == expected


@pytest.fixture(scope="module")
def by_character(checkpoint: Make) -> Path:
    """A RoBERTa whose tag depends on the token alone: that of "Sch" is B-PER, of all later pieces B-LOC or O."""
    tokenizer = Tokenizer(
        models.BPE(
            {piece: at for at, piece in enumerate(["<s>", "<pad>", "</s>", "<unk>", *PIECES])}, [], unk_token="<unk>"
        )
    )
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    folder = checkpoint("roberta", AutoModelForTokenClassification, num_hidden_layers=0, **NAMES)
    tokenizer.save(str(folder / "tokenizer.json"))
    network = AutoModelForTokenClassification.from_pretrained(folder)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        network.roberta.embeddings.LayerNorm.weight.fill_(1.0)
        network.classifier.weight[:, : len(LABELS)] = torch.eye(len(LABELS))
        for at, piece in enumerate(PIECES):
            network.roberta.embeddings.word_embeddings.weight[at + 4, LABELS.index(PIECES[piece])] = 9.0
    network.save_pretrained(folder)
    return folder


PIECES = {"S": "B-PER", "w": "B-PER", "r": "O", "5": "B-LOC", "9": "B-LOC", ".": "O", ",": "B-LOC", "'": "O",
          "é": "B-LOC", "수": "B-LOC", "東": "B-LOC", "x": "O"}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Swrw x", ["Swrw"]),  # one name, though its pieces are tagged B, B, O, B
        ("x w.", ["w"]),
        ("5.995,9 x", ["5.995,9"]),
        ("r'S x", ["S"]),  # French "d'Angela": the name begins behind the apostrophe
        ("東東", ["東", "東"]),
        ("x Se\u0301", ["Se\u0301"]),
        ("e\u0301 x", ["e\u0301"]),
        ("x \u1109\u116e \u1109\u116e.", ["\u1109\u116e", "\u1109\u116e"]),
    ],
)
def test_a_word_has_the_tag_of_its_first_piece_and_whole_letters(
    by_character: Path, text: str, expected: list[str]
) -> None:
    runner = duomo.load("token-classification", f"dir:{by_character}", device="cpu")
    spans = runner(text).spans
    assert [span.text for span in spans] == expected
    assert [text[span.start : span.end] for span in spans] == expected
