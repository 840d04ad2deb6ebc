"""The shorter ways give what the long ones give: decoding, resizing, and networks made quicker."""

import copy
import functools
import io
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from torch import Tensor, nn
from torchvision import models
from transformers import (
    ConvNextImageProcessor,
    DPTImageProcessor,
    EfficientNetConfig,
    EfficientNetForImageClassification,
    EfficientNetImageProcessor,
    MobileNetV2Config,
    MobileNetV2ForImageClassification,
    MobileNetV2ImageProcessor,
    PerceiverImageProcessor,
    ResNetConfig,
    ResNetForImageClassification,
    ViTImageProcessor,
    YolosImageProcessor,
)

import duomo
from duomo.errors import BadInput, InputUnreadable
from duomo.execution.speed.graph import NEEDS, plain
from duomo.imaging import Normalizing, OwnResize, Resize, decode, decoding, find_resize
from duomo_vision.fusing import PackedConv2d, fuse_for_inference
from duomo_vision.positions import keep_positions
from duomo_vision.ranking import best_labels
from tests.plugins.vision import tiny

ORIENTATION = 0x0112


def by_pillow(image: duomo.Image) -> Tensor:
    return torch.from_numpy(np.array(image.pil())).permute(2, 0, 1)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("subsampling", [0, 2])
def test_jpegs_decode_to_the_pixels_of_pillow(orientation: int, subsampling: int, photo: Any) -> None:
    exif = PIL.Image.Exif()
    exif[ORIENTATION] = orientation
    file = io.BytesIO()
    PIL.Image.open(photo("skimage/data/chelsea.png")).save(file, "JPEG", exif=exif, subsampling=subsampling)
    image = duomo.Image.accept(file.getvalue())
    assert image.jpeg() is not None
    assert torch.equal(decode(image), by_pillow(image))


@pytest.mark.parametrize("tag", ['<a tiff:Orientation="6"/>', "<tiff:Orientation>8</tiff:Orientation>"])
@pytest.mark.parametrize("by_exif", [None, 1, 3])
def test_a_jpeg_turned_by_xmp_is_turned_as_by_pillow(tag: str, by_exif: int | None, photo: Any) -> None:
    exif = PIL.Image.Exif()
    if by_exif is not None:
        exif[ORIENTATION] = by_exif
    file = io.BytesIO()
    xmp = f'<x:xmpmeta xmlns:x="adobe:ns:meta/">{tag}</x:xmpmeta>'.encode()
    PIL.Image.open(photo("skimage/data/chelsea.png")).save(file, "JPEG", exif=exif, xmp=xmp)
    image = duomo.Image.accept(file.getvalue())
    assert torch.equal(decode(image), by_pillow(image))
    assert (decode(image).shape[1] > decode(image).shape[2]) == (by_exif is None)  # the cat lies on its side


