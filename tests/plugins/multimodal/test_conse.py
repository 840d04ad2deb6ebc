"""ConSE on real weights: how well it names and finds photos it was never trained for, and what it keeps."""

import numpy as np
import PIL.Image
import PIL.ImageOps
import pytest
import torch

import duomo
from duomo.config import cache_path
from duomo.errors import InputUnreadable

pytestmark = pytest.mark.embedded


def test_it_names_ten_of_twelve_photos_among_twelve_labels(photos):
    with duomo.load("zero-shot-image-classification", "multimodal/conse") as classify:
        found = [outcome.unwrap() for outcome in classify.map(photos.values(), labels=list(photos))]
    right = [result.top.name == label for result, label in zip(found, photos, strict=True)]
    assert np.mean(right) >= 0.83, dict(zip(photos, right, strict=True))
    assert all(sum(label.score for label in result.labels) == pytest.approx(1) for result in found)
    confidence = np.mean([result.top.score for result in found])
    assert 0.6 < confidence < 0.95, "a confidence far from the accuracy would mislead"


def test_each_text_finds_its_photo(search, photos):
    found = [outcome.unwrap() for outcome in search.map(list(photos), images=list(photos.values()))]
    right = [result.top.index == index for index, result in enumerate(found)]
    assert np.mean(right) >= 0.83, dict(zip(photos, right, strict=True))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("something to drink", "a cup of coffee"),
        ("a furry animal", "a cat"),
        ("a vehicle with two wheels", "a motorcycle"),
        ("the launch of a spacecraft", "a rocket"),
    ],
)
def test_a_query_need_not_use_the_words_of_the_classes(search, photos, query, expected):
    names = ["a cat", "a cup of coffee", "a motorcycle", "a rocket", "a camera on a tripod", "printed text"]
    result = search(query, images=[photos[name] for name in names])
    assert names[result.top.index] == expected
    assert result.query == query


def test_texts_and_pictures_of_one_batch_come_back_as_they_do_alone(embed, photos):
    items = ["a cat", photos["a cat"], "a rocket", photos["a rocket"], photos["a space shuttle"]]
    together = [outcome.unwrap() for outcome in embed.map(items, batch_size=5)]
    for item, result in zip(items, together, strict=True):
        assert result.dim == 384
        assert np.linalg.norm(result.array) == pytest.approx(1, abs=1e-5)
        np.testing.assert_allclose(result.array, embed(item).array, atol=1e-4)
    cat, photo_of_cat, rocket, photo_of_rocket, _ = together
    assert cat.similarity(photo_of_cat) > cat.similarity(photo_of_rocket) + 0.3
    assert rocket.similarity(photo_of_rocket) > rocket.similarity(photo_of_cat) + 0.3


def test_a_picture_and_its_mirror_image_are_the_same(embed, photos):
    picture = PIL.Image.open(photos["a motorcycle"]).convert("RGB")
    assert embed(picture).similarity(embed(PIL.ImageOps.mirror(picture))) > 0.999


def test_a_picture_finds_itself_first(search, photos):
    images = list(photos.values())
    assert search(duomo.Image.accept(images[4]), images=images).top.index == 4


def test_a_broken_picture_in_a_batch_costs_no_other_its_vector(embed, photos, tmp_path):
    torn = tmp_path / "torn.jpg"
    torn.write_bytes(photos["a rocket"].read_bytes()[:5000])
    first, broken, last = embed.map([photos["a cat"], torn, "a cat"], batch_size=3)
    assert first.ok
    assert last.ok
    with pytest.raises(InputUnreadable, match="torn"):
        broken.unwrap()


def test_the_class_names_are_embedded_once_for_all_runs(search, monkeypatch):
    files = list((cache_path() / "conse").glob("*.safetensors"))
    assert files
    assert list((cache_path() / "conse").iterdir()) == files, "nothing that was begun is left"
    import duomo_multimodal.conse as conse

    # the step that a kept table saves
    monkeypatch.setattr(conse, "_vectors", lambda *_: pytest.fail("the table was made again"))
    with duomo.load("image-search", "multimodal/conse") as again:
        assert again.meta.model == "multimodal/conse"


def test_a_cache_that_cannot_be_written_costs_no_result(tmp_path, monkeypatch, caplog):
    import duomo_multimodal.conse as conse

    (tmp_path / "cache").write_text("a file where the folder should be")
    monkeypatch.setattr(conse, "cache_path", lambda: tmp_path / "cache")
    # a thousand names take seconds; that they are embedded is not what is asked
    monkeypatch.setattr(conse, "_vectors", lambda _, names: torch.ones(len(names), 384))
    with duomo.load("zero-shot-image-classification", "multimodal/conse") as classify:
        assert classify.meta.model == "multimodal/conse"
    assert "DUOMO_CACHE names another folder" in caplog.text
