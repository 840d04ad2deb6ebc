"""The conformance suite over every family: each on a tiny random checkpoint of its kind, saved here."""

import importlib
import json
import string
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    ASTConfig,
    ASTFeatureExtractor,
    ASTForAudioClassification,
    BartConfig,
    BartForConditionalGeneration,
    BertConfig,
    BertForMaskedLM,
    BertForMultipleChoice,
    BertForNextSentencePrediction,
    BertForQuestionAnswering,
    BertForSequenceClassification,
    BertForTokenClassification,
    BertModel,
    BlenderbotConfig,
    BlenderbotForConditionalGeneration,
    CLIPConfig,
    CLIPImageProcessor,
    CLIPModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessor,
    ViTModel,
    Wav2Vec2Config,
    Wav2Vec2CTCTokenizer,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2ForCTC,
)

from duomo import default_catalog
from duomo.inputs import TableRow
from duomo.testing import ModelConformance
from tests.plugins.edge import graphs

WORDS = "[PAD] [UNK] [CLS] [SEP] [MASK]".split()
WORDS += "i love this camera a the parcel came late ada was born in london red ball face".split()
SIZES: dict[str, Any] = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2}
PICTURES: dict[str, Any] = {**SIZES, "image_size": 32, "patch_size": 16}
TEXTS: dict[str, Any] = {**SIZES, "vocab_size": len(WORDS), "max_position_embeddings": 64}


def save_tokenizer(folder: Path) -> None:
    words = Tokenizer(models.WordLevel({word: at for at, word in enumerate(WORDS)}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    special: dict[str, Any] = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    special["mask_token"] = "[MASK]"
    PreTrainedTokenizerFast(tokenizer_object=words, eos_token="[SEP]", **special).save_pretrained(folder)


def bert(head: type, labels: Sequence[str] = ("a", "b", "c")) -> Callable[[Path], None]:
    def save(folder: Path) -> None:
        head(BertConfig(**TEXTS, id2label=dict(enumerate(labels)))).save_pretrained(folder)
        save_tokenizer(folder)

    return save


def llama(folder: Path) -> None:
    config = LlamaConfig(**TEXTS, num_key_value_heads=2, bos_token_id=2, eos_token_id=3, pad_token_id=0)
    LlamaForCausalLM(config).save_pretrained(folder)
    save_tokenizer(folder)


def judge(folder: Path) -> None:
    llama(folder)
    roles = ("query", "document")
    template = " ".join(
        f"{{{{ messages | selectattr('role', 'eq', '{role}') | map(attribute='content') | first }}}}" for role in roles
    )
    (folder / "chat_template.jinja").write_text(template)
    kinds = {"": "base.modules.Transformer", "1_LogitScore": "cross_encoder.modules.LogitScore"}
    modules = [{"path": path, "type": f"sentence_transformers.{kind}"} for path, kind in kinds.items()]
    (folder / "1_LogitScore").mkdir()
    for name, said in {
        "modules.json": modules,
        "1_LogitScore/config.json": {"true_token_id": 5, "false_token_id": 6},
        "config_sentence_transformers.json": {"model_type": "CrossEncoder"},
        "sentence_bert_config.json": {"modality_config": {"message": {"format": "flat"}}},
    }.items():
        (folder / name).write_text(json.dumps(said))


def pooled(folder: Path) -> None:
    from safetensors.torch import save_file

    bert(BertModel)(folder)
    kinds = {"": "base.modules.Transformer", "1_Pooling": "models.Pooling", "2_Dense": "base.modules.Dense"}
    modules = [{"path": path, "type": f"sentence_transformers.{kind}"} for path, kind in kinds.items()]
    for name, said in {
        "modules.json": modules,
        "1_Pooling/config.json": {"pooling_mode": "mean"},
        "2_Dense/config.json": {"in_features": 16, "out_features": 1, "module_output_name": "scores"},
        "config_sentence_transformers.json": {"model_type": "CrossEncoder"},
    }.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(json.dumps(said))
    save_file(
        {"linear.weight": torch.randn(1, 16), "linear.bias": torch.zeros(1)}, folder / "2_Dense/model.safetensors"
    )


def bart(folder: Path) -> None:
    sizes = {
        "d_model": 16,
        "encoder_layers": 1,
        "decoder_layers": 2,
        "encoder_ffn_dim": 24,
        "decoder_ffn_dim": 24,
    }
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2, "max_position_embeddings": 64}
    special: dict[str, Any] = {"bos_token_id": 2, "eos_token_id": 3, "pad_token_id": 0, "decoder_start_token_id": 3}
    config = BartConfig(vocab_size=len(WORDS), **special | sizes | heads, forced_eos_token_id=3, init_std=0.3)
    BartForConditionalGeneration(config).save_pretrained(folder)
    save_tokenizer(folder)


def blenderbot(folder: Path) -> None:
    config: dict[str, Any] = {
        "vocab_size": len(WORDS), "d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "encoder_ffn_dim": 24,
        "decoder_ffn_dim": 24, "encoder_attention_heads": 2, "decoder_attention_heads": 2, "init_std": 0.3,
        "bos_token_id": 2, "eos_token_id": 3, "pad_token_id": 0, "decoder_start_token_id": 2,
    }  # fmt: skip
    BlenderbotForConditionalGeneration(BlenderbotConfig(**config)).save_pretrained(folder)
    save_tokenizer(folder)


def vit(folder: Path) -> None:
    ViTForImageClassification(ViTConfig(**PICTURES | {"num_labels": 3})).save_pretrained(folder)
    ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)


