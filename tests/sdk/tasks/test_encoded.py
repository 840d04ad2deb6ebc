"""Files in results that are written late: nobody can tell, but by the time that it takes."""

import copy
import pickle
from typing import Any

import numpy as np
import pytest

from duomo.tasks.encoded import Encoded
from duomo.tasks.vision import DepthMap, ImageAnomaly, Mask, Picture, Segmentation

WHERE = np.arange(60).reshape(6, 10) % 3
RAMP = np.linspace(-2, 5, 60, dtype=np.float32).reshape(6, 10)
PIXELS = np.arange(180, dtype=np.uint8).reshape(6, 10, 3)


def results() -> list[tuple[Any, str]]:
    return [
        (Mask.of("a", WHERE, value=2), "mask"),
        (Mask.of("a", WHERE == 1), "mask"),
        (DepthMap.of(RAMP), "depth"),
        (Picture.of(PIXELS), "png"),
        (ImageAnomaly.of(PIXELS[..., 0], score=1.5, is_anomalous=True), "png"),
    ]


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What was encoded since the test began."""
    done: list[object] = []
    for kind in Encoded.__subclasses__():

        def encode(self: Any, real: Any = kind.encode) -> bytes:
            done.append(self)
            return bytes(real(self))

        monkeypatch.setattr(kind, "encode", encode)
    return done


@pytest.mark.parametrize("at", range(5))
def test_numbers_are_there_without_a_file_and_a_file_is_written_once(encoded, at) -> None:
    result, field = results()[at]
    assert result.array.shape[:2] == (6, 10)
    assert encoded == []
    content = getattr(result, field)
    assert type(content) is bytes
    assert content[:4] == b"\x89PNG"
    assert getattr(result, field) is content
    assert result.model_dump()[field] == content
    assert len(encoded) == 1


@pytest.mark.parametrize("at", range(5))
def test_json_is_what_it_is_of_the_file_itself(at) -> None:
    result, field = results()[at]
    plain = type(result)(**{name: getattr(result, name) for name in type(result).model_fields})
    assert type(vars(plain)[field]) is bytes
    assert result.model_dump_json() == plain.model_dump_json()
    assert result == plain
    assert repr(result) == repr(plain)
    assert type(result).model_json_schema() == type(plain).model_json_schema()
    again = type(result).model_validate_json(result.model_dump_json())
    assert again == result
    steps = 7 / 65535 if field == "depth" else 0
    np.testing.assert_allclose(np.asarray(again.array, float), np.asarray(result.array, float), atol=steps)


@pytest.mark.parametrize("at", range(5))
@pytest.mark.parametrize(
    "copied", [lambda each: pickle.loads(pickle.dumps(each)), copy.deepcopy, lambda each: each.model_copy()]
)
def test_a_copy_holds_the_same_numbers_to_the_last_bit(at, copied) -> None:
    result, _ = results()[at]
    np.testing.assert_array_equal(copied(result).array, result.array)
    assert copied(result) == result


def test_masks_of_one_map_share_it_also_when_pickled() -> None:
    large = np.zeros((500, 500), np.int64)
    masks = [Mask.of(str(value), large, value=value) for value in range(20)]
    result = Segmentation(segments=masks, width=500, height=500)
    assert len(pickle.dumps(result)) < 2 * large.nbytes


def test_a_mask_of_its_own_is_kept_as_a_bit_a_pixel() -> None:
    where = np.random.default_rng(0).random((500, 501)) < 0.5
    mask = Mask.of("a", where)
    assert len(pickle.dumps(mask)) < where.size / 7
    assert mask.array.dtype == bool
    np.testing.assert_array_equal(mask.array, where)


def test_a_field_of_bytes_still_wants_bytes() -> None:
    with pytest.raises(ValueError, match="valid bytes"):
        Mask(label="a", mask=5)  # type: ignore[arg-type]


def test_what_is_changed_afterwards_does_not_change_the_result() -> None:
    result = DepthMap.of(RAMP.copy())
    result.array[:] = 0
    np.testing.assert_array_equal(result.array, RAMP)
