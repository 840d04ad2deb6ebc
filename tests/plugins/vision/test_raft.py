"""Optical flow against bare torchvision, its pictures, and pairs that have none."""

from pathlib import Path
from typing import Any, Literal

import numpy as np
import PIL.Image
import pytest
import torch
from torch.nn import functional as F
from torchvision.models import optical_flow
from torchvision.utils import flow_to_image

import duomo
from duomo.errors import BadInput, BadOption, WeightsMismatch
from duomo.tasks.vision import Flow
from duomo_vision.raft import save

Name = Literal["raft_small", "raft_large"]


def network(architecture: Name) -> torch.nn.Module:
    torch.manual_seed(0)
    made: torch.nn.Module = getattr(optical_flow, architecture)().eval()
    return made


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(network("raft_small"), tmp_path_factory.mktemp("raft"), architecture="raft_small")


@pytest.fixture(scope="module")
def runner(folder: Path) -> Any:
    return duomo.load("optical-flow", f"dir:{folder}", device="cpu")


@pytest.fixture(scope="module")
def pairs() -> list[Any]:
    """Noise that moves: two pairs of one size that needs no padding, one that is too small, one of odd sides."""
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)
    return [(noise[:h, :w], noise[2 : h + 2, 3 : w + 3]) for h, w in ((128, 136), (128, 136), (40, 30), (131, 145))]


@pytest.mark.equals("torchvision's bare network, to 1e-4 pixel", "optical-flow")
@pytest.mark.parametrize("architecture", ["raft_small", "raft_large"])
def test_flow_is_that_of_bare_torchvision(tmp_path: Path, pairs: list[Any], architecture: Name) -> None:
    bare = network(architecture)
    runner: Any = duomo.load("optical-flow", f"dir:{save(bare, tmp_path, architecture=architecture)}", device="cpu")
    first, second = (torch.from_numpy(each.copy()).permute(2, 0, 1)[None] / 127.5 - 1 for each in pairs[0])
    with torch.inference_mode():
        expected = bare(first, second, num_flow_updates=3)[-1][0].permute(1, 2, 0).numpy()
    result = runner(pairs[0], iterations=3)
    assert (result.width, result.height) == (136, 128)
    np.testing.assert_allclose(result.array, expected, atol=1e-4)
    assert np.abs(runner(pairs[0], iterations=1).array - expected).max() > 1e-3


def test_a_batch_gives_what_one_by_one_gives_also_of_odd_sizes(runner: Any, pairs: list[Any]) -> None:
    results = [each.unwrap() for each in runner.map(pairs, batch_size=4, iterations=2)]
    for pair, result in zip(pairs, results, strict=True):
        assert result.array.shape == (*pair[0].shape[:2], 2)
        np.testing.assert_allclose(result.array, runner(pair, iterations=2).array, atol=1e-4)


def test_a_small_image_is_padded_with_its_edge(folder: Path, runner: Any, pairs: list[Any]) -> None:
    first, second = (torch.from_numpy(each.copy()).permute(2, 0, 1)[None] / 127.5 - 1 for each in pairs[2])
    edge = (49, 49, 44, 44)
    with torch.inference_mode():
        whole = network("raft_small")(
            F.pad(first, edge, mode="replicate"), F.pad(second, edge, mode="replicate"), num_flow_updates=2
        )[-1][0]
    expected = whole[:, 44:84, 49:79].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(runner(pairs[2], iterations=2).array, expected, atol=1e-4)


def test_it_is_a_flo_file_in_json_and_a_colour_wheel_to_look_at(pairs: list[Any]) -> None:
    moved = np.random.default_rng(1).normal(0, 5, (40, 30, 2)).astype(np.float32)
    result = Flow.of(moved)
    assert result.flo[:12] == b"PIEH" + bytes((30, 0, 0, 0, 40, 0, 0, 0))
    again = Flow.model_validate_json(result.model_dump_json())
    np.testing.assert_array_equal(again.array, moved)
    colors = flow_to_image(torch.from_numpy(moved).permute(2, 0, 1)).permute(1, 2, 0).numpy()
    np.testing.assert_array_equal(np.asarray(again.image), colors)
    assert "<img" in result._repr_html_()  # what a notebook calls
    drawn = np.asarray(result.draw(pairs[2][0]))
    assert drawn.shape == (40, 30, 3)
    assert (drawn != pairs[2][0]).any()
    with pytest.raises(BadInput, match="the result is of one of 30x40"):
        result.draw(pairs[0][0])


def test_images_of_two_sizes_and_bad_options_are_refused(runner: Any, pairs: list[Any]) -> None:
    with pytest.raises(BadInput, match="images are 136x128 and 30x40 pixels"):
        runner((pairs[0][0], pairs[2][0]))
    with pytest.raises(BadOption, match="iterations"):
        runner(pairs[2], iterations=0)
    bad, good = runner.map([(b"no", b"image"), pairs[2]], iterations=1)
    assert (bad.ok, good.ok) == (False, True)


def test_a_network_that_is_not_what_it_is_called_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(WeightsMismatch):
        save(network("raft_small"), tmp_path, architecture="raft_large")


def test_matches_are_drawn_side_by_side() -> None:
    from duomo.tasks.vision import Match, Matches, Point

    def match(x: float, y: float, to_x: float, to_y: float) -> Match:
        return Match(keypoint_image_0=Point(x=x, y=y), keypoint_image_1=Point(x=to_x, y=to_y), score=0.5)

    result = Matches(
        matches=[match(10, 10, 20, 40), match(30, 5, 3, 3)], width_0=40, height_0=20, width_1=30, height_1=50
    )
    first, second = PIL.Image.new("RGB", (40, 20)), PIL.Image.new("RGB", (30, 50))
    drawn = np.asarray(result.draw(first, second))
    assert drawn.shape == (50, 70, 3)
    for x, y in ((10, 10), (40 + 20, 40), (30, 5), (40 + 3, 3)):
        assert drawn[y, x].any()
    assert (drawn[10, 10] == drawn[40, 60]).all()
    assert (drawn[10, 10] != drawn[5, 30]).any()
    with pytest.raises(BadInput, match="the result is of one of 30x50"):
        result.draw(first, first)