def clip(folder: Path) -> None:
    text = {**TEXTS, "eos_token_id": 3}
    CLIPModel(CLIPConfig(text_config=text, vision_config=PICTURES, projection_dim=8)).save_pretrained(folder)
    CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}).save_pretrained(folder)
    save_tokenizer(folder)


def wav2vec2(folder: Path) -> None:
    convolutions = {
        "conv_dim": (16,) * 7,
        "num_conv_pos_embeddings": 16,
        "num_conv_pos_embedding_groups": 4,
    }
    Wav2Vec2ForCTC(Wav2Vec2Config(vocab_size=32, pad_token_id=0, **SIZES, **convolutions)).save_pretrained(folder)  # type: ignore[arg-type]
    letters = ["<pad>", "<s>", "</s>", "<unk>", "|", *"abcdefghijklmnopqrstuvwxyz'"]
    (folder / "vocab.json").write_text(json.dumps({letter: at for at, letter in enumerate(letters)}))
    Wav2Vec2CTCTokenizer(folder / "vocab.json").save_pretrained(folder)
    Wav2Vec2FeatureExtractor(return_attention_mask=False).save_pretrained(folder)


def grounding(kind: str) -> Callable[[Path], None]:
    """As in the tests of the vision plugin."""

    def save(folder: Path) -> None:
        from tests.plugins.vision import tiny_grounding

        getattr(tiny_grounding, kind)(folder)

    return save


def oneformer(folder: Path) -> None:
    """As in the tests of the vision plugin."""
    from tests.plugins.vision import tiny_oneformer

    tiny_oneformer.oneformer(folder)


def dense(kind: str) -> Callable[[Path], None]:
    """As in the tests of the vision plugin."""

    def save(folder: Path) -> None:
        from tests.plugins.vision import tiny

        tiny.save(getattr(tiny, kind), folder)

    return save


def places(kind: str) -> Callable[[Path], None]:
    def save(folder: Path) -> None:
        from tests.plugins.vision import tiny_places

        tiny_places.save(getattr(tiny_places, kind), folder)

    return save


def writer(kind: str, where: str = "tiny") -> Callable[[Path], None]:
    """As in the tests of the multimodal plugin."""

    def save(folder: Path) -> None:
        getattr(importlib.import_module(f"tests.plugins.multimodal.{where}"), kind)(folder)

    return save


def image_encoder(folder: Path) -> None:
    ViTModel(ViTConfig(**PICTURES)).save_pretrained(folder)
    ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)


def vilt(folder: Path) -> None:
    from tests.plugins.multimodal import tiny

    tiny.vilt(folder)


def spectrogram(folder: Path) -> None:
    config = ASTConfig(**SIZES | {"num_labels": 3}, max_length=256, num_mel_bins=32)
    ASTForAudioClassification(config).save_pretrained(folder)
    ASTFeatureExtractor(max_length=256, num_mel_bins=32).save_pretrained(folder)


def deepspeech(folder: Path) -> None:
    from duomo_speech.deepspeech import Description, save

    about = Description(hidden=16, context=2)
    save(about.build(), folder, about)


