"""Write docs/coverage.md from the catalog of this repository's plugins; tests/docs compares the two."""

from collections.abc import Iterable
from pathlib import Path

from duomo.catalog import Catalog
from duomo.specs import ModelSpec, TaskSpec
from duomo.tasks import CORE_TASKS
from duomo.tasks.starting import MADE, START

PAGE = Path(__file__).with_name("coverage.md")
PLUGINS = ("vision", "nlp", "speech", "multimodal", "tabular")
HEAD = """# Coverage

<!-- Made by docs/make_coverage.py; `make docs` writes it again. -->

Each task, what runs it, and how that is tested. *Default* is the model that answers when none is named; where no
installed package carries weights, it is a checkpoint that you name: the one given here is a good start, and `hf:`
fetches it. *Pipeline* says whether transformers 5 has a pipeline for the task: yes, removed in version 5, or never.
Every model and every family passes the conformance suite (valid results, a batch equals one by one, faults stay with
their item); *equal to* is what its results are compared with besides, on the same tiny random checkpoint.
"""
PIPELINES = frozenset(
    """audio-classification automatic-speech-recognition depth-estimation document-question-answering
    table-question-answering
    feature-extraction fill-mask image-classification image-feature-extraction object-detection text-classification
    text-generation text-to-speech token-classification zero-shot-classification zero-shot-image-classification
    zero-shot-audio-classification
    video-classification image-text-to-text keypoint-matching mask-generation
    zero-shot-object-detection semantic-segmentation instance-segmentation panoptic-segmentation""".split()
)
REMOVED = frozenset(
    """image-captioning question-answering summarization super-resolution text2text-generation translation
    visual-question-answering""".split()
)
TRAINED = "train one: [training.md](training.md)"
EQUAL = {
    "reinforcement-learning": ("the network run whole for each token", "multimodal/test_gato.py"),
    "audio-continuation": ("the network run whole for each sample", "speech/test_wavenet.py"),
    "audio-classification": ("the pipeline, scores to 1e-5", "speech/test_classification.py"),
    "depth-estimation": ("the pipeline, 1e-4 of the range", "vision/test_dense.py"),
    "dialogue": ("`generate`, the same tokens", "nlp/test_dialogue.py"),
    "fill-mask": ("the pipeline, scores to 1e-5", "nlp/test_filling.py"),
    "handwriting-recognition": ("`generate`, the same tokens", "multimodal/test_matching.py"),
    "image-captioning": ("`generate`, the same tokens", "multimodal/test_captions.py"),
    "document-classification": ("the bare networks, scores to 1e-5", "multimodal/test_pages.py"),
    "document-question-answering": ("the pipeline by Donut, the same answers", "multimodal/test_donut.py"),
    "image-matting": ("the bare network, each pixel to 1 of 255", "vision/test_enhancing.py"),
    "image-feature-extraction": ("the pipeline with `pool=True`, to 1e-5", "vision/test_features.py"),
    "image-text-retrieval": ("the bare network, scores to 1e-5", "multimodal/test_matching.py"),
    "image-text-to-text": ("`generate`, the same tokens", "multimodal/test_chat.py"),
    "instance-segmentation": ("the pipeline, scores to 1e-4, 1 pixel in 1,000", "vision/test_dense.py"),
    "keypoint-detection": ("the model's post-processing, scores to 1e-5", "vision/test_places.py"),
    "keypoint-matching": ("the model's post-processing, scores to 1e-4", "vision/test_places.py"),
    "mask-generation": ("the pipeline, scores to 1e-4, 1 pixel in 1,000", "vision/test_places.py"),
    "optical-flow": ("torchvision's bare network, to 1e-4 pixel", "vision/test_raft.py"),
    "person-segmentation": ("the pixels of the label by semantic segmentation", "vision/test_dense.py"),
    "object-detection": ("the pipeline, scores to 1e-4, boxes to a pixel", "vision/test_dense.py"),
    "panoptic-segmentation": ("the pipeline, scores to 1e-4, 1 pixel in 1,000", "vision/test_dense.py"),
    "pose-estimation": ("the model's post-processing, scores to 1e-4, places to 0.01 pixel", "vision/test_places.py"),
    "semantic-segmentation": ("the pipeline, 1 pixel in 1,000", "vision/test_dense.py"),
    "summarization": ("`generate`, the same tokens", "nlp/test_seq2seq.py"),
    "super-resolution": ("the bare network, each pixel to 1 of 255", "vision/test_enhancing.py"),
    "table-question-answering": ("the pipeline, the same cells", "nlp/test_tables.py"),
    "time-series-forecasting": ("statsforecast and the bare networks, to 1e-4", "tabular/test_series.py"),
    "text-generation": ("`generate`, the same tokens", "nlp/test_generation.py"),
    "text-image-segmentation": ("the bare network, 1 pixel in 1,000", "multimodal/test_matching.py"),
    "text-ranking": ("`CrossEncoder`, scores to 1e-5", "nlp/test_ranking.py"),
    "text-pair-classification": ("the pipeline, scores to 1e-5", "nlp/test_pairs.py"),
    "text-pair-regression": ("the bare network, to 1e-5", "nlp/test_pairs.py"),
    "multiple-choice": ("the bare network, scores to 1e-5", "nlp/test_pairs.py"),
    "next-sentence-prediction": ("the bare network, scores to 1e-5", "nlp/test_pairs.py"),
    "text2text-generation": ("`generate`, the same tokens", "nlp/test_seq2seq.py"),
    "translation": ("`generate`, the same tokens", "nlp/test_seq2seq.py"),
    "video-classification": ("the pipeline with `sampling=start`, scores to 1e-5", "vision/test_videos.py"),
    "visual-question-answering": ("the bare network, scores to 1e-5", "multimodal/test_captions.py"),
    "speaker-diarization": ("the bare network, the same turns", "speech/test_diarization.py"),
    "pitch-estimation": ("the package's own detector, to 1e-4 Hz", "speech/test_listening.py"),
    "note-transcription": ("the package's own notes, the same", "speech/test_listening.py"),
    "spoken-language-identification": ("the bare network's first step, to 1e-5", "speech/test_language.py"),
    "forced-alignment": ("torchaudio's alignment of the bare network, the same times", "speech/test_alignment.py"),
    "source-separation": ("torchaudio's bare networks and crossfade, to 1e-4", "speech/test_separation.py"),
    "audio-tokenization": ("the bare networks, the same codes, sound to 1e-4", "speech/test_codec.py"),
    "zero-shot-audio-classification": ("the pipeline, scores to 1e-5", "speech/test_clap.py"),
    "zero-shot-classification": ("the bare network, scores to 1e-5", "nlp/test_entailment.py"),
    "zero-shot-object-detection": ("the pipeline, scores to 1e-4, boxes to a pixel", "vision/test_dense.py"),
}
"""What a task's results are compared with, and the test that does it, below tests/plugins."""


