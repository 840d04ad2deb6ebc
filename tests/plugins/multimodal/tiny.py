"""Tiny random checkpoints that read pictures and write or choose texts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import PIL.ImageFont
import torch
import transformers as tf
from tokenizers import Tokenizer, models, pre_tokenizers, processors

WORDS = "[PAD] [UNK] [CLS] [SEP] a ball face red the sky what is on".split()
PLAIN: dict[str, Any] = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
PICTURE: dict[str, Any] = {**PLAIN, "image_size": 32, "patch_size": 16}


def save_tokenizer(folder: Path) -> None:
    fast = Tokenizer(models.WordLevel({word: at for at, word in enumerate(WORDS)}, unk_token="[UNK]"))
    fast.pre_tokenizer = pre_tokenizers.Whitespace()
    special = [("[CLS]", 2), ("[SEP]", 3)]
    fast.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=special)
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    tf.PreTrainedTokenizerFast(tokenizer_object=fast, model_max_length=12, **names).save_pretrained(folder)


def blip(folder: Path, **generation: Any) -> Path:
    text = PLAIN | {"vocab_size": len(WORDS), "max_position_embeddings": 32, "encoder_hidden_size": 32}
    text |= {"bos_token_id": 2, "sep_token_id": 3, "eos_token_id": 3, "pad_token_id": 0, "initializer_range": 0.5}
    config = tf.BlipConfig(text_config=text, vision_config=PICTURE, projection_dim=16)
    return _save(tf.BlipForConditionalGeneration(config), folder, **generation)


def blip2(folder: Path, **generation: Any) -> Path:
    """The decoder is OPT; what it is shown are three vectors."""
    text: dict[str, Any] = {
        "vocab_size": len(WORDS) + 1,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
    }
    text |= {"ffn_dim": 64, "word_embed_proj_dim": 32, "max_position_embeddings": 64, "init_std": 0.5}
    text |= {"bos_token_id": 2, "eos_token_id": 3, "pad_token_id": 0}
    config = tf.Blip2Config(
        text_config={**text, "model_type": "opt"}, vision_config=PICTURE, num_query_tokens=3,
        image_token_index=len(WORDS), qformer_config=PLAIN | {"vocab_size": 8, "cross_attention_frequency": 1},
    )  # fmt: skip
    return _save(tf.Blip2ForConditionalGeneration(config), folder, **generation)


def git(folder: Path, **generation: Any) -> Path:
    config = tf.GitConfig(
        **PLAIN, vision_config=PICTURE, vocab_size=len(WORDS), max_position_embeddings=32, bos_token_id=2,
        eos_token_id=3, pad_token_id=0,
    )  # fmt: skip
    return _save(tf.GitForCausalLM(config), folder, **generation)


def blip_answering(folder: Path) -> Path:
    text = PLAIN | {"vocab_size": len(WORDS), "max_position_embeddings": 12, "encoder_hidden_size": 32}
    text |= {"bos_token_id": 2, "sep_token_id": 3, "eos_token_id": 3, "pad_token_id": 0}
    config = tf.BlipConfig(text_config=text, vision_config=PICTURE, projection_dim=16)
    network = tf.BlipForQuestionAnswering(config)
    network.text_decoder.cls.predictions.bias.data[3] = 3.0  # some answers come to their end
    return _save(network, folder)


def vision_encoder_decoder(folder: Path, **generation: Any) -> Path:
    decoder = tf.TrOCRConfig(
        vocab_size=len(WORDS), d_model=32, decoder_layers=2, decoder_attention_heads=4, decoder_ffn_dim=64,
        max_position_embeddings=32, init_std=0.5, bos_token_id=2, eos_token_id=3, pad_token_id=0,
    )  # fmt: skip
    config = tf.VisionEncoderDecoderConfig.from_encoder_decoder_configs(tf.ViTConfig(**PICTURE), decoder)
    network = tf.VisionEncoderDecoderModel(config)
    start = {"decoder_start_token_id": 2, "eos_token_id": 3, "pad_token_id": 0}
    network.config.update(start)
    return _save(network, folder, **start | generation)


def vit_gpt2(folder: Path) -> Path:
    decoder: Any = {"vocab_size": len(WORDS), "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 32}
    decoder |= {"initializer_range": 0.5, "bos_token_id": 2, "eos_token_id": 3, "pad_token_id": 0}
    config = tf.VisionEncoderDecoderConfig.from_encoder_decoder_configs(
        tf.ViTConfig(**PICTURE), tf.GPT2Config(**decoder)
    )
    start = {"decoder_start_token_id": 2, "eos_token_id": 3, "pad_token_id": 0}
    network = tf.VisionEncoderDecoderModel(config)
    network.config.update(start)
    return _save(network, folder, **start)


def blip_matching(folder: Path) -> Path:
    text: Any = PLAIN | {"vocab_size": len(WORDS), "max_position_embeddings": 12, "encoder_hidden_size": 32}
    text |= {"bos_token_id": 2, "sep_token_id": 3, "eos_token_id": 3, "pad_token_id": 0}
    config = tf.BlipConfig(text_config=text, vision_config=PICTURE, projection_dim=16, image_text_hidden_size=16)
    return _save(tf.BlipForImageTextRetrieval(config), folder)


def clip_seg(folder: Path) -> Path:
    text: Any = PLAIN | {"vocab_size": len(WORDS), "max_position_embeddings": 12, "eos_token_id": 3}
    decoder: Any = {"reduce_dim": 16, "extract_layers": [0, 1], "decoder_num_attention_heads": 2}
    config = tf.CLIPSegConfig(
        text_config=text, vision_config=PICTURE, projection_dim=16, decoder_intermediate_size=32, **decoder
    )
    return _save(tf.CLIPSegForImageSegmentation(config), folder)


def sam3(folder: Path) -> Path:
    """SAM 3 as it is published: the network for images, and the one that follows things through a video."""
    side: dict[str, Any] = {"image_size": 56, "patch_size": 14}
    backbone = PLAIN | side | {"model_type": "sam3_vit_model", "window_size": 2, "global_attn_indexes": [1]}
    vision = {"backbone_config": backbone | {"pretrain_image_size": 28}, "fpn_hidden_size": 32}
    vision["backbone_feature_sizes"] = [[16, 16], [8, 8], [4, 4]]
    layers: Any = {"hidden_size": 32, "num_layers": 2, "num_attention_heads": 2, "intermediate_size": 48}
    detector = tf.Sam3Config(
        vision_config=vision,
        text_config=PLAIN | {"vocab_size": len(WORDS), "max_position_embeddings": 12, "eos_token_id": 3},
        geometry_encoder_config=layers,
        detr_encoder_config=layers,
        detr_decoder_config=layers | {"num_queries": 6},
        mask_decoder_config={"hidden_size": 32, "num_attention_heads": 2},
    )
    memory: Any = {
        f"memory_{name}": 32
        for name in ("attention_hidden_size", "attention_feed_forward_hidden_size", "encoder_hidden_size",
                     "fuser_embed_dim", "fuser_intermediate_dim")
    }  # fmt: skip
    memory |= {"memory_attention_num_attention_heads": 1, "memory_attention_num_layers": 1, "image_size": 56}
    tracker = tf.Sam3TrackerVideoConfig(
        vision_config=vision,
        prompt_encoder_config={**side, "hidden_size": 32, "mask_input_channels": 4},
        mask_decoder_config={
            "hidden_size": 32, "mlp_dim": 32, "num_hidden_layers": 1, "num_attention_heads": 2,
            "iou_head_hidden_dim": 16,
        },
        memory_encoder_output_channels=16, mask_downsampler_embed_dim=32, **memory,
    )  # fmt: skip
    _save(tf.Sam3VideoModel(tf.Sam3VideoConfig(detector_config=detector, tracker_config=tracker)), folder)
    size: Any = {"size": {"height": 56, "width": 56}, "mask_size": {"height": 16, "width": 16}}
    tf.Sam3ImageProcessor(**size).save_pretrained(folder)
    return folder


def llava(folder: Path, **generation: Any) -> Path:
    words = [*WORDS, "<image>", "ask", "say"]
    text = tf.LlamaConfig(
        **PLAIN, vocab_size=len(words), num_key_value_heads=2, max_position_embeddings=64, bos_token_id=2,
        eos_token_id=3, pad_token_id=0,
    )  # fmt: skip
    vision: Any = {**PICTURE, "projection_dim": 16}
    config = tf.LlavaConfig(
        text_config=text, vision_config=tf.CLIPVisionConfig(**vision), image_token_index=words.index("<image>"),
        image_seq_length=4, vision_feature_layer=-1,
    )  # fmt: skip
    network = tf.LlavaForConditionalGeneration(config)
    network.generation_config.eos_token_id, network.generation_config.pad_token_id = 3, 0
    _save(network, folder, **generation)
    side: Any = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}}
    tf.LlavaProcessor(
        tf.CLIPImageProcessor(**side), _chat_tokenizer(words), patch_size=16, num_additional_image_tokens=1,
        vision_feature_select_strategy="default", chat_template=TEMPLATE.replace("PICTURE", "<image>"),
    ).save_pretrained(folder)  # fmt: skip
    return folder


def qwen2_vl(folder: Path, **generation: Any) -> Path:
    special = ["<|vision_start|>", "<|image_pad|>", "<|video_pad|>", "<|vision_end|>"]
    words = [*WORDS, *special, "ask", "say"]
    rope: Any = {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 10000.0}
    text: Any = PLAIN | {"vocab_size": len(words), "num_key_value_heads": 2, "max_position_embeddings": 64}
    text |= {"rope_parameters": rope, "bos_token_id": 2, "eos_token_id": 3, "pad_token_id": 0}
    vision: Any = {"depth": 1, "embed_dim": 32, "hidden_size": 32, "num_heads": 2, "patch_size": 8}
    ids: Any = {
        f"{name}_token_id": words.index(f"<|{name}|>" if "vision" in name else f"<|{name}_pad|>")
        for name in ("vision_start", "vision_end", "image", "video")
    }
    config = tf.Qwen2VLConfig(text_config=text, vision_config=vision, **ids)
    network = tf.Qwen2VLForConditionalGeneration(config)
    network.generation_config.eos_token_id, network.generation_config.pad_token_id = 3, 0
    _save(network, folder, **generation)
    side: Any = {"patch_size": 8, "merge_size": 2, "size": {"shortest_edge": 256, "longest_edge": 4096}}
    tokenizer = _chat_tokenizer(words)
    template = TEMPLATE.replace("PICTURE", "<|vision_start|><|image_pad|><|vision_end|>")
    tf.Qwen2VLProcessor(
        tf.Qwen2VLImageProcessor(**side), tokenizer, tf.Qwen2VLVideoProcessor(**side), chat_template=template
    ).save_pretrained(folder)
    return folder


TEMPLATE = (
    "{% for m in messages %}ask {% for part in m['content'] %}{% if part['type'] == 'image' %}PICTURE "
    "{% else %}{{ part['text'] }} {% endif %}{% endfor %}{% endfor %}{% if add_generation_prompt %}say{% endif %}"
)


def _chat_tokenizer(words: list[str]) -> Any:
    fast = Tokenizer(models.WordLevel({word: at for at, word in enumerate(words)}, unk_token="[UNK]"))
    fast.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    names: Any = {"pad_token": "[PAD]", "unk_token": "[UNK]", "eos_token": "[SEP]"}
    special = [word for word in words if word.startswith("<")]
    tokenizer = tf.PreTrainedTokenizerFast(tokenizer_object=fast, model_max_length=64, **names)
    tokenizer.add_special_tokens({"additional_special_tokens": special})
    for word in special:
        setattr(tokenizer, word.strip("<|>").replace("_pad", "") + "_token", word)
    return tokenizer


def vilt(folder: Path) -> Path:
    answers = dict(enumerate(("yes", "no", "two", "red")))
    config = tf.ViltConfig(
        **PLAIN, vocab_size=len(WORDS), max_position_embeddings=12, image_size=64, patch_size=16, id2label=answers
    )
    torch.manual_seed(0)
    tf.ViltForQuestionAnswering(config).save_pretrained(folder)
    tf.ViltImageProcessor(size={"shortest_edge": 32}, size_divisor=16).save_pretrained(folder)  # type: ignore[call-arg]
    save_tokenizer(folder)
    return folder


def _save_network(network: Any, folder: Path, **generation: Any) -> None:
    torch.manual_seed(0)
    with torch.no_grad():
        for each in network.parameters():
            if each.dim() > 1:
                each.normal_(0, 0.3)
    for name, value in generation.items():
        setattr(network.generation_config, name, value)
    network.save_pretrained(folder)


def _save(network: Any, folder: Path, **generation: Any) -> Path:
    _save_network(network, folder, **generation)
    tf.ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
    save_tokenizer(folder)
    return folder


LABELS = {
    "SequenceClassification": ("letter", "invoice", "form"),
    "QuestionAnswering": ("start", "end"),
    "TokenClassification": ("O", "B-question", "I-question", "B-answer", "I-answer", "e-mail"),
}


def layout(folder: Path, head: str = "SequenceClassification", length: int = 40, kind: str = "LayoutLMv3") -> Path:
    """LayoutLMv3 with a tokenizer that knows letters only."""
    letters = tf.models.layoutlmv3.tokenization_layoutlmv3.LayoutLMv3Tokenizer
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = {each: at for at, each in enumerate([*special, *alphabet])}
    letters(vocab=vocab, merges=[], model_max_length=length).save_pretrained(folder)
    sizes: Any = PLAIN | {"coordinate_size": 6, "shape_size": 4, "max_2d_position_embeddings": 1024, "input_size": 32}
    sizes |= {"vocab_size": len(vocab), "max_position_embeddings": 24 + length, "patch_size": 16}
    sizes |= {"hidden_size": 48} if kind == "Lilt" else {}  # a sixth of it for each number of a box
    names = dict(enumerate(LABELS[head]))
    config = getattr(tf, f"{kind}Config")(
        **sizes, id2label=names, label2id={name: at for at, name in names.items()}, pad_token_id=1
    )
    torch.manual_seed(0)
    network = getattr(tf, f"{kind}For{head}")(config)
    with torch.no_grad():
        for each in network.parameters():
            if each.dim() > 1:
                each.normal_(0, 0.3)
    network.eval().save_pretrained(folder)
    tf.LayoutLMv3ImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


def layout_answering(folder: Path) -> Path:
    return layout(folder, "QuestionAnswering", 64)


def pix2struct(folder: Path, *, is_vqa: bool = False, **generation: Any) -> Path:
    """What is asked has a font of its own: that of Pillow."""
    text: Any = {"vocab_size": len(WORDS), "hidden_size": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4}
    text |= {"pad_token_id": 0, "eos_token_id": 3, "decoder_start_token_id": 0}
    vision: Any = {"hidden_size": 32, "patch_embed_hidden_size": 768, "d_ff": 64, "d_kv": 8, "num_hidden_layers": 2}
    vision |= {"num_attention_heads": 4, "seq_len": 64, "initializer_range": 0.02}
    network = tf.Pix2StructForConditionalGeneration(tf.Pix2StructConfig(text_config=text, vision_config=vision))
    _save_network(network, folder, **generation)
    save_tokenizer(folder)
    prepared: Any = tf.Pix2StructImageProcessor
    prepared(max_patches=48, is_vqa=is_vqa).save_pretrained(folder)
    if is_vqa:
        font: Any = PIL.ImageFont.load_default(12)
        (folder / "Arial.TTF").write_bytes(font.font_bytes)
    return folder


def pix2struct_asked(folder: Path, **generation: Any) -> Path:
    return pix2struct(folder, is_vqa=True, **{"max_new_tokens": 8} | generation)


def layout_tagging(folder: Path) -> Path:
    return layout(folder, "TokenClassification", 64)


def lilt_tagging(folder: Path) -> Path:
    """LiLT, which does not look at the page."""
    return layout(folder, "TokenClassification", 64, "Lilt")


def lilt_of_words(folder: Path) -> Path:
    """LiLT with a tokenizer that knows nothing of places, as over XLM-RoBERTa."""
    lilt_tagging(folder)
    save_tokenizer(folder)
    return folder


def layout_lm(folder: Path) -> Path:
    """LayoutLM, which does not look at the page, with a tokenizer of words."""
    save_tokenizer(folder)
    tokenizer: Any = tf.AutoTokenizer.from_pretrained(folder, model_max_length=24)
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.save_pretrained(folder)
    config = tf.LayoutLMConfig(**PLAIN, vocab_size=len(tokenizer), max_position_embeddings=64, pad_token_id=0)
    torch.manual_seed(0)
    network = tf.LayoutLMForQuestionAnswering(config)
    with torch.no_grad():
        for each in network.parameters():
            if each.dim() > 1:
                each.normal_(0, 0.3)
    network.eval().save_pretrained(folder)
    return folder


def donut(
    folder: Path, marks: tuple[str, ...] = ("docvqa", "question", "answer"), begin: str = "", **generation: Any
) -> Path:
    """Donut whose answers are of few words, so that it comes to their end; with `begin`, one that writes fields."""
    tags = [f"<{end}s_{name}>" for name in marks for end in ("", "/")] + ([begin, "<sep/>"] if begin else [])
    vocab = {word: at for at, word in enumerate([*WORDS, "which", "total", "1", "2", *tags])}
    sizes: Any = {"image_size": [64, 48], "patch_size": 4, "embed_dim": 16, "depths": [1, 1], "num_heads": [2, 2]}
    decoder: Any = {"d_model": 32, "decoder_layers": 2, "decoder_attention_heads": 4, "decoder_ffn_dim": 48}
    decoder |= {"vocab_size": len(vocab), "max_position_embeddings": 64, "pad_token_id": 0, "is_decoder": True}
    decoder["add_cross_attention"] = True
    config = tf.VisionEncoderDecoderConfig.from_encoder_decoder_configs(
        tf.DonutSwinConfig(**sizes, window_size=4), tf.MBartConfig(**decoder)
    )
    network = tf.VisionEncoderDecoderModel(config)
    start: Any = {"decoder_start_token_id": 2, "eos_token_id": 3, "pad_token_id": 0}
    network.config.update(start)
    said = {vocab[each] for each in ("a", "ball", "1", "2", "</s_answer>", "[SEP]") if each in vocab}
    said |= {vocab[each] for each in tags if begin and each != begin}
    start["forced_eos_token_id"] = None
    _save(network, folder, suppress_tokens=sorted({*vocab.values()} - said), **start | generation)
    fast = Tokenizer(models.WordLevel(vocab, unk_token="[UNK]"))
    fast.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    fast.add_special_tokens(tags)
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "eos_token": "[SEP]", "bos_token": "[CLS]"}
    tf.PreTrainedTokenizerFast(tokenizer_object=fast, model_max_length=64, **names).save_pretrained(folder)
    tf.DonutImageProcessor(size={"height": 64, "width": 48}).save_pretrained(folder)
    return folder
