"""Artefacts made by hand: small ONNX graphs, each beside the duomo.json that a person would write."""

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, pre_tokenizers, processors

WORDS = "[PAD] [UNK] [CLS] [SEP] i love this camera a the parcel came late ada was born in london red ball face".split()
WIDTH = 8
SIDE = 16
FLOAT, INT = TensorProto.FLOAT, TensorProto.INT64
IMAGE = {"height": SIDE, "width": SIDE, "mean": [0.5] * 3, "std": [0.5] * 3}


def weights(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def save(folder: Path, nodes: list, inputs: dict, outputs: dict, constants: dict, name: str = "model") -> Path:
    graph = helper.make_graph(
        nodes,
        "hand-made",
        [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in inputs.items()],
        [helper.make_tensor_value_info(name, FLOAT, shape) for name, shape in outputs.items()],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    onnx.save(model, folder / f"{name}.onnx")
    return folder


def describe(folder: Path, model: str, **record: object) -> Path:
    (folder / "duomo.json").write_text(json.dumps({"model": model, **record}))
    return folder


def image_classifier(folder: Path) -> Path:
    _on_pixels(folder, {"output": ["b", 3]}, weights(3 * SIDE * SIDE, 3) * 0.1)
    return describe(folder, "edge/image-classifier", image=IMAGE, activation="softmax", labels=["ball", "face", "sky"])


def image_embedder(folder: Path) -> Path:
    _on_pixels(folder, {"output": ["b", WIDTH]}, weights(3 * SIDE * SIDE, WIDTH))
    return describe(folder, "edge/image-embedder", image=IMAGE)


def _on_pixels(folder: Path, outputs: dict, matrix: np.ndarray) -> Path:
    nodes = [
        helper.make_node("Flatten", ["pixels"], ["flat"], axis=1),
        helper.make_node("MatMul", ["flat", "matrix"], ["output"]),
    ]
    return save(folder, nodes, {"pixels": (FLOAT, ["b", 3, SIDE, SIDE])}, outputs, {"matrix": matrix})


def detector(folder: Path) -> Path:
    """Four boxes for every image, with scores of three labels that depend on it."""
    nodes = [
        helper.make_node("Flatten", ["pixels"], ["flat"], axis=1),
        helper.make_node("MatMul", ["flat", "scorer"], ["scored"]),
        helper.make_node("Reshape", ["scored", "to_logits"], ["logits"]),
        helper.make_node("MatMul", ["flat", "placer"], ["placed"]),
        helper.make_node("Reshape", ["placed", "to_boxes"], ["inner"]),
        helper.make_node("Sigmoid", ["inner"], ["boxes"]),
    ]
    constants = {
        "scorer": weights(3 * SIDE * SIDE, 12),
        "placer": weights(3 * SIDE * SIDE, 16, seed=1) * 0.1,
        "to_logits": np.asarray([-1, 4, 3]),
        "to_boxes": np.asarray([-1, 4, 4]),
    }
    outputs = {"logits": ["b", 4, 3], "boxes": ["b", 4, 4]}
    save(folder, nodes, {"pixels": (FLOAT, ["b", 3, SIDE, SIDE])}, outputs, constants)
    return describe(folder, "edge/detector", image=IMAGE, activation="sigmoid", labels=["ball", "face", "sky"])


def text_encoder(folder: Path) -> Path:
    nodes = [helper.make_node("Gather", ["table", "input_ids"], ["hidden"])]
    save(
        folder,
        nodes,
        {"input_ids": (INT, ["b", "l"])},
        {"hidden": ["b", "l", WIDTH]},
        {"table": weights(len(WORDS), WIDTH)},
    )
    tokenizer(folder)
    return describe(folder, "edge/text-encoder", pooling=["mean"], most_tokens=64)


def text_classifier(folder: Path) -> Path:
    """The sum of what each word says, padding left out by the mask."""
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["said"]),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=FLOAT),
        helper.make_node("Unsqueeze", ["mask", "last"], ["column"]),
        helper.make_node("Mul", ["said", "column"], ["counted"]),
        helper.make_node("ReduceSum", ["counted", "tokens"], ["logits"], keepdims=0),
    ]
    constants = {"table": weights(len(WORDS), 2), "last": np.asarray([-1]), "tokens": np.asarray([1])}
    inputs = {"input_ids": (INT, ["b", "l"]), "attention_mask": (INT, ["b", "l"])}
    save(folder, nodes, inputs, {"logits": ["b", 2]}, constants)
    tokenizer(folder)
    return describe(folder, "edge/text-classifier", labels=["bad", "good"], most_tokens=64)


def voice_activity(folder: Path) -> Path:
    _loudness(folder, "model")
    return describe(folder, "edge/voice-activity", frames=8)


