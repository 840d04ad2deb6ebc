"""Graphs of TensorFlow, run in torch: what each operation gives, how weights are kept, and what is refused."""

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from duomo.errors import WeightsMismatch
from duomo_vision import tfjs

Weights = dict[str, Any]


def text(value: str) -> dict[str, str]:
    return {"s": base64.b64encode(value.encode()).decode()}


def numbers(*values: int) -> dict[str, Any]:
    return {"list": {"i": [str(each) for each in values]}}


def write(folder: Path, nodes: list[dict[str, Any]], weights: Weights, kept: str = "") -> Path:
    """A graph with one input `x`; with `kept`, weights of floats are quantized so."""
    content, said = b"", []
    for name, value in weights.items():
        array = np.asarray(value)
        entry: dict[str, Any] = {"name": name, "shape": list(array.shape), "dtype": str(array.dtype)}
        if kept and array.dtype == np.float32:
            entry["quantization"] = {"dtype": kept}
            if kept == "uint8":
                low, scale = float(array.min()), float(np.ptp(array)) / 255 or 1.0
                entry["quantization"] |= {"min": low, "scale": scale}
                array = np.round((array - low) / scale)
            array = array.astype(kept)
        content += array.tobytes()
        said.append(entry)
    given = {"name": "x", "op": "Placeholder", "attr": {"dtype": {"type": "DT_FLOAT"}}}
    constants = [{"name": name, "op": "Const", "attr": {}} for name in weights]
    # Out of order on purpose: files are.
    topology = {"node": [*reversed(nodes), *constants, given]}
    (folder / "weights.bin").write_bytes(content)
    manifest = [{"paths": ["weights.bin"], "weights": said}]
    file = folder / "model.json"
    file.write_text(json.dumps({"modelTopology": topology, "weightsManifest": manifest}), "utf-8")
    return file


def run(folder: Path, op: str, x: Any, *constants: Any, output: str = "y", **attr: Any) -> Any:
    """What one operation gives for `x` and constants after it."""
    weights = {f"c{at}": np.asarray(value) for at, value in enumerate(constants)}
    node = {"name": "y", "op": op, "input": ["x", *weights], "attr": attr}
    file = write(folder, [node], weights)
    return tfjs.read(file, (output,))(torch.as_tensor(x))[output]


INTEGERS = np.int32