def wavenet(folder: Path) -> None:
    from duomo_speech.wavenet import Description, WaveNet, save

    about = Description(channels=8, skip_channels=8, dilations=(1, 2, 4))
    save(WaveNet(about), folder, about)


def gato(folder: Path) -> None:
    from duomo_multimodal.gato.network import Description, Gato
    from duomo_multimodal.gato.serving import save
    from duomo_multimodal.gato.worlds import WORLDS

    worlds = {name: world.about for name, world in WORLDS.items()}
    about = Description(width=16, layers=2, heads=2, context=128, side=32, channels=8, environments=worlds)
    save(Gato(about), folder)


def tapas(folder: Path) -> None:
    from tests.plugins.nlp import tiny

    tiny.tapas(folder)


def patch_tst(folder: Path) -> None:
    from tests.plugins.tabular import tiny_series

    tiny_series.patch_tst(folder)


def sound(kind: str, where: str = "tiny") -> Callable[[Path], None]:
    """As in the tests of the speech plugin."""

    def save(folder: Path) -> None:
        getattr(importlib.import_module(f"tests.plugins.speech.{where}"), kind)(folder)

    return save


def forms(folder: Path) -> None:
    from tests.plugins.multimodal import tiny

    tiny.donut(folder, marks=("menu", "nm"), begin="<s_cord-v2>")


def torchvision(folder: Path) -> None:
    from torchvision.models import mobilenet_v3_small

    from duomo_vision.torchvision_models import save

    save(mobilenet_v3_small(num_classes=3), folder, architecture="mobilenet_v3_small", labels=["a", "b", "c"])


def dit(folder: Path) -> None:
    import transformers

    names: Any = {"id2label": {0: "letter", 1: "form"}, "label2id": {"letter": 0, "form": 1}}
    sizes: Any = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    config = transformers.BeitConfig(**sizes, **names, image_size=32, patch_size=16)
    transformers.BeitForImageClassification(config).save_pretrained(folder)
    transformers.BeitImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)


def raft(folder: Path) -> None:
    from torchvision.models.optical_flow import raft_small

    from duomo_vision.raft import save

    save(raft_small(), folder, architecture="raft_small")


def baseline(module: str, architecture: str) -> Callable[[Path], None]:
    """A network of random numbers, as training saves it."""

    def save(folder: Path) -> None:
        name, _, cls = module.partition(":")
        trainer = getattr(importlib.import_module(name), cls)
        size = trainer.scratch[architecture]["tiny"]
        labels = ["a", "b", "c"]
        model = trainer.build(architecture, size, labels=labels, device=torch.device("cpu"), dtype=torch.float32)
        if architecture == "transformer":
            model.adopt("\0" + string.printable)
        model.save(folder)

    return save


def table(cls: str) -> Callable[[Path], None]:
    def save(folder: Path) -> None:
        trainer = getattr(importlib.import_module("duomo_tabular.mlp"), cls)
        labels = ["a", "b"] if cls == "ClassificationTrainer" else []
        model = trainer.build("mlp", (8,), labels=labels, device=torch.device("cpu"), dtype=torch.float32)
        rows = [TableRow.accept({"age": at, "city": ("Oslo", "Rome")[at % 2]}) for at in range(20, 40)]
        model.fit_statistics(rows, [float(at) for at in range(20)])
        model.save(folder)

    return save