def page() -> str:
    """The whole page."""
    specs = [spec for spec in Catalog().models if spec.plugin in PLUGINS]
    lines = [HEAD, "| task | models | families | default | pipeline | equal to |", "|---|---|---|---|---|---|"]
    return "\n".join(
        [*lines, *(line(task, [spec for spec in specs if spec.task == task.name]) for task in CORE_TASKS), ""]
    )


def line(task: TaskSpec, specs: list[ModelSpec]) -> str:
    """The row of one task."""
    own = [spec for spec in specs if not spec.is_family]
    pipeline = "yes" if task.name in PIPELINES else "removed" if task.name in REMOVED else "never"
    said, test = EQUAL.get(task.name, ("", ""))
    equal = f"[{said}](../tests/plugins/{test})" if said else ""
    start = f"`-m hf:{START[task.name]}`" if task.name in START else made(task.name)
    default = f"`{own[0].name}`" if own else start
    cells = (f"`{task.name}`", names(own), names(spec for spec in specs if spec.is_family), default, pipeline, equal)
    return f"| {' | '.join(cells)} |"


def made(task: str) -> str:
    """What makes a folder for a task that has no checkpoint on the hub."""
    return f"a folder that `{MADE[task]}` wrote" if task in MADE else TRAINED


def names(specs: Iterable[ModelSpec]) -> str:
    """Names of models, each once."""
    return ", ".join(f"`{name}`" for name in dict.fromkeys(spec.name for spec in specs))


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