@pytest.mark.parametrize(
    ("height", "width", "side", "stride", "step"), [(9, 8, 3, 2, 1), (7, 7, 2, 2, 1), (8, 9, 3, 1, 2)]
)
def test_a_convolution_pads_as_tensorflow_does(tmp_path, height, width, side, stride, step):
    torch.manual_seed(0)
    conv = nn.Conv2d(3, 5, side, stride, dilation=step)
    x = torch.rand(2, height, width, 3)
    ends = []
    for length in (width, height):  # the odd pixel comes after
        total = max((-(-length // stride) - 1) * stride + step * (side - 1) + 1 - length, 0)
        ends += [total // 2, total - total // 2]
    with torch.no_grad():
        expected = conv(nn.functional.pad(x.permute(0, 3, 1, 2), ends)).clamp(0, 6).permute(0, 2, 3, 1)
    kernel = conv.weight.detach().permute(2, 3, 1, 0).numpy()
    assert conv.bias is not None
    found = run(
        tmp_path, "_FusedConv2D", x, kernel, conv.bias.detach().numpy(),
        padding=text("SAME"), strides=numbers(1, stride, stride, 1), dilations=numbers(1, step, step, 1),
        fused_ops={"list": {"s": [text(each)["s"] for each in ("BiasAdd", "Relu6")]}},
    )  # fmt: skip
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


def test_a_convolution_of_each_channel_alone(tmp_path):
    torch.manual_seed(0)
    conv = nn.Conv2d(4, 8, 3, groups=4, bias=False)
    x = torch.rand(1, 6, 7, 4)
    kernel = conv.weight.detach().reshape(4, 2, 3, 3).permute(2, 3, 0, 1).numpy()
    attr: Any = {"padding": text("VALID"), "strides": numbers(1, 1, 1, 1)}
    found = run(tmp_path, "DepthwiseConv2dNative", x, kernel, **attr)
    with torch.no_grad():
        expected = conv(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({}, [0, 1, 2, 3, 4, 4]),
        ({"half_pixel_centers": {"b": True}}, [0, 0.5, 1.5, 2.5, 3.5, 4]),
        ({"align_corners": {"b": True}}, [0, 0.8, 1.6, 2.4, 3.2, 4]),
    ],
)
def test_three_rules_for_where_pixels_are(tmp_path, rule, expected):
    x = torch.tensor([0.0, 2, 4]).reshape(1, 1, 3, 1)
    found = run(tmp_path, "ResizeBilinear", x, np.array([1, 6], INTEGERS), **rule)
    torch.testing.assert_close(found.flatten(), torch.tensor(expected, dtype=torch.float32), atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("op", "x", "constants", "attr", "expected"),
    [
        ("FloorDiv", [-7, 7], [np.array(2, INTEGERS)], {}, [-4, 3]),
        ("FloorMod", [-7, 7], [np.array(3, INTEGERS)], {}, [2, 1]),
        ("GatherNd", [[1, 2], [3, 4]], [np.array([[1, 0], [0, 1]], INTEGERS)], {}, [3, 2]),
        ("GatherV2", [[1, 2], [3, 4]], [np.array([1, 1, 0], INTEGERS), np.array(1, INTEGERS)], {},
         [[2, 2, 1], [4, 4, 3]]),
        ("StridedSlice", [[1, 2, 3], [4, 5, 6]], [np.array(each, INTEGERS) for each in ([0, 1], [1, 9], [1, 1])],
         {"begin_mask": {"i": "1"}, "end_mask": {"i": "3"}}, [[2, 3], [5, 6]]),
        ("StridedSlice", [[1, 2, 3], [4, 5, 6]], [np.array(each, INTEGERS) for each in ([1, 0], [2, 3], [1, 2])],
         {"shrink_axis_mask": {"i": "1"}}, [4, 6]),
        ("ArgMax", [[1, 9, 3], [7, 1, 2]], [np.array(1, INTEGERS)], {}, [1, 0]),
        ("Mean", [[1.0, 3], [5, 7]], [np.array([0], INTEGERS)], {"keep_dims": {"b": True}}, [[3.0, 5]]),
        ("Pad", [[1, 2]], [np.array([[0, 1], [1, 0]], INTEGERS)], {}, [[0, 1, 2], [0, 0, 0]]),
        ("Prelu", [-2.0, 2], [np.array([0.5, 0.5], np.float32)], {}, [-1.0, 2]),
        ("Cast", [1.9, -1.9], [], {"DstT": {"type": "DT_INT32"}}, [1, -1]),
        ("Squeeze", [[[1], [2]]], [], {"squeeze_dims": numbers(0)}, [[1], [2]]),
        ("MaxPool", np.arange(9.0).reshape(1, 3, 3, 1), [],
         {"ksize": numbers(1, 2, 2, 1), "strides": numbers(1, 2, 2, 1), "padding": text("SAME")},
         [[[[4.0], [5]], [[7], [8]]]]),
    ],
)  # fmt: skip
def test_operations_give_what_tensorflow_says(tmp_path, op, x, constants, attr, expected):
    found = run(tmp_path, op, torch.as_tensor(np.asarray(x)), *constants, **attr)
    np.testing.assert_allclose(found.numpy(), np.asarray(expected))


def test_an_operation_with_several_outputs_is_read_by_their_numbers(tmp_path):
    values = np.array([3.0, 9, 5], np.float32)
    assert run(tmp_path, "TopKV2", values, np.array(2, INTEGERS), output="y", sorted={"b": True}).tolist() == [9, 5]
    nodes: list[dict[str, Any]] = [
        {"name": "top", "op": "TopKV2", "input": ["x", "k"], "attr": {"sorted": {"b": True}}},
        {"name": "places", "op": "Identity", "input": ["top:1"]},
    ]
    graph = tfjs.read(write(tmp_path, nodes, {"k": np.array(2, INTEGERS)}), ("places",))
    assert graph(torch.as_tensor(values))["places"].tolist() == [1, 2]


@pytest.mark.parametrize(("kept", "tolerance"), [("", 0.0), ("float16", 1e-3), ("uint8", 1 / 255)])
def test_weights_may_be_kept_in_fewer_bits(tmp_path, kept, tolerance):
    weights = np.linspace(-1, 1, 7, dtype=np.float32)
    node = {"name": "y", "op": "Mul", "input": ["x", "c"]}
    found = tfjs.read(write(tmp_path, [node], {"c": weights}, kept), ("y",))(torch.ones(7))["y"]
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found, weights, atol=tolerance)


def test_what_the_outputs_do_not_need_may_be_unknown(tmp_path):
    nodes = [{"name": "y", "op": "Relu", "input": ["x"]}, {"name": "z", "op": "While", "input": ["x"]}]
    file = write(tmp_path, nodes, {})
    assert tfjs.read(file, ("y",))(torch.tensor([-1.0, 1]))["y"].tolist() == [0, 1]
    with pytest.raises(WeightsMismatch) as caught:
        tfjs.read(file, ("z",))
    assert "While" in str(caught.value.why)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: (folder / "model.json").write_text("{", "utf-8"), "not a graph of TensorFlow.js"),
        (lambda folder: (folder / "model.json").write_text("{}", "utf-8"), "not a graph of TensorFlow.js"),
        (lambda folder: (folder / "weights.bin").write_bytes(bytes(3)), "cut short"),
        (lambda folder: (folder / "weights.bin").write_bytes(bytes(9)), "5 bytes of its weights are left over"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path, spoil, said):
    file = write(tmp_path, [{"name": "y", "op": "Mul", "input": ["x", "c"]}], {"c": np.ones(1, np.float32)})
    spoil(tmp_path)
    with pytest.raises(WeightsMismatch) as caught:
        tfjs.read(file, ("y",))
    assert said in str(caught.value.why)


def test_an_output_that_is_not_there_is_named(tmp_path):
    file = write(tmp_path, [{"name": "y", "op": "Relu", "input": ["x"]}], {})
    with pytest.raises(WeightsMismatch) as caught:
        tfjs.read(file, ("mask",))
    assert "no output 'mask'" in str(caught.value.why)


def test_a_file_that_is_not_of_tensorflow_lite_is_refused(tmp_path):
    tflite = pytest.importorskip("duomo_vision.tflite")
    file = tmp_path / "net.tflite"
    file.write_bytes(b"dear diary, today I was no network")
    with pytest.raises(WeightsMismatch, match="not a graph that can be run") as caught:
        tflite.read(file)
    assert "not a graph of TensorFlow Lite" in str(caught.value.why)
    file.write_bytes(bytes((16, 0, 0, 0)) + b"TFL3" + bytes(16))
    with pytest.raises(WeightsMismatch):
        tflite.read(file)
