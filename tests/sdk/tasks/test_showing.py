"""How results look: short in `repr`, whole in a notebook and on a page, whatever the task."""

import html.parser
import io
import re
import types
import typing

import numpy as np
import PIL.Image
import pytest
import soundfile

from duomo.errors import BadInput
from duomo.outcome import Failure, ItemError, Meta, Success
from duomo.resolving import resolve
from duomo.tasks import (
    CORE_TASKS,
    Box,
    Classification,
    DepthMap,
    Detections,
    Embedding,
    Mask,
    Page,
    Segment,
    Segmentation,
    SeparatedSound,
    Separation,
    Speech,
    TextLine,
    Transcript,
)
from duomo.tasks.base import Result
from duomo.tasks.encoding import Vector
from duomo.tasks.nlp.embedding import Similarity
from duomo.tasks.showing import outcome_html
from duomo.tasks.speech.music import Pitch
from duomo.tasks.tabular.series import Forecast, Quantile
from duomo.tasks.vision.codes import Code, Codes
from duomo.tasks.vision.faces import LandmarkedFace, LandmarkedFaces
from duomo.tasks.vision.keypoints import Joint, Keypoint, Keypoints, Match, Matches, Point, Pose, Poses
from duomo.writers import open_writer

META = Meta("a-task", "a/model")
CAT = Classification.ranked(["<b>cat</b>", "dog"], [0.75, 0.25])


class Tags(html.parser.HTMLParser):
    """The tags of a page, those that are open, and its words."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[str] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.found.append(tag)
        if tag not in ("img", "meta"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        self.found.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


def picture(width: int = 40, height: int = 30) -> PIL.Image.Image:
    return PIL.Image.fromarray(np.full((height, width, 3), 200, np.uint8))


def wave(seconds: float = 1.0) -> np.ndarray:
    return np.sin(np.linspace(0, 900, int(16_000 * seconds))).astype(np.float32) * 0.5


SHOWN: dict[str, tuple[Result, set[str], str]] = {
    "labels": (CAT, {"table", "i"}, "<b>cat</b>"),
    "boxes": (Detections(boxes=[Box(label="a cat", score=0.5, xmin=1, ymin=2, xmax=9, ymax=8)], width=40, height=30),
              {"svg", "rect", "text"}, "a cat 0.50"),
    "masks": (Segmentation(segments=[Mask(label="cat", mask=Mask.png(np.eye(30, 40) > 0))], width=40, height=30),
              {"svg", "image"}, "cat"),
    "poses": (Poses(poses=[Pose(score=1, xmin=0, ymin=0, xmax=9, ymax=9,
                                keypoints=[Joint(label="nose", score=1, x=3, y=4)])], width=40, height=30),
              {"svg", "circle", "rect"}, ""),
    "page": (Page(lines=[TextLine(text="Read me", score=1, corners=[(1.0, 1.0), (9.0, 1.0), (9.0, 5.0), (1.0, 5.0)])],
                  width=40, height=30), {"svg", "polygon"}, "Read me"),
    "speech": (Speech.from_samples(wave(), 16_000), {"audio", "svg"}, "16000"),
    "sounds": (Separation(sources=[SeparatedSound(**Speech.from_samples(wave(), 16_000).model_dump(), label="vocals")]),
               {"audio", "svg"}, "vocals"),
    "transcript": (Transcript(text="hello", segments=[Segment(start=0.0, end=0.5, text="hello")], language="en"),
                   {"svg", "title", "table"}, "hello"),
    "vector": (Embedding(vector=[0.5, -0.5, 1.0]), {"svg"}, "3 numbers"),
    "depth": (DepthMap.of(np.arange(12.0).reshape(3, 4)), {"img"}, "maximum 11"),
}  # fmt: skip


@pytest.mark.parametrize(("result", "tags", "words"), SHOWN.values(), ids=SHOWN)
def test_a_result_is_shown_by_what_it_holds(result, tags, words):
    found = Tags(result._repr_html_())
    assert not found.open
    assert tags <= set(found.found)
    assert words in found.words


def some(kind: typing.Any) -> typing.Any:
    """A value of a kind of field."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if kind is Vector:
        return np.ones(3, np.float32)
    if isinstance(kind, type) and issubclass(kind, Result):
        return kind(**{name: some(field.annotation) for name, field in kind.model_fields.items()})
    if origin in (typing.Union, types.UnionType, typing.Annotated):
        return some(inner[0])
    if origin is list:
        return [some(inner[0])] * 5
    if origin is tuple:
        return tuple(some(each) for each in inner if each is not ...)
    if origin is dict:
        return {some(inner[0]): some(inner[1])}
    if origin is typing.Literal:
        return inner[0]
    return {int: 3, float: 0.5, str: "some words " * 9, bytes: b"\x00" * 9, bool: True}[kind]


