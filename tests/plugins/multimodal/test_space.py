"""What every space has in common, on a toy one: red, green and blue, as a word or as a picture."""

import PIL.Image
import pytest
import torch

from duomo.errors import BadOption
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

    def prepare(self, images):
        return [torch.tensor(image.pil().getpixel((0, 0))) / 255 for image in images]

    def embed_pictures(self, prepared):
        self.num_embedded += len(prepared)
        return torch.stack(prepared)

    def embed_texts(self, texts):
        return torch.tensor([WORDS[text] for text in texts], dtype=torch.float)

    def probabilities(self, cosines):
        return cosines


def run(model, queries, images, **given):
    options = ImageSearchOptions.parse({"images": images, **given})
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


def test_equal_images_are_found_in_the_order_of_the_gallery_whatever_top_k_is():
    gallery = [RED, BLUE, RED, GREEN] * 6
    for top_k in (1, 3, 7, 12):
        hits = run(Colours(), ["red"], gallery, top_k=top_k)[0].hits
        assert [hit.index for hit in hits] == list(range(0, 24, 2))[:top_k]


def test_a_damaged_picture_of_the_gallery_is_left_out_and_named(tmp_path):
    for name, picture in (("a.png", RED), ("b.png", GREEN), ("c.png", BLUE)):
        picture.save(tmp_path / name)
    (tmp_path / "b.png").write_bytes((tmp_path / "b.png").read_bytes()[:45])
    model = Colours()
    for _ in range(2):
        result, _ = run(model, ["blue", "red"], tmp_path)
        assert [hit.index for hit in result.hits] == [2, 0]
        assert result.top.item == str(tmp_path / "c.png")
        [said] = result.left_out
        assert said.startswith(f"image 1 of the gallery ('{tmp_path / 'b.png'}'): ")
        assert "is damaged" in said
    assert model.num_embedded == 2
    [fine] = run(model, ["blue"], [RED, BLUE])
    assert fine.left_out == []


def test_a_gallery_of_which_nothing_can_be_read_is_refused(tmp_path):
    (tmp_path / "b.png").write_bytes(b"no picture")
    with pytest.raises(BadOption, match="none of the images in option 'images' can be searched") as caught:
        run(Colours(), ["blue"], [tmp_path / "b.png", b"nor this"])
    assert "image 0 of the gallery" in caught.value.why


def test_a_picture_of_the_gallery_that_is_gone_is_named_before_the_search(tmp_path):
    RED.save(tmp_path / "a.png")
    options = ImageSearchOptions.parse({"images": tmp_path})
    (tmp_path / "a.png").unlink()
    with pytest.raises(BadOption, match="image 0 of the gallery"):
        Colours().check_options(options)


def test_only_so_many_pictures_are_kept_and_those_searched_last_stay():
    model = Colours()
    model.kept = 2  # so that three pictures are too many
    run(model, ["red"], [RED, GREEN])
    run(model, ["red"], [RED, BLUE])
    assert len(model._known) == 2  # what is kept shows in memory only
    run(model, ["red"], [BLUE, RED])
    assert model.num_embedded == 3, "green is the one that was dropped"
    assert run(model, ["blue"], [RED, GREEN, BLUE])[0].top.index == 2, "a gallery larger than what is kept"


def test_fewer_pictures_than_asked_for_are_all_given():
    assert len(run(Colours(), ["red"], [RED, BLUE], top_k=5)[0].hits) == 2