@pytest.mark.parametrize(
    "segments", [b"", b"\xff\xe1\x00\x02", b"\xff\xe1\x00\x09foreign"], ids=["none", "empty", "foreign"]
)
@pytest.mark.parametrize("xmp", [None, b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"])
def test_a_jpeg_is_turned_wherever_its_exif_stands(segments: bytes, xmp: bytes | None, photo: Any) -> None:
    """A segment of another kind before EXIF, as many phones and editors write it."""
    exif = PIL.Image.Exif()
    exif[ORIENTATION] = 6
    cat = PIL.Image.open(photo("skimage/data/chelsea.png"))
    file = io.BytesIO()
    cat.save(file, "JPEG")
    exif_bytes = exif.tobytes()
    later = b"\xff\xe1" + (len(exif_bytes) + 2).to_bytes(2, "big") + exif_bytes
    if xmp is not None:
        body = b"http://ns.adobe.com/xap/1.0/\0" + xmp
        segments += b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body
    data = file.getvalue()[:2] + segments + later + file.getvalue()[2:]
    image = duomo.Image.accept(data)
    assert tuple(decode(image).shape[1:]) == cat.size, "the cat stands upright: width and height have changed places"
    assert torch.equal(decode(image), by_pillow(image))
    assert decode(image).permute(1, 2, 0).is_contiguous()


def test_whatever_is_no_colour_jpeg_decodes_as_before(awkward: list[Any], photo: Any) -> None:
    grey = io.BytesIO()
    PIL.Image.open(photo("skimage/data/camera.png")).save(grey, "JPEG")
    for value in [*awkward, grey.getvalue(), photo("skimage/data/camera.png")]:
        image = duomo.Image.accept(value)
        assert image.jpeg() is None
        assert torch.equal(decode(image), by_pillow(image))


def without(monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    """As on a machine where `library` is not installed."""
    if library == "simplejpeg":
        monkeypatch.setitem(sys.modules, "simplejpeg", None)
    elif library == "torchvision":
        monkeypatch.setattr(decoding, "_torchvision_operator", lambda: None)  # as where torchvision has none
    decoding._jpeg_decoder.cache_clear()  # as a new process begins


@pytest.fixture(params=["all", "no simplejpeg", "neither"])
def libraries(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The decoder that is at hand is a process-wide choice, so its cache is private but must be emptied here."""
    if request.param != "all":
        without(monkeypatch, "simplejpeg")
    if request.param == "neither":
        without(monkeypatch, "torchvision")
    decoding._jpeg_decoder.cache_clear()  # as a new process begins
    yield request.param
    monkeypatch.undo()
    decoding._jpeg_decoder.cache_clear()  # as a new process begins


SIZES = (None, (33, 17), (1, 1), (8, 100), (255, 254), (449, 901))
KINDS: list[dict[str, Any]] = [
    {},
    {"progressive": True},
    {"keep_rgb": True},
    {"restart_marker_rows": 1},
    {"optimize": True},
]
JPEGS = list(
    itertools.product(
        ("sklearn/datasets/images/china.jpg", "skimage/data/chelsea.png", "skimage/data/astronaut.png"),
        SIZES,
        (0, 1, 2),
        KINDS,
    )
)
"""Photos of many sizes, subsamplings, qualities and kinds of JPEG."""


@functools.cache
def jpeg(at: int, photo: Any) -> bytes:
    """One of `JPEGS`."""
    name, size, subsampling, kind = JPEGS[at]
    whole = PIL.Image.open(photo(name)).convert("RGB")
    file = io.BytesIO()
    if "keep_rgb" not in kind:
        kind = {**kind, "subsampling": subsampling}
    whole.resize(size or whole.size).save(file, "JPEG", quality=(10, 75, 100)[subsampling], **kind)
    return file.getvalue()


@pytest.mark.parametrize("at_least", [None, 1, 16, 60, 448])
def test_every_jpeg_decodes_to_the_pixels_of_pillow(at_least: int | None, libraries: str, photo: Any) -> None:
    for at in range(0, len(JPEGS), 7 if libraries == "all" else 17):
        image = duomo.Image.accept(jpeg(at, photo))
        expected = torch.from_numpy(np.array(image.pil(at_least))).permute(2, 0, 1)
        assert torch.equal(decode(image, at_least), expected)


def test_a_damaged_jpeg_is_read_as_by_pillow_or_refused_as_by_pillow(libraries: str, photo: Any) -> None:
    rng = np.random.default_rng(0)
    file = io.BytesIO()
    PIL.Image.open(photo("skimage/data/chelsea.png")).resize((60, 40)).save(file, "JPEG")
    for _ in range(300):
        data = bytearray(file.getvalue())
        for at in rng.integers(2, len(data), 3):
            data[at] ^= 1 << int(rng.integers(0, 8))
        image = duomo.Image.accept(bytes(data))
        try:
            expected = by_pillow(image)
        except BadInput as error:
            with pytest.raises(type(error)):
                decode(image)
        else:
            assert torch.equal(decode(image), expected)


def test_damaged_jpegs_are_refused_in_our_words(damaged: list[Path]) -> None:
    for path in damaged[:2]:
        with pytest.raises(InputUnreadable):
            decode(duomo.Image.accept(path))


PROCESSORS = {
    "to a square": ViTImageProcessor(size={"height": 96, "width": 96}),
    "to a rectangle, bicubic": ViTImageProcessor(size={"height": 96, "width": 64}, resample=3),
    "to a shorter side, cropped": MobileNetV2ImageProcessor(),
    "normalised twice": EfficientNetImageProcessor(size={"height": 96, "width": 96}),
    "shifted": EfficientNetImageProcessor(size={"height": 96, "width": 96}, rescale_offset=True),
}
OTHERS = {
    "cropped by a share": ConvNextImageProcessor(),
    "cropped first": PerceiverImageProcessor(),
    "nearest": ViTImageProcessor(resample=0),
    "not resized": ViTImageProcessor(do_resize=False),
    "to a longer side": ViTImageProcessor(size={"shortest_edge": 64, "longest_edge": 90}),
}


@pytest.mark.parametrize("processor", PROCESSORS.values(), ids=PROCESSORS)
def test_resizing_ourselves_gives_what_the_processor_gives(processor: Any, awkward: list[Any]) -> None:
    resize = Resize.of(processor)
    assert resize is not None
    for value in awkward:
        image = duomo.Image.accept(value)
        whole = processor([image.pil()], return_tensors="pt")["pixel_values"]
        split = processor([resize(decode(image))], do_resize=False, return_tensors="pt")["pixel_values"]
        assert torch.equal(whole, split)


@pytest.mark.parametrize("processor", OTHERS.values(), ids=OTHERS)
def test_a_processor_that_does_more_than_resize_first_is_left_alone(processor: Any) -> None:
    assert Resize.of(processor) is None


@pytest.mark.parametrize(
    "processor",
    [
        YolosImageProcessor(size={"shortest_edge": 64, "longest_edge": 96}),
        DPTImageProcessor(size={"height": 56, "width": 56}, keep_aspect_ratio=True, ensure_multiple_of=14),
    ],
    ids=["yolos", "dpt"],
)
def test_a_processor_with_a_resizing_of_its_own_gives_the_same_in_parts(processor: Any, awkward: list[Any]) -> None:
    resize, normalize = find_resize(processor), Normalizing.of(processor)
    assert isinstance(resize, OwnResize)
    assert normalize is not None
    for value in (awkward[0], awkward[1], awkward[4]):
        image = duomo.Image.accept(value)
        whole = processor(images=[image.pil()], return_tensors="pt")
        rest = normalize(resize(decode(image))[None])
        assert set(rest) == set(whole)
        assert all(torch.equal(rest[name], whole[name]) for name in whole)


@pytest.mark.parametrize("beside", [True, False], ids=["channels last", "channels first"])
def test_pixels_are_normalised_alike_in_either_layout(beside: bool) -> None:
    size: Any = {"shortest_edge": 64, "longest_edge": 96}
    processor = YolosImageProcessor(size=size)
    normalize = Normalizing.of(processor)
    assert normalize is not None
    pixels = torch.randint(0, 256, (48, 64, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    picture = pixels.permute(2, 0, 1) if beside else pixels.permute(2, 0, 1).contiguous()
    whole = processor([picture], do_resize=False, return_tensors="pt")["pixel_values"]
    found = normalize(picture[None])["pixel_values"]
    assert torch.equal(found, whole)
    assert found.is_contiguous() == whole.is_contiguous(), "a convolution rounds by the layout"


@pytest.mark.parametrize("count", [3, 200])
def test_the_best_labels_are_those_of_the_highest_scores(count: int) -> None:
    names = [f"label {at}" for at in range(count)]
    scores = torch.rand(2, count, generator=torch.Generator().manual_seed(0))
    for found, row in zip(best_labels(scores, names, 2), scores.tolist(), strict=True):
        best = sorted(zip(row, names, strict=True), reverse=True)[:2]
        assert [(each.score, each.name) for each in found.labels] == best
        assert found.model_fields_set == {"labels"}
        assert found[0].model_fields_set == {"name", "score"}


def test_an_image_that_is_padded_alone_is_left_to_its_processor() -> None:
    size: Any = {"shortest_edge": 64, "longest_edge": 96}
    assert Normalizing.of(YolosImageProcessor(size=size, pad_size={"height": 700, "width": 700})) is None


def trained(network: nn.Module) -> nn.Module:
    """With statistics of its own signals in its batch norms, as training leaves them: nothing vanishes or explodes."""
    torch.manual_seed(0)
    for module in network.train().modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            module.momentum = 1.0
    with torch.no_grad():
        network(torch.rand(8, 3, 96, 96) * 2 - 1)
    return network.eval()


def logits(network: nn.Module, picture: Tensor) -> Tensor:
    with torch.inference_mode():
        output: Any = network(picture)
    return output if isinstance(output, Tensor) else output.logits


def batch_norms(network: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())


NETWORKS: dict[str, Any] = {
    "resnet": lambda: ResNetForImageClassification(
        ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[2, 1], layer_type="bottleneck")
    ),
    "efficientnet": lambda: EfficientNetForImageClassification(
        EfficientNetConfig(width_coefficient=0.25, depth_coefficient=0.25, hidden_dim=320)
    ),
    "mobilenet v2": lambda: MobileNetV2ForImageClassification(MobileNetV2Config(depth_multiplier=0.35)),
    "torchvision's resnet": models.resnet18,
    "torchvision's mobilenet v3": models.mobilenet_v3_small,
}


@pytest.mark.parametrize("build", NETWORKS.values(), ids=NETWORKS)
def test_a_quicker_network_gives_the_same_at_any_size_and_batch(build: Any) -> None:
    network = trained(build())
    fast = copy.deepcopy(network)
    fuse_for_inference(fast, 96)
    assert batch_norms(network) > 0 == batch_norms(fast)
    for shape in ((1, 3, 96, 96), (3, 3, 96, 96), (2, 3, 130, 75)):
        picture = torch.rand(shape) * 2 - 1
        expected = logits(network, picture)
        assert expected.std() > 1e-3
        assert (logits(fast, picture).softmax(-1) - expected.softmax(-1)).abs().max() < 1e-5
    other = plain(fast)
    assert not any(isinstance(module, PackedConv2d) for module in other.modules())
    assert (logits(other, picture).softmax(-1) - expected.softmax(-1)).abs().max() < 1e-5


def test_batch_norms_that_do_not_follow_a_convolution_stay() -> None:
    network = trained(models.densenet121(num_classes=5))
    fast = copy.deepcopy(network)
    fuse_for_inference(fast, 64)
    assert 0 < batch_norms(fast) < batch_norms(network)
    picture = torch.rand(1, 3, 64, 64)
    assert torch.allclose(logits(fast, picture), logits(network, picture), atol=1e-5)


class Branching(nn.Module):
    """Uses a convolution's output before its batch norm too: folding would change it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv(x)
        total: Tensor = (self.norm(out) + out).mean((2, 3))
        return total


def test_a_network_that_would_change_is_left_as_it_was() -> None:
    network = trained(Branching())
    picture = torch.rand(1, 3, 40, 40)
    before = logits(network, picture)
    fuse_for_inference(network, 40)
    assert batch_norms(network) == 1
    assert not any(isinstance(module, PackedConv2d) for module in network.modules())
    assert torch.allclose(logits(network, picture), before, atol=1e-6)


@pytest.mark.parametrize("build", [tiny.yolos, tiny.depth_anything])
def test_positions_that_are_kept_are_those_that_would_be_made(build: Any) -> None:
    network = build()[0].eval()
    kept = copy.deepcopy(network)
    keep_positions(kept)
    for dtype in (torch.float32, torch.bfloat16):
        network, kept = network.to(dtype), kept.to(dtype)
        for shape in ((1, 3, 56, 84), (2, 3, 84, 56), (1, 3, 84, 56), (2, 3, 56, 84)):
            picture = torch.rand(shape, dtype=dtype)
            with torch.inference_mode():
                expected, found = (each(picture)[0] for each in (network, kept))
            assert torch.equal(found, expected)


@pytest.fixture(scope="module")
def translated() -> list[Any]:
    """The network in ONNX, which both runtimes read: to translate it takes longer than all the rest."""
    return []


@pytest.mark.embedded
@pytest.mark.parametrize("runtime", NEEDS)
def test_a_real_network_in_another_runtime_says_the_same(
    runtime: str, classifier: Any, photo: Any, translated: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in NEEDS[runtime]:
        pytest.importorskip(name)
    export = torch.onnx.export

    def once(*args: Any, **kwargs: Any) -> Any:
        if not translated:
            translated.append(export(*args, **kwargs))
        return translated[0]

    monkeypatch.setattr(torch.onnx, "export", once)
    fast = duomo.load("image-classification", "vision/efficientnet-lite0", device="cpu", optimize=runtime)
    pictures = [photo(f"sklearn/datasets/images/{name}.jpg") for name in ("china", "flower")]
    outcomes = list(fast.map(pictures, top_k=3))
    for outcome, expected in zip(outcomes, classifier.map(pictures, top_k=3), strict=True):
        assert 0 < outcome.meta.difference < 1e-4
        for one, other in zip(outcome.unwrap().labels, expected.unwrap().labels, strict=True):
            assert (one.name, one.score) == (other.name, pytest.approx(other.score, abs=1e-5))  # type: ignore[comparison-overlap]