@pytest.mark.parametrize("spec", CORE_TASKS, ids=lambda spec: spec.name)
def test_the_results_of_every_task_are_shown_and_short_in_print(spec):
    result = some(resolve(spec.target).Result)
    found = Tags(result._repr_html_())
    assert not found.open
    assert len(found.found) > 3
    assert any(each in found.words for each in ("some words", "3", "0.5"))
    assert len(repr(result)) < 3000


def test_the_colour_of_a_mask_is_told_beside_its_label() -> None:
    masks = [Mask(label=name, mask=Mask.png(np.eye(30, 40) > 0)) for name in ("cat", "sofa", "cat")]
    shown = Segmentation(segments=masks, width=40, height=30)._repr_html_()
    keys = re.findall(r'class="key" style="background:(#\w+)"></i>(\w+)', shown)
    assert [name for _, name in keys] == ["cat", "sofa", "cat"]
    assert keys[0] == keys[2] != keys[1]
    assert 'class="key"' not in SHOWN["boxes"][0]._repr_html_(), "a box has its label at it"


def test_many_points_that_belong_together_are_small_dots() -> None:
    """The 468 points of a face hid it."""
    box: dict[str, float] = {"score": 1, "xmin": 0, "ymin": 0, "xmax": 100, "ymax": 100}
    mesh = [(float(at % 20), float(at // 20), 0.0) for at in range(400)]
    face = LandmarkedFace(**box, keypoints=[], mesh=mesh)
    few = Pose(**box, keypoints=[Joint(label="nose", score=1, x=3, y=4), Joint(label="hand", score=1, x=90, y=80)])
    crowded = LandmarkedFaces(faces=[face], width=500, height=500)._repr_html_()
    sparse = Poses(poses=[few], width=500, height=500)._repr_html_()
    assert re.findall(r' r="([\d.]+)"', crowded)[0] == "0.8"
    assert re.findall(r' r="([\d.]+)"', sparse)[0] == "3.0"


def test_matches_lie_on_both_images_side_by_side() -> None:
    def place(x: float, y: float) -> Point:
        return Point(x=x, y=y)

    match = Match(keypoint_image_0=place(3, 4), keypoint_image_1=place(5, 6), score=0.5)
    found = Matches(matches=[match], width_0=40, height_0=30, width_1=20, height_1=50)
    success = Success(0, "0", found, None, META)
    shown = outcome_html(success, (picture(), picture(20, 50)))
    assert 'viewBox="0 0 60 50"' in shown
    assert 'd="M3.0 4.0L45.0 6.0"' in shown
    assert Tags(shown).found.count("image") == 2
    alone = Tags(outcome_html(success, ("/etc/left.png", "/etc/right.png"))).found
    assert (alone.count("image"), alone.count("path")) == (0, 1)


def test_what_was_given_is_told_in_words_and_not_as_python() -> None:
    given = ("Who came?", {"who": ["Ada", "Bob"], "came": [1, 0]}), ("a", np.zeros((4, 5), np.uint8)), [[1, 2], [3]]
    shown = [Tags(outcome_html(Success(0, "0", CAT, None, META), each)).words for each in given]
    assert "Who came? · who: (Ada, Bob), came: (1, 0)" in shown[0]
    assert "a · 4 x 5 uint8" in shown[1]
    assert "(1, 2), (3)" in shown[2]


def test_a_print_is_short_whatever_is_in_it():
    assert repr(Speech.from_samples(wave(60), 16_000)) == (
        "Speech(wav=<1,920,044 bytes>, sampling_rate=16000, duration=60.0)"
    )
    assert repr(Embedding(vector=[0.0] * 384)) == "Embedding(vector=<float32 384>)"
    many = Classification.ranked([f"label {at}" for at in range(1000)], [1.0] * 1000)
    assert repr(many).endswith("… 997 more])")
    assert len(repr(Transcript(text="a" * 10_000, segments=[]))) < 200
    assert repr(Success(3, "cat.jpg", CAT, None, META)).startswith("Success(3, 'cat.jpg', Classification(labels=[")
    assert repr(Failure(3, "a", None, ItemError.of(BadInput("not an image")), META)) == (
        "Failure(3, 'a', E-INPUT: not an image)"
    )


def test_an_outcome_lies_on_the_image_or_sound_that_it_is_named_after(tmp_path):
    picture().save(tmp_path / "cat.png")
    soundfile.write(tmp_path / "call.wav", wave(), 16_000)
    boxes, transcript = SHOWN["boxes"][0], SHOWN["transcript"][0]
    on_image = Tags(Success(0, str(tmp_path / "cat.png"), boxes, None, META)._repr_html_())
    assert "image" in on_image.found
    assert "audio" in Tags(Success(0, str(tmp_path / "call.wav"), transcript, None, META)._repr_html_()).found
    assert "image" not in Tags(Success(0, str(tmp_path / "gone.png"), boxes, None, META)._repr_html_()).found
    picture(9, 9).save(tmp_path / "other.png")
    assert "image" not in Tags(Success(0, str(tmp_path / "other.png"), boxes, None, META)._repr_html_()).found
    assert "img" in Tags(Success(0, str(tmp_path / "cat.png"), CAT, None, META)._repr_html_()).found
    assert "img" not in Tags(Success(0, str(tmp_path / "call.wav"), CAT, None, META)._repr_html_()).found


def test_what_is_shown_fetches_nothing(monkeypatch):
    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: pytest.fail("fetched"))
    outcome_html(Success(0, "0", CAT, None, META), {"image": "http://example.org/cat.png"})
    Success(0, "http://example.org/cat.png", SHOWN["boxes"][0], None, META)._repr_html_()


def test_a_page_shows_the_items_that_a_program_gave(tmp_path):
    with open_writer(tmp_path / "out.html", Classification, items=["a <warm> day", "x", picture()]) as writer:
        writer.write(Success(0, "0", CAT, None, META))
        writer.write(Success(2, "2", SHOWN["boxes"][0], None, META))
    text = (tmp_path / "out.html").read_text("utf-8")
    assert "a &lt;warm&gt; day" in text
    assert Tags(text).found.count("image") == 1


def test_a_page_has_each_outcome_once_and_no_script(tmp_path):
    with open_writer(tmp_path / "out.html", Classification) as writer:
        writer.write(Success(0, "<script>", CAT, None, META))
        writer.write(Failure(1, "gone.jpg", None, ItemError.of(BadInput("no image", fix="look again")), META))
    text = (tmp_path / "out.html").read_text("utf-8")
    found = Tags(text)
    assert not found.open
    assert found.found.count("section") == 2
    assert found.found.count("style") == 2
    assert "script" not in found.found
    assert "E-INPUT: no image" in found.words
    assert "http" not in text.replace("http-equiv", "")


@pytest.mark.parametrize("result", [
    SHOWN["boxes"][0], SHOWN["masks"][0], SHOWN["poses"][0], SHOWN["page"][0],
    Keypoints(keypoints=[Keypoint(x=5, y=5, score=1)], width=40, height=30),
    Codes(codes=[Code(text="a", format="QRCode", corners=[(1, 1), (9, 1), (9, 9), (1, 9)])], width=40, height=30),
], ids=lambda result: type(result).__name__)  # fmt: skip
def test_what_was_found_on_an_image_is_drawn_on_a_copy(result):
    image = picture()
    before = image.tobytes()
    assert result.draw(image).tobytes() != before
    assert image.tobytes() == before
    written = io.BytesIO()
    image.save(written, "PNG")
    assert result.draw(written.getvalue()).size == (40, 30)
    with pytest.raises(BadInput, match="9x9"):
        result.draw(picture(9, 9))


def test_numbers_in_order_are_lines_and_what_is_missing_is_a_gap() -> None:
    pitch = Pitch.model_construct(
        step_s=0.016, hertz=[None, 100.0, 110.0, None, 120.0], confidence=[0.1, 0.9] * 2 + [1]
    )
    page = Tags(pitch._repr_html_())
    assert page.found.count("path") == 2
    assert "hertz: 5 numbers from 100 to 120" in page.words
    assert "None" not in page.words
    [line] = re.findall(r'd="([^"]*)"', pitch._repr_html_())[:1]
    assert [line.count(letter) for letter in "ML"] == [2, 1]


def test_the_quantiles_of_a_forecast_lie_in_its_drawing() -> None:
    quantiles = [Quantile.model_construct(level=level, values=[level, level, 1.0]) for level in (0.1, 0.9)]
    page = Tags(Forecast.model_construct(mean=[1.0, 2.0, 3.0], quantiles=quantiles)._repr_html_())
    assert page.found.count("svg") == 1
    assert page.found.count("path") == 3
    assert "mean, quantiles 0.1, quantiles 0.9: 3 numbers from 0.1 to 3" in page.words


def test_a_few_scores_have_bars() -> None:
    page = Tags(Similarity.model_construct(scores=[0.75, 0.25])._repr_html_())
    assert "0.75" in page.words
    assert page.found.count("i") == 2


def test_the_beginning_of_a_text_file_is_shown(tmp_path):
    note, other = tmp_path / "note.txt", tmp_path / "other.md"
    note.write_text("Dear <all>, " + "and so on " * 100)
    other.write_bytes(b"\xff\xfe")
    for given in (None, note):
        shown = outcome_html(Success(0, str(note), CAT, None, META), given)
        assert "Dear &lt;all&gt;, and so on" in shown
        assert shown.count("and so on") < 35
    assert "<p>" not in outcome_html(Success(0, str(other), CAT, None, META)).replace(f"<p><b>{other}", "")


@pytest.mark.parametrize(
    ("box", "base", "left"),
    [
        ((10, 50, 60, 90), 49.2, 10.4),  # above the box
        ((10, 2, 60, 90), 2.4 + 3.125, 10.4),  # in it: there is no room above
        ((95, 50, 99, 90), 49.2, 100 - 0.6 * 3.125 * 8),  # not beside the image
    ],
)
def test_the_words_of_a_box_are_on_the_image_and_not_on_its_line(
    box: tuple[float, float, float, float], base: float, left: float
) -> None:
    names = dict(zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True))
    found = Detections(boxes=[Box(label="cat", score=0.5, **names)], width=100, height=100)
    place = re.search(r'<text x="([\d.]+)" y="([\d.]+)"', found._repr_html_())
    assert place is not None
    assert (float(place[1]), float(place[2])) == pytest.approx((left, base), abs=0.06)


def test_the_words_of_two_boxes_with_one_corner_do_not_cover_each_other() -> None:
    corner = {"xmin": 10.0, "ymin": 50.0}
    boxes = [Box(label=name, score=0.5, xmax=60, ymax=end, **corner) for name, end in (("cup", 70), ("table", 90))]
    shown = Detections(boxes=boxes, width=100, height=100)._repr_html_()
    lower, upper = sorted(float(base) for base in re.findall(r'<text x="[\d.]+" y="([\d.]+)"', shown))
    assert upper - lower > 3, "a letter is 3.125 high"
    crowd = Detections(boxes=boxes * 60, width=100, height=100)._repr_html_()
    assert all(float(base) <= 100 for base in re.findall(r'<text x="[\d.]+" y="([\d.]+)"', crowd))
