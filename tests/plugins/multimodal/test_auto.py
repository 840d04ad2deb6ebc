"""CLIP and SigLIP checkpoints, saved tiny by the test, against the bare transformers models."""

import json
import shutil

import numpy as np
import PIL.Image
import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    AutoImageProcessor,
    AutoModel,
    AutoTokenizer,
    CLIPConfig,
    CLIPImageProcessor,
    CLIPModel,
    PreTrainedTokenizerFast,
    Siglip2Config,
    Siglip2ImageProcessor,
    Siglip2Model,
    SiglipConfig,
    SiglipImageProcessor,
    SiglipModel,
)

import duomo
from duomo.errors import BadInput, BadOption, InputTooLong, WeightsMismatch

LABELS = ["a cat", "a red car", "dog"]
WORDS = "[PAD] [UNK] [END] this is a photo of cat red car dog .".split()
TEXT = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2}
VISION = {**TEXT, "image_size": 32, "patch_size": 16}


def word_tokenizer():
    words = Tokenizer(models.WordLevel({word: index for index, word in enumerate(WORDS)}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.post_processor = processors.TemplateProcessing(single="$A [END]", special_tokens=[("[END]", 2)])
    # A wrong padding side in the file must not reach the model: CLIP and SigLIP pad on the right.
    return PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="[PAD]", unk_token="[UNK]", eos_token="[END]", padding_side="left"
    )


@pytest.fixture(scope="module")
def clip_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clip")
    torch.manual_seed(0)
    text = {**TEXT, "vocab_size": len(WORDS), "max_position_embeddings": 12, "eos_token_id": 2}
    CLIPModel(CLIPConfig(text_config=text, vision_config=VISION, projection_dim=8)).save_pretrained(folder)
    CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}).save_pretrained(folder)
    word_tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def siglip_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("siglip")
    torch.manual_seed(0)
    text = {**TEXT, "vocab_size": len(WORDS), "max_position_embeddings": 12}
    SiglipModel(SiglipConfig(text_config=text, vision_config=VISION)).save_pretrained(folder)
    SiglipImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
    word_tokenizer().save_pretrained(folder)
    return folder


@pytest.mark.parametrize("kind", ["clip", "siglip"])
def test_a_label_with_a_token_that_has_no_vector_is_named(request, tmp_path, kind):
    """Tokens were added to the tokenizer, and no rows to the network: an IndexError, or on a GPU the end."""
    folder = shutil.copytree(request.getfixturevalue(f"{kind}_folder"), tmp_path / kind)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens(["<brand>"])
    tokenizer.save_pretrained(folder)
    with duomo.load("zero-shot-image-classification", f"dir:{folder}", device="cpu") as runner:
        photo = PIL.Image.new("RGB", (40, 32))
        assert runner(photo, labels=["cat", "dog"]).labels
        with pytest.raises(BadInput, match="holds '<brand>', a token that the network has no vector for"):
            runner(photo, labels=["cat", "<brand> dog"])


@pytest.fixture(scope="module")
def siglip2_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("siglip2")
    torch.manual_seed(0)
    text = {**TEXT, "vocab_size": len(WORDS), "max_position_embeddings": 12}
    vision = {**TEXT, "patch_size": 8, "num_patches": 16}
    Siglip2Model(Siglip2Config(text_config=text, vision_config=vision)).save_pretrained(folder)
    Siglip2ImageProcessor(patch_size=8, max_num_patches=16).save_pretrained(folder)
    word_tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def pictures():
    noise = np.random.default_rng(0)
    return [PIL.Image.fromarray(noise.integers(0, 255, (40, w, 3), dtype=np.uint8)) for w in (40, 60, 33, 80, 51)]


def _scores(result):
    return [next(label.score for label in result.labels if label.name == name) for name in LABELS]


def _tokens(texts, length):
    ids = [[WORDS.index(w) for w in text.replace(".", " .").split()] + [2] for text in texts]
    return torch.tensor([row + [0] * (length - len(row)) for row in ids])


def test_clip_scores_are_the_softmax_of_the_bare_model(clip_folder, pictures):
    bare = CLIPModel.from_pretrained(clip_folder).eval()
    pixels = CLIPImageProcessor.from_pretrained(clip_folder)(pictures[0], return_tensors="pt")["pixel_values"]
    ids = _tokens([f"this is a photo of {label}." for label in LABELS], 10)
    with torch.no_grad():
        expected = bare(input_ids=ids, pixel_values=pixels, attention_mask=(ids != 0).long()).logits_per_image[0]
    result = duomo.run(
        "zero-shot-image-classification",
        pictures[0],
        model=f"dir:{clip_folder}",
        labels=LABELS,
        template="this is a photo of {}.",
    )
    assert _scores(result) == pytest.approx(expected.softmax(0).tolist(), abs=1e-5)


def test_siglip_scores_are_the_sigmoids_of_the_bare_model_on_texts_padded_to_full_length(siglip_folder, pictures):
    bare = SiglipModel.from_pretrained(siglip_folder).eval()
    pixels = SiglipImageProcessor.from_pretrained(siglip_folder)(pictures[0], return_tensors="pt")["pixel_values"]
    with torch.no_grad():
        expected = bare(input_ids=_tokens(LABELS, 12), pixel_values=pixels).logits_per_image[0].sigmoid()
    result = duomo.run(
        "zero-shot-image-classification", pictures[0], model=f"dir:{siglip_folder}", labels=LABELS, template="{}"
    )
    assert _scores(result) == pytest.approx(expected.tolist(), abs=1e-5)
    assert [label.score for label in result.labels] == sorted(expected.tolist(), reverse=True)