CHECKPOINTS: dict[tuple[str, str], Callable[[Path], object]] = {
    **graphs.MAKERS,
    ("nlp/transformers", "text-classification"): bert(BertForSequenceClassification),
    ("nlp/transformers", "text-pair-classification"): bert(BertForSequenceClassification),
    ("nlp/transformers", "text-regression"): bert(BertForSequenceClassification, ("score",)),
    ("nlp/transformers", "zero-shot-classification"): bert(
        BertForSequenceClassification, ("contradiction", "neutral", "entailment")
    ),
    ("nlp/transformers", "token-classification"): bert(BertForTokenClassification),
    ("nlp/transformers", "question-answering"): bert(BertForQuestionAnswering, ("start", "end")),
    ("multimodal/read-and-answer", "document-question-answering"): bert(BertForQuestionAnswering, ("start", "end")),
    ("nlp/transformers", "feature-extraction"): bert(BertModel),
    ("nlp/transformers", "sentence-similarity"): bert(BertModel),
    ("nlp/transformers", "semantic-search"): bert(BertModel),
    ("nlp/transformers", "keyword-extraction"): bert(BertModel),
    ("nlp/transformers", "extractive-summarization"): bert(BertModel),
    ("nlp/transformers", "text-generation"): llama,
    ("nlp/transformers", "translation"): bart,
    ("nlp/transformers", "summarization"): bart,
    ("nlp/transformers", "text2text-generation"): bart,
    ("nlp/transformers", "dialogue"): blenderbot,
    ("nlp/transformers", "fill-mask"): bert(BertForMaskedLM),
    ("nlp/transformers", "text-pair-regression"): bert(BertForSequenceClassification, ("score",)),
    ("nlp/transformers", "multiple-choice"): bert(BertForMultipleChoice),
    ("nlp/transformers", "next-sentence-prediction"): bert(BertForNextSentencePrediction),
    ("nlp/transformers", "text-ranking"): bert(BertForSequenceClassification, ("score",)),
    ("nlp/judges", "text-ranking"): judge,
    ("nlp/pooled", "text-ranking"): pooled,
    ("nlp/gru", "text-classification"): baseline("duomo_nlp.models.gru:TextGruTrainer", "gru"),
    ("nlp/transformer", "text-generation"): baseline("duomo_nlp.models.transformer:CharactersTrainer", "transformer"),
    ("speech/cnn", "audio-classification"): baseline("duomo_speech.cnn:AudioCnnTrainer", "cnn"),
    ("tabular/mlp", "tabular-classification"): table("ClassificationTrainer"),
    ("tabular/mlp", "tabular-regression"): table("RegressionTrainer"),
    ("vision/cnn", "image-classification"): baseline("duomo_vision.cnn:ImageCnnTrainer", "cnn"),
    ("vision/transformers", "image-classification"): vit,
    ("vision/torchvision", "image-classification"): torchvision,
    ("vision/raft", "optical-flow"): raft,
    ("vision/transformers", "object-detection"): dense("yolos"),
    ("vision/transformers", "zero-shot-object-detection"): dense("owl_vit"),
    ("vision/grounding-dino", "zero-shot-object-detection"): grounding("grounding_dino"),
    ("vision/omdet", "zero-shot-object-detection"): grounding("omdet_turbo"),
    **dict.fromkeys(
        (("vision/oneformer", f"{kind}-segmentation") for kind in ("semantic", "instance", "panoptic", "person")),
        oneformer,
    ),
    ("vision/transformers", "semantic-segmentation"): dense("segformer"),
    ("vision/transformers", "instance-segmentation"): dense("mask_former"),
    ("vision/transformers", "panoptic-segmentation"): dense("mask_former"),
    ("vision/transformers", "person-segmentation"): dense("segformer_of_people"),
    ("vision/transformers", "depth-estimation"): dense("dpt"),
    ("vision/transformers", "pose-estimation"): places("vit_pose"),
    ("vision/transformers", "keypoint-detection"): places("super_point"),
    ("vision/transformers", "keypoint-matching"): places("super_glue"),
    ("vision/transformers", "mask-generation"): places("sam"),
    ("vision/transformers", "super-resolution"): places("swin2_sr"),
    ("vision/transformers", "image-matting"): places("vit_matte"),
    ("vision/transformers", "video-classification"): places("video_mae"),
    ("multimodal/captioner", "image-captioning"): writer("blip"),
    ("multimodal/captioner", "handwriting-recognition"): writer("vision_encoder_decoder"),
    ("multimodal/pix2struct", "image-captioning"): writer("pix2struct"),
    ("multimodal/pix2struct", "visual-question-answering"): writer("pix2struct_asked"),
    ("multimodal/donut", "document-question-answering"): writer("donut"),
    ("multimodal/donut", "document-parsing"): forms,
    ("multimodal/layoutlm", "document-classification"): writer("layout"),
    ("multimodal/layoutlm", "document-parsing"): writer("layout_tagging"),
    ("multimodal/layoutlm", "document-question-answering"): writer("layout_lm"),
    ("vision/transformers", "document-classification"): dit,
    ("multimodal/chat", "image-text-to-text"): writer("llava"),
    ("multimodal/blip-matching", "image-text-retrieval"): writer("blip_matching"),
    ("multimodal/clipseg", "text-image-segmentation"): writer("clip_seg"),
    ("multimodal/sam3", "text-image-segmentation"): writer("sam3"),
    ("vision/transformers", "image-feature-extraction"): image_encoder,
    ("multimodal/vilt", "visual-question-answering"): vilt,
    ("multimodal/blip-answering", "visual-question-answering"): writer("blip_answering"),
    ("multimodal/blip2-answering", "visual-question-answering"): writer("blip2", "tiny_prompted"),
    **dict.fromkeys(
        (
            ("multimodal/florence2", task)
            for task in ("image-captioning", "object-detection", "optical-character-recognition")
        ),
        writer("florence2", "tiny_florence"),
    ),
    ("speech/transformers", "audio-classification"): spectrogram,
    ("nlp/transformers", "table-question-answering"): tapas,
    ("tabular/series-networks", "time-series-forecasting"): patch_tst,
    ("speech/deepspeech", "automatic-speech-recognition"): deepspeech,
    ("speech/wavenet", "audio-continuation"): wavenet,
    **dict.fromkeys(
        (("multimodal/gato", task) for task in ("reinforcement-learning", "image-captioning", "text-generation")), gato
    ),
    ("speech/asked", "automatic-speech-recognition"): sound("audio_flamingo3", "tiny_asked"),
    ("nlp/seamless", "translation"): sound("seamless_v2", "tiny_seamless"),
    ("speech/seamless", "automatic-speech-recognition"): sound("seamless_v2", "tiny_seamless"),
    ("speech/clap", "zero-shot-audio-classification"): sound("clap"),
    ("speech/transformers", "speaker-diarization"): sound("frames"),
    ("speech/transformers", "speaker-embedding"): sound("x_vectors"),
    ("speech/transformers", "speaker-verification"): sound("x_vectors"),
    ("speech/transformers", "forced-alignment"): sound("ctc"),
    ("speech/codecs", "audio-tokenization"): sound("encodec"),
    ("speech/vits", "text-to-speech"): sound("vits"),
    ("speech/speecht5", "text-to-speech"): sound("speecht5"),
    ("speech/bark", "text-to-speech"): sound("bark"),
    ("speech/separation", "source-separation"): sound("separator"),
    ("speech/whisper", "spoken-language-identification"): sound("whisper"),
    ("multimodal/transformers", "zero-shot-image-classification"): clip,
    ("multimodal/transformers", "multimodal-embedding"): clip,
    ("multimodal/transformers", "image-search"): clip,
    ("multimodal/late-interaction", "image-search"): writer("col_qwen2", "tiny_pages"),
    ("speech/transformers", "automatic-speech-recognition"): wav2vec2,
}
OPTIONS = {
    ("nlp/seamless", "translation"): {"tgt_lang": "fr"},
    ("speech/seamless", "automatic-speech-recognition"): {"language": "fr"},
}
"""What a family needs to be told."""
ELSEWHERE = {("speech/whisper", "automatic-speech-recognition")}
"""A family that has a model of its own in the catalog: test_every_model.py has it."""


class Family(ModelConformance):
    save: Callable[[Path], None]


@pytest.fixture(autouse=True, scope="class")
def checkpoint(request, tmp_path_factory):
    if request.cls is not None:
        folder = tmp_path_factory.mktemp("checkpoint")
        torch.manual_seed(0)
        request.cls.save(folder)
        request.cls.model = f"dir:{folder}"


_uses = {(spec.name, spec.task): spec.uses for spec in default_catalog().models}
for (_name, _task), _save in CHECKPOINTS.items():
    _marks = [pytest.mark.embedded] if _uses[_name, _task] else []  # what a family uses has weights of its own
    _class = "Test_" + f"{_name}_{_task}".replace("/", "_").replace("-", "_")
    globals()[_class] = type(
        _class,
        (Family,),
        {
            "task": _task,
            "save": staticmethod(_save),
            "options": OPTIONS.get((_name, _task), {}),
            "__module__": __name__,
            "model": _name,
            "pytestmark": _marks,
        },
    )


def test_every_family_is_tried():
    families = {(spec.name, spec.task) for spec in default_catalog().models if spec.is_family}
    assert families == {*CHECKPOINTS, *ELSEWHERE}
