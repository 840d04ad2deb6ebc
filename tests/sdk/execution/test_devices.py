"""The few things that are known of torch before a model has woken it."""

import subprocess
import sys
from typing import NamedTuple

import pytest
import torch

from duomo.errors import DeviceUnavailable
from duomo.execution.devices import describe_and_release, is_out_of_memory, move, no_grad, pick_device, torch_dtype


class Pair(NamedTuple):
    first: torch.Tensor
    rest: tuple[torch.Tensor, ...]


MEETING = """
import sys, threading, time
sys.path.insert(0, sys.argv[1])
from duomo.execution.devices import torch_in_use
assert torch_in_use() is None
threading.Thread(target=__import__, args=("torch",)).start()
while "torch" not in sys.modules:
    time.sleep(0.001)
print(torch_in_use().ready)
"""


def test_a_torch_that_another_thread_is_importing_is_waited_for(tmp_path):
    (tmp_path / "torch.py").write_text("import time\ntime.sleep(0.3)\nready = 'whole'\n")
    done = subprocess.run([sys.executable, "-c", MEETING, tmp_path], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "whole"


def test_the_model_runs_in_inference_mode_where_torch_is_in_use():
    assert type(no_grad()) is torch._C._InferenceMode  # private, decision 13: where it is gone, the slower way is taken
    with no_grad(), no_grad():
        assert torch.is_inference_mode_enabled()
        assert torch.ones(1).is_inference()
    assert not torch.is_inference_mode_enabled()
    with pytest.raises(KeyError), no_grad():
        raise KeyError
    assert not torch.is_inference_mode_enabled()


def test_a_device_is_one_of_this_machine():
    assert pick_device("cpu") == "cpu"
    assert pick_device("auto") in ("cpu", "cuda:0")
    for name in ("cuda:99", "tpu", ""):
        with pytest.raises(DeviceUnavailable, match="no device"):
            pick_device(name)


def test_a_dtype_left_to_us_is_float32():
    assert torch_dtype("auto") is torch.float32
    assert torch_dtype("bfloat16") is torch.bfloat16


def test_every_tensor_of_a_batch_is_moved_and_the_rest_is_left():
    batch = {"a": torch.ones(2), "b": [torch.ones(1), "word"], "c": (torch.ones(1), 3)}
    moved = move(batch, torch.device("meta"))
    assert moved["a"].device.type == moved["b"][0].device.type == moved["c"][0].device.type == "meta"
    assert (moved["b"][1], moved["c"][1]) == ("word", 3)
    assert batch["a"].device.type == "cpu"  # type: ignore[attr-defined]


def test_a_named_tuple_of_tensors_is_moved_and_keeps_its_names():
    moved = move(Pair(torch.ones(2), (torch.ones(1),)), torch.device("meta"))
    assert isinstance(moved, Pair)
    assert moved.first.device.type == moved.rest[0].device.type == "meta"


def test_running_out_of_memory_is_told_from_other_errors():
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    assert is_out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory"))
    assert not is_out_of_memory(RuntimeError("shapes do not match"))
    assert not is_out_of_memory(ValueError("can't allocate memory"))


def raised(error):
    """With a frame."""
    try:
        raise error
    except type(error) as caught:
        return caught


def test_all_that_is_chained_to_an_error_lets_its_frames_go():
    cause, context, deeper, member = (raised(KeyError(name)) for name in ("cause", "context", "deeper", "member"))
    group = raised(ExceptionGroup("several", [member]))
    error = raised(ValueError("last"))
    error.__cause__, error.__context__ = cause, context
    context.__context__, deeper.__context__ = deeper, error  # a circle
    cause.__cause__, cause.__traceback__ = group, None  # the chain goes on behind one that has no frames
    words, _ = describe_and_release(error)
    assert "last" in words.what
    assert "deeper" in words.traceback or "context" in words.traceback or "cause" in words.traceback
    assert [each.__traceback__ for each in (error, cause, context, deeper, group, member)] == [None] * 6