def test_siglip_reads_no_capitals_where_its_folder_says_so(siglip_folder, tmp_path):
    """SigLIP 2 of a fixed size is a SigLIP with the tokenizer of Gemma, which takes no notice (big_vision#166)."""
    folder = shutil.copytree(siglip_folder, tmp_path / "siglip2")
    said = folder / "tokenizer_config.json"
    said.write_text(json.dumps(json.loads(said.read_text()) | {"do_lower_case": True}))
    for kind, is_alike in ((siglip_folder, False), (folder, True)):
        with duomo.load("multimodal-embedding", f"dir:{kind}", device="cpu") as embed:
            assert np.allclose(embed("A Red CAR").array, embed("a red car").array) is is_alike


def test_siglip2_scores_are_the_sigmoids_of_the_bare_model_on_patches(siglip2_folder, pictures):
    bare = Siglip2Model.from_pretrained(siglip2_folder).eval()
    processor = Siglip2ImageProcessor.from_pretrained(siglip2_folder)
    tokenizer = AutoTokenizer.from_pretrained(siglip2_folder, padding_side="right")
    tokens = tokenizer(LABELS, padding="max_length", max_length=12, return_tensors="pt")["input_ids"]
    with duomo.load("zero-shot-image-classification", f"dir:{siglip2_folder}") as runner:
        outcomes = list(runner.map(pictures, labels=LABELS, template="{}", batch_size=len(pictures)))
    for picture, outcome in zip(pictures, outcomes, strict=True):
        with torch.no_grad():
            logits = bare(input_ids=tokens, **processor(picture, return_tensors="pt")).logits_per_image
        assert _scores(outcome.unwrap()) == pytest.approx(logits[0].sigmoid().tolist(), abs=1e-5)


@pytest.mark.parametrize("kind", ["clip_folder", "siglip_folder", "siglip2_folder"])
def test_a_batch_gives_what_one_by_one_gives(kind, pictures, request):
    with duomo.load("multimodal-embedding", f"dir:{request.getfixturevalue(kind)}") as embed:
        items = [pictures[0], "a cat", pictures[1], "a red car dog", pictures[2]]
        together = [outcome.unwrap().array for outcome in embed.map(items, batch_size=5)]
        for item, vector in zip(items, together, strict=True):
            np.testing.assert_allclose(embed(item).array, vector, atol=1e-5)
            assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


@pytest.mark.equals("the bare network's vectors, to 1e-5", "multimodal-embedding", "image-search")
@pytest.mark.parametrize("kind", ["clip_folder", "siglip_folder", "siglip2_folder"])
def test_vectors_and_hits_are_those_of_the_bare_model(kind, pictures, request):
    folder = request.getfixturevalue(kind)
    bare, processor = AutoModel.from_pretrained(folder).eval(), AutoImageProcessor.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="right")
    ids = tokenizer(["a cat"], padding="max_length", max_length=12, return_tensors="pt")["input_ids"]
    mask = {"attention_mask": (ids != 0).long()} if kind == "clip_folder" else {}
    with torch.no_grad():
        found = [bare(input_ids=ids, **mask, **processor(each, return_tensors="pt")) for each in pictures]
    images, text = np.stack([each.image_embeds[0].numpy() for each in found]), found[0].text_embeds[0].numpy()
    with duomo.load("multimodal-embedding", f"dir:{folder}") as embed:
        for item, vector in zip([*pictures, "a cat"], [*images, text], strict=True):
            np.testing.assert_allclose(embed(item).array, vector, atol=1e-5)
    with duomo.load("image-search", f"dir:{folder}") as search:
        for query, vector in ((pictures[3], images[3]), ("a cat", text)):
            scores = {hit.index: hit.score for hit in search(query, images=pictures, top_k=5).hits}
            assert [scores[at] for at in range(5)] == pytest.approx((images @ vector).tolist(), abs=1e-5)


def test_a_text_beyond_the_positions_is_refused_not_cut_and_its_neighbours_live(clip_folder):
    with duomo.load("multimodal-embedding", f"dir:{clip_folder}") as embed:
        long, short = embed.map([" ".join(["cat"] * 20), "a cat"], batch_size=2)
    assert short.ok
    with pytest.raises(InputTooLong, match="21 tokens"):
        long.unwrap()


def test_a_template_without_a_place_for_the_label_is_refused(clip_folder, pictures):
    with pytest.raises(BadOption, match="template"):
        duomo.run(
            "zero-shot-image-classification", pictures[0], model=f"dir:{clip_folder}", labels=LABELS, template="photo"
        )


def test_a_checkpoint_with_a_missing_tensor_is_refused(clip_folder, tmp_path):
    for file in clip_folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    tensors = load_file(clip_folder / "model.safetensors")
    del tensors["text_projection.weight"]
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(WeightsMismatch, match="does not fit") as caught:
        duomo.load("zero-shot-image-classification", f"dir:{tmp_path}")
    assert "text_projection.weight" in caught.value.why


def test_a_checkpoint_with_a_misshapen_tensor_is_refused(clip_folder, tmp_path):
    for file in clip_folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = json.loads((tmp_path / "config.json").read_text())
    config["projection_dim"] = 4
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(WeightsMismatch):
        duomo.load("zero-shot-image-classification", f"dir:{tmp_path}")
