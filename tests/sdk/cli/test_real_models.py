"""A chain of real models through the command line, as a user types it."""

import json
import shlex
from pathlib import Path
from typing import Any

import numpy
import PIL.Image
import pytest
import safetensors.numpy
import transformers
from click.testing import CliRunner

from duomo.cli import cli
from duomo.cli.app import App
from duomo.tasks import CORE_TASKS

pytestmark = pytest.mark.embedded

CHECKPOINTS = {
    "token-classification": "BertForTokenClassification",
    "question-answering": "BertForQuestionAnswering",
    "document-parsing": "VisionEncoderDecoderModel",
    "document-question-answering": "BertForQuestionAnswering",
    "dialogue": "BlenderbotForConditionalGeneration",
    "fill-mask": "BertForMaskedLM",
    **dict.fromkeys(("translation", "summarization", "text2text-generation"), "BartForConditionalGeneration"),
    "zero-shot-object-detection": "OwlViTForObjectDetection",
    "semantic-segmentation": "SegformerForSemanticSegmentation",
    "instance-segmentation": "MaskFormerForInstanceSegmentation",
    "panoptic-segmentation": "MaskFormerForInstanceSegmentation",
    "depth-estimation": "DPTForDepthEstimation",
    "keypoint-detection": "SuperPointForKeypointDetection",
    "keypoint-matching": "LightGlueForKeypointMatching",
    "mask-generation": "SamModel",
    "video-classification": "VideoMAEForVideoClassification",
    "image-matting": "VitMatteForImageMatting",
    "handwriting-recognition": "VisionEncoderDecoderModel",
    "image-text-to-text": "LlavaForConditionalGeneration",
    "image-text-retrieval": "BlipForImageTextRetrieval",
    "text-image-segmentation": "CLIPSegForImageSegmentation",
    "document-classification": "LayoutLMv3ForSequenceClassification",
    "image-captioning": "BlipForConditionalGeneration",
    "visual-question-answering": "ViltForQuestionAnswering",
    "audio-classification": "Wav2Vec2ForSequenceClassification",
    **dict.fromkeys(
        ("text-pair-classification", "text-pair-regression", "text-ranking", "text-regression"),
        "BertForSequenceClassification",
    ),
    "table-question-answering": "TapasForQuestionAnswering",
    "multiple-choice": "BertForMultipleChoice",
    "next-sentence-prediction": "BertForNextSentencePrediction",
    "zero-shot-audio-classification": "ClapModel",
    "spoken-language-identification": "WhisperForConditionalGeneration",
    "forced-alignment": "Wav2Vec2ForCTC",
    "audio-tokenization": "EncodecModel",
}
"""Tasks without a model of their own, and what their examples call PATH."""

FOLDERS = {
    "audio-continuation": "speech/wavenet",
    "optical-flow": "vision/raft",
    "source-separation": "speech/separation",
    "tabular-classification": "tabular/mlp",
    "tabular-regression": "tabular/mlp",
}
"""The same for tasks whose folders are in duomo layout: the model that they name."""


@pytest.mark.slow
def test_a_text_is_spoken_written_down_and_judged(tmp_path: Path) -> None:
    def duomo(*args: str, input: str | None = None) -> str:
        done = CliRunner().invoke(cli, list(args), input=input, obj=App())
        assert done.exit_code == 0, done.stderr
        return done.stdout

    sound = tmp_path / "said.wav"
    duomo("run", "text-to-speech", "-t", "What a wonderful day, I love it.", "-O", str(sound))
    assert sound.read_bytes()[:4] == b"RIFF"
    written = duomo("run", "automatic-speech-recognition", str(sound))
    chained = ("--input-format", "jsonl", "--field", "result.text", "--top-k", "1", "-")
    (line,) = duomo("run", "text-classification", *chained, input=written).splitlines()
    outcome = json.loads(line)
    assert outcome["id"] == str(sound)
    assert outcome["result"]["labels"][0]["name"] == "positive"
    assert outcome["meta"]["plugin"].startswith("duomo-nlp ")


def test_every_installed_model_is_what_it_was_tested_as() -> None:
    done = CliRunner().invoke(cli, ["models", "verify"], obj=App())
    assert done.exit_code == 0, done.stdout
    states = {record["name"]: record["state"] for record in map(json.loads, done.stdout.splitlines())}
    assert "mismatch" not in states.values()
    assert list(states.values()).count("ok") >= 5, states


@pytest.mark.parametrize("spec", CORE_TASKS, ids=lambda spec: spec.name)
def test_the_example_of_every_task_is_a_command_that_would_run(
    spec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "photos").mkdir()
    for name in ("a.png", "b.png"):
        PIL.Image.new("RGB", (8, 8)).save(tmp_path / "photos" / name)
    monkeypatch.chdir(tmp_path)
    if spec.name in CHECKPOINTS:
        sizes: dict[str, Any] = {
            "hidden_size": 8,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "intermediate_size": 8,
        }
        config = transformers.BertConfig(vocab_size=8, max_position_embeddings=8, **sizes)
        transformers.BertModel(config).save_pretrained("PATH")
        # A dry run reads no tensor.
        written = json.loads(Path("PATH/config.json").read_text("utf-8"))
        Path("PATH/config.json").write_text(json.dumps(written | {"architectures": [CHECKPOINTS[spec.name]]}), "utf-8")
    if spec.name in FOLDERS:
        Path("PATH").mkdir()
        Path("PATH/duomo.json").write_text(json.dumps({"model": FOLDERS[spec.name]}), "utf-8")
        safetensors.numpy.save_file({"a": numpy.zeros(1)}, "PATH/model.safetensors")
    words = shlex.split(spec.example)
    given = None
    if "<<<" in words:
        *words, _, given = words
    assert words[0] == "duomo"
    done = CliRunner().invoke(cli, [*words[1:], "--dry-run", "-o", "jsonl"], input=given, obj=App())
    if "E-WEIGHTS-MISSING" in done.stderr and "fix: duomo models add" in done.stderr:
        pytest.skip("the pack of its default is not installed")
    assert done.exit_code == 0, done.stderr
    if "-O" not in words:
        assert json.loads(done.stdout)["inputs"] == 1
