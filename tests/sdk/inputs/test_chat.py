"""Chats with images and images with marks, from here to a server and back."""

import numpy as np
import pytest

from duomo.client.encode import encode_item
from duomo.errors import BadInput
from duomo.inputs import ImageChat, MarkedImage, Video
from duomo.serving.wire import to_item

PICTURE = np.zeros((4, 6, 3), np.uint8)
TURNS = [
    {"role": "user", "content": [{"type": "image", "image": PICTURE}, {"type": "text", "text": "who?"}]},
    {"role": "assistant", "content": "a cat"},
]


@pytest.mark.parametrize("value", [TURNS, {"messages": TURNS}, ("who?", PICTURE), {"text": "who?", "image": [PICTURE]}])
def test_a_chat_is_the_same_on_the_other_side(value):
    chat = ImageChat.accept(value)
    again = ImageChat.accept(to_item(encode_item(chat), ImageChat))
    assert again.messages == chat.messages
    assert [each.pil().size for each in again.images] == [(6, 4)]


@pytest.mark.parametrize("path", ["/etc/passwd", "cat.jpg", "https://example.org/cat.jpg"])
def test_a_client_names_no_file_in_a_chat(path):
    for value in ({"text": "who?", "image": path}, [{"role": "user", "content": [{"type": "image", "image": path}]}]):
        with pytest.raises(BadInput, match="sent as bytes"):
            to_item(value, ImageChat)
    for kind in (MarkedImage, Video):
        with pytest.raises(BadInput, match="sent as bytes"):
            to_item(path, kind)


def test_marks_are_the_same_on_the_other_side():
    marked = MarkedImage.accept({"image": PICTURE, "boxes": np.array([[0, 1, 2, 3]]), "points": [(1, 2)]})
    again = MarkedImage.accept(to_item(encode_item(marked), MarkedImage))
    assert (again.boxes, again.points) == (marked.boxes, marked.points) == (((0, 1, 2, 3),), ((1, 2),))
    assert MarkedImage.accept(PICTURE).boxes == ()


@pytest.mark.parametrize("size", [(7, 9), (48, 64)])
def test_frames_in_memory_go_as_a_video_that_gives_the_same_frames(size):
    frames = np.random.default_rng(0).integers(0, 255, (5, *size, 3), np.uint8)
    sent = Video.accept(to_item(encode_item(Video.accept(frames)), Video))
    for here, there in (
        (Video.accept(frames).first(5, 2), sent.first(5, 2)),
        (Video.accept(frames).spread(8), sent.spread(8)),
    ):
        assert (here.times, here.total) == (there.times, there.total)
        assert np.array_equal(here.frames, there.frames)


def test_frames_of_unlike_size_are_not_sent():
    with pytest.raises(BadInput, match="are not of one size"):
        encode_item(Video.accept([np.zeros((4, 4, 3), np.uint8), np.zeros((4, 6, 3), np.uint8)]))
