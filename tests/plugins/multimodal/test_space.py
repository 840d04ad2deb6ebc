"""What every space has in common, on a toy one: red, green and blue, as a word or as a picture."""

import PIL.Image
import pytest
import torch

from duomo.inputs import TextOrImage
from duomo.tasks.multimodal import ImageSearchOptions
from duomo_multimodal.space import Search

RED, GREEN, BLUE = (PIL.Image.new("RGB", (8, 8), name) for name in ("red", "lime", "blue"))
WORDS = {"red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1)}


class Colours(Search):
    """The mean colour is the vector; it counts the pictures it has embedded."""

    batch_size = 2
    num_embedded = 0

    @classmethod
    def load(cls, weights, *, device, dtype):
        return cls()

    def prepare(self, pictures):
        return [torch.tensor(picture.getpixel((0, 0))) / 255 for picture in pictures]

    def embed_pictures(self, prepared):
        self.num_embedded += len(prepared)
        return torch.stack(prepared)

    def embed_texts(self, texts):
        return torch.tensor([WORDS[text] for text in texts], dtype=torch.float)

    def probabilities(self, cosines):
        return cosines


def run(model, queries, images, **options):
    options = ImageSearchOptions.parse({"images": images, **options})
    features = model.preprocess([TextOrImage.accept(query) for query in queries], options)
    return model.postprocess(model.forward(model.collate(features)), features, options)


def test_texts_and_pictures_may_be_mixed_in_one_batch():
    found = run(Colours(), ["blue", RED, "green"], [RED, GREEN, BLUE], top_k=2)
    assert [result.top.index for result in found] == [2, 0, 1]
    assert [len(result.hits) for result in found] == [2, 2, 2]
    assert [result.query for result in found] == ["blue", "", "green"]


def test_a_gallery_is_embedded_once_and_grows_by_what_is_new():
    model = Colours()
    run(model, ["blue"], [RED, GREEN])
    run(model, ["blue", "red"], [GREEN, RED])
    assert model.num_embedded == 2
    assert run(model, ["blue"], [RED, GREEN, BLUE])[0].top.index == 2
    assert model.num_embedded == 3


def test_a_file_that_changed_is_embedded_again(tmp_path):
    import os

    model, file = Colours(), tmp_path / "wall.png"
    RED.save(file)
    assert run(model, ["red"], [file])[0].top.score == pytest.approx(1)
    BLUE.save(file)
    os.utime(file, ns=(1, 1))
    assert run(model, ["red"], [file])[0].top.score == pytest.approx(0)
    assert model.num_embedded == 2


def test_a_folder_is_a_gallery_and_hits_bear_the_names_of_the_files(tmp_path):
    for name, picture in (("a.png", RED), ("b.png", BLUE)):
        picture.save(tmp_path / name)
    result = run(Colours(), ["blue"], tmp_path)[0]
    assert result.top.item == str(tmp_path / "b.png")


def test_fewer_pictures_than_asked_for_are_all_given():
    assert len(run(Colours(), ["red"], [RED, BLUE], top_k=5)[0].hits) == 2
