"""How features of single items become one batch."""

import subprocess
import sys

import torch
from hypothesis import given, strategies as st

from duomo.model import stack_or_pad


@given(st.lists(st.integers(1, 12), min_size=1, max_size=8), st.sampled_from([(), (3,)]))
def test_ragged_tensors_are_padded_with_zeros_and_a_mask_says_where(lengths, tail):
    values = [torch.rand(length, *tail) + 1 for length in lengths]
    batch = stack_or_pad([{"x": value} for value in values])
    assert batch["x"].shape == (len(lengths), max(lengths), *tail)
    for row, value in zip(batch["x"], values, strict=True):
        assert torch.equal(row[: len(value)], value)
        assert not row[len(value) :].any()
    if len(set(lengths)) == 1:
        assert "x_mask" not in batch
    else:
        assert batch["x_mask"].dtype == torch.int64
        assert batch["x_mask"].sum(1).tolist() == lengths


def test_tensors_of_one_shape_are_stacked():
    pixels_CHW = torch.rand(3, 8, 8)
    batch = stack_or_pad([{"pixels": pixels_CHW}, {"pixels": pixels_CHW + 1}])
    assert batch["pixels"].shape == (2, 3, 8, 8)
    assert set(batch) == {"pixels"}


def test_numbers_and_words_are_listed():
    batch = stack_or_pad(
        [
            {"x": torch.tensor(1), "name": "a", "truncated": True},
            {"x": torch.tensor(2), "name": "b", "truncated": False},
        ]
    )
    assert batch["x"].tolist() == [1, 2]
    assert batch["name"] == ["a", "b"]
    assert batch["truncated"] == [True, False]


def test_each_key_is_padded_on_its_own():
    batch = stack_or_pad([{"a": torch.ones(2), "b": torch.ones(5)}, {"a": torch.ones(3), "b": torch.ones(5)}])
    assert batch["a"].shape == (2, 3)
    assert batch["b"].shape == (2, 5)
    assert "a_mask" in batch
    assert "b_mask" not in batch


def test_types_are_kept():
    batch = stack_or_pad([{"ids": torch.tensor([1, 2])}, {"ids": torch.tensor([3])}])
    assert batch["ids"].dtype == torch.int64


def test_features_without_tensors_do_not_wake_torch():
    code = "import sys; from duomo.model import stack_or_pad; print(stack_or_pad([{'a': 1}]), 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["{'a':", "[1]}", "False"]