def _loudness(folder: Path, name: str) -> None:
    """Speech is where a frame is loud; the state goes through as it is."""
    nodes = [
        helper.make_node("Mul", ["frames", "frames"], ["power"]),
        helper.make_node("ReduceMean", ["power", "samples"], ["level"], keepdims=0),
        helper.make_node("Mul", ["level", "gain"], ["scaled"]),
        helper.make_node("Tanh", ["scaled"], ["probabilities"]),
        helper.make_node("Identity", ["hidden"], ["hidden_after"]),
        helper.make_node("Identity", ["cell"], ["cell_after"]),
    ]
    state = (FLOAT, [1, 1, 128])
    constants = {"samples": np.asarray([1]), "gain": np.asarray(1000, np.float32)}
    inputs = {"frames": (FLOAT, ["n", 576]), "hidden": state, "cell": state}
    outputs = {"probabilities": ["n"], "hidden_after": [1, 1, 128], "cell_after": [1, 1, 128]}
    save(folder, nodes, inputs, outputs, constants, name)


def whisper(folder: Path) -> Path:
    """Its next token depends on the last, on how many there are and on what is heard; the words are `WORDS`."""
    _loudness(folder, "activity")
    end = len(WORDS)
    count = end + 5 + 1501
    state, heard = ["b", 1, 1, "p", 1], ["b", 1, 1, "t", 1]
    save(
        folder,
        [
            helper.make_node("ReduceMean", ["mel", "axis"], ["level"], keepdims=0),
            helper.make_node("Reshape", ["level", "to_state"], ["heard_keys"]),
            helper.make_node("Identity", ["heard_keys"], ["heard_values"]),
        ],
        {"mel": (FLOAT, ["b", 80, "f"])},
        {"heard_keys": heard, "heard_values": heard},
        {"axis": np.asarray([1]), "to_state": np.asarray([0, 1, 1, -1, 1])},
        "encoder",
    )
    nodes = [
        helper.make_node("Gather", ["table", "token"], ["said"]),
        helper.make_node("ReduceMean", ["heard_keys", "all"], ["level"], keepdims=0),
        helper.make_node("Unsqueeze", ["level", "last"], ["column"]),
        helper.make_node("Cast", ["place"], ["at"], to=FLOAT),
        helper.make_node("Unsqueeze", ["at", "last"], ["moment"]),
        helper.make_node("Mul", ["said", "column"], ["louder"]),
        helper.make_node("Add", ["louder", "moment"], ["mixed"]),
        helper.make_node("MatMul", ["mixed", "scorer"], ["logits"]),
        helper.make_node("Reshape", ["column", "to_state"], ["new"]),
        helper.make_node("Concat", ["keys", "new"], ["keys_after"], axis=3),
        helper.make_node("Concat", ["values", "new"], ["values_after"], axis=3),
    ]
    scorer = weights(4, count, seed=1)
    scorer[:, end] += 0.2  # so that it comes to an end
    constants = {
        "table": weights(count, 4), "scorer": scorer, "all": np.asarray([1, 2, 3, 4]), "last": np.asarray([1]),
        "to_state": np.asarray([-1, 1, 1, 1, 1]),
    }  # fmt: skip
    inputs = {
        "token": (INT, ["b"]), "place": (INT, ["b"]), "keys": (FLOAT, state), "values": (FLOAT, state),
        "heard_keys": (FLOAT, heard), "heard_values": (FLOAT, heard),
    }  # fmt: skip
    outputs = {"logits": ["b", count], "keys_after": ["b", 1, 1, "q", 1], "values_after": ["b", 1, 1, "q", 1]}
    save(folder, nodes, inputs, outputs, constants, "step")
    tokenizer(folder)
    return describe(
        folder, "edge/whisper", frames=8, mels=80, shape=[1, 1, 1], most_tokens=12,
        graphs={name: f"{name}.onnx" for name in ("encoder", "step", "activity")},
        vocabulary={"languages": {}, "start": end + 1, "end": end, "transcribe": end + 2, "translate": end + 3,
                    "no_timestamps": end + 4, "suppressed": [0, 1, 2, 3], "suppressed_first": [end]},
    )  # fmt: skip


def tokenizer(folder: Path) -> None:
    words = Tokenizer(models.WordLevel({word: at for at, word in enumerate(WORDS)}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    special = [("[CLS]", 2), ("[SEP]", 3)]
    words.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=special)
    words.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]"])
    words.save(str(folder / "tokenizer.json"))


MAKERS = {
    ("edge/image-classifier", "image-classification"): image_classifier,
    ("edge/image-embedder", "image-feature-extraction"): image_embedder,
    ("edge/detector", "object-detection"): detector,
    ("edge/text-classifier", "text-classification"): text_classifier,
    ("edge/text-encoder", "feature-extraction"): text_encoder,
    ("edge/text-encoder", "sentence-similarity"): text_encoder,
    ("edge/text-encoder", "semantic-search"): text_encoder,
    ("edge/text-encoder", "zero-shot-classification"): text_encoder,
    ("edge/voice-activity", "voice-activity-detection"): voice_activity,
    ("edge/whisper", "automatic-speech-recognition"): whisper,
}
"""By reader and task."""
