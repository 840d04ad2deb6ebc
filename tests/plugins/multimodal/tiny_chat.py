"""Tiny random checkpoints of models that answer chats with images, one a family."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from .tiny import PICTURE, PLAIN, TEMPLATE, WORDS

tf: Any = transformers  # its stubs do not know the keywords of each configuration
TEXT: dict[str, Any] = PLAIN | {"num_key_value_heads": 2, "max_position_embeddings": 256, "pad_token_id": 0}
TEXT |= {"bos_token_id": 2, "eos_token_id": 3}
SQUARE: dict[str, Any] = {"height": 32, "width": 32}
VISION = ("<|vision_start|>", "<|image_pad|>", "<|video_pad|>", "<|vision_end|>")


def qwen2_5_vl(folder: Path) -> Path:
    vision: Any = {"depth": 1, "hidden_size": 32, "intermediate_size": 48, "num_heads": 2, "patch_size": 8}
    vision |= {"out_hidden_size": 32, "window_size": 32, "fullatt_block_indexes": [0]}
    words = [*WORDS, *VISION, "ask", "say"]
    config = tf.Qwen2_5_VLConfig(text_config=text_of(words) | rope_of_three(), vision_config=vision, **_ids(words))
    return _qwen(tf.Qwen2_5_VLForConditionalGeneration(config), tf.Qwen2_5_VLProcessor, words, folder)


def qwen3_vl(folder: Path) -> Path:
    vision: Any = {"depth": 2, "hidden_size": 32, "intermediate_size": 48, "num_heads": 2, "patch_size": 8}
    vision |= {"out_hidden_size": 32, "num_position_embeddings": 64, "deepstack_visual_indexes": [0]}
    words = [*WORDS, *VISION, "ask", "say"]
    text = text_of(words) | rope_of_three() | {"head_dim": 8}
    config = tf.Qwen3VLConfig(text_config=text, vision_config=vision, **_ids(words))
    return _qwen(tf.Qwen3VLForConditionalGeneration(config), tf.Qwen3VLProcessor, words, folder)


def qwen3_vl_moe(folder: Path) -> Path:
    vision: Any = {"depth": 2, "hidden_size": 32, "intermediate_size": 48, "num_heads": 2, "patch_size": 8}
    vision |= {"out_hidden_size": 32, "num_position_embeddings": 64, "deepstack_visual_indexes": [0]}
    words = [*WORDS, *VISION, "ask", "say"]
    text = text_of(words) | rope_of_three() | {"head_dim": 8, "num_experts": 4, "num_experts_per_tok": 2}
    config = tf.Qwen3VLMoeConfig(text_config=text | {"moe_intermediate_size": 16}, vision_config=vision, **_ids(words))
    return _qwen(tf.Qwen3VLMoeForConditionalGeneration(config), tf.Qwen3VLProcessor, words, folder)


def qwen3_5(folder: Path) -> Path:
    """Every other layer reads by a state, not by attention."""
    vision: Any = {"depth": 1, "hidden_size": 32, "intermediate_size": 48, "num_heads": 2, "patch_size": 8}
    vision |= {"out_hidden_size": 32, "num_position_embeddings": 64}
    words = [*WORDS, *VISION, "ask", "say"]
    linear = {"linear_key_head_dim": 8, "linear_value_head_dim": 8, "linear_num_key_heads": 2}
    linear |= {"linear_num_value_heads": 2}
    rope = rope_of_three()["rope_parameters"] | {"partial_rotary_factor": 1.0, "mrope_interleaved": True}
    text = text_of(words) | linear | {"rope_parameters": rope, "head_dim": 8}
    text["layer_types"] = ["linear_attention", "full_attention"]
    config = tf.Qwen3_5Config(text_config=text, vision_config=vision, **_ids(words))
    return _qwen(tf.Qwen3_5ForConditionalGeneration(config), tf.Qwen3VLProcessor, words, folder)


def qwen3_5_moe(folder: Path) -> Path:
    vision: Any = {"depth": 1, "hidden_size": 32, "intermediate_size": 48, "num_heads": 2, "patch_size": 8}
    vision |= {"out_hidden_size": 32, "num_position_embeddings": 64}
    words = [*WORDS, *VISION, "ask", "say"]
    linear = {"linear_key_head_dim": 8, "linear_value_head_dim": 8, "linear_num_key_heads": 2}
    linear |= {"linear_num_value_heads": 2, "num_experts": 4, "num_experts_per_tok": 2}
    linear |= {"moe_intermediate_size": 16, "shared_expert_intermediate_size": 16}
    rope = rope_of_three()["rope_parameters"] | {"partial_rotary_factor": 1.0, "mrope_interleaved": True}
    text = text_of(words) | linear | {"rope_parameters": rope, "head_dim": 8}
    text["layer_types"] = ["linear_attention", "full_attention"]
    config = tf.Qwen3_5MoeConfig(text_config=text, vision_config=vision, **_ids(words))
    return _qwen(tf.Qwen3_5MoeForConditionalGeneration(config), tf.Qwen3VLProcessor, words, folder)


def llava_next(folder: Path) -> Path:
    words = [*WORDS, "<image>", "ask", "say"]
    grid: Any = [[32, 64], [64, 32], [64, 64]]
    vision: Any = {**PICTURE, "projection_dim": 16}
    config = tf.LlavaNextConfig(
        text_config=tf.LlamaConfig(**text_of(words)), vision_config=tf.CLIPVisionConfig(**vision),
        image_token_index=words.index("<image>"), image_seq_length=4, vision_feature_layer=-1,
        image_grid_pinpoints=grid,
    )  # fmt: skip
    side: Any = {"size": {"shortest_edge": 32}, "crop_size": SQUARE, "image_grid_pinpoints": grid}
    processor = tf.LlavaNextProcessor(
        tf.LlavaNextImageProcessor(**side), tokenizer_of(words), patch_size=16, num_additional_image_tokens=1,
        vision_feature_select_strategy="default", chat_template=template_of("<image>"),
    )  # fmt: skip
    return save(tf.LlavaNextForConditionalGeneration(config), processor, folder)


def llava_onevision(folder: Path) -> Path:
    words = [*WORDS, "<image>", "<video>", "ask", "say"]
    grid: Any = [[32, 64], [64, 32], [64, 64]]
    config = tf.LlavaOnevisionConfig(
        text_config=tf.Qwen2Config(**text_of(words)), vision_config=tf.SiglipVisionConfig(**PICTURE),
        image_token_index=words.index("<image>"), video_token_index=words.index("<video>"), image_grid_pinpoints=grid,
    )  # fmt: skip
    side: Any = {"size": SQUARE, "image_grid_pinpoints": grid}
    processor = tf.LlavaOnevisionProcessor(
        tf.LlavaOnevisionImageProcessor(**side), tokenizer_of(words), tf.LlavaOnevisionVideoProcessor(size=SQUARE),
        num_image_tokens=4, vision_feature_select_strategy="full", chat_template=template_of("<image>"),
    )  # fmt: skip
    return save(tf.LlavaOnevisionForConditionalGeneration(config), processor, folder)


def idefics3(folder: Path) -> Path:
    tiles = [f"<row_{row}_col_{column}>" for row in range(1, 3) for column in range(1, 3)]
    special = ["<fake_token_around_image>", "<image>", "<end_of_utterance>", "<global-img>", *tiles]
    words = [*WORDS, *special, "ask", "say"]
    config = tf.Idefics3Config(
        text_config=text_of(words) | {"model_type": "llama"}, vision_config=PICTURE,
        image_token_id=words.index("<image>"), scale_factor=2,
    )  # fmt: skip
    processor = tf.Idefics3Processor(
        tf.Idefics3ImageProcessor(size={"longest_edge": 64}, max_image_size={"longest_edge": 32}), tokenizer_of(words),
        image_seq_len=1, chat_template=template_of("<image>"),
    )  # fmt: skip
    return save(tf.Idefics3ForConditionalGeneration(config), processor, folder)


def smol_vlm(folder: Path) -> Path:
    tiles = [f"<row_{row}_col_{column}>" for row in range(1, 3) for column in range(1, 3)]
    special = ["<fake_token_around_image>", "<image>", "<end_of_utterance>", "<global-img>", "<video>", *tiles]
    words = [*WORDS, *special, "ask", "say"]
    config = tf.SmolVLMConfig(
        text_config=text_of(words) | {"model_type": "llama"}, vision_config=PICTURE,
        image_token_id=words.index("<image>"), scale_factor=2,
    )  # fmt: skip
    side: Any = {"size": {"longest_edge": 64}, "max_image_size": {"longest_edge": 32}}
    processor = tf.SmolVLMProcessor(
        tf.SmolVLMImageProcessor(**side), tokenizer_of(words), tf.SmolVLMVideoProcessor(**side), image_seq_len=1,
        chat_template=template_of("<image>"),
    )  # fmt: skip
    return save(tf.SmolVLMForConditionalGeneration(config), processor, folder)


def intern_vl(folder: Path) -> Path:
    marks = {"start_image_token": "<img>", "end_image_token": "</img>", "context_image_token": "<IMG_CONTEXT>"}
    marks["video_token"] = "<video>"
    words = [*WORDS, *marks.values(), "ask", "say"]
    config = tf.InternVLConfig(
        text_config=tf.Qwen2Config(**text_of(words)),
        vision_config={**PICTURE, "image_size": [32, 32], "patch_size": [16, 16]},
        image_token_id=words.index("<IMG_CONTEXT>"), image_seq_length=1, downsample_ratio=0.5,
    )  # fmt: skip
    processor = tf.InternVLProcessor(
        tf.GotOcr2ImageProcessor(size=SQUARE, crop_to_patches=True, max_patches=4),
        tokenizer_of(words, begins=False, **marks), tf.InternVLVideoProcessor(size=SQUARE),
        image_seq_length=1, chat_template=template_of("<IMG_CONTEXT>"),
    )  # fmt: skip
    return save(tf.InternVLForConditionalGeneration(config), processor, folder)


def gemma3(folder: Path) -> Path:
    """A tokenizer that begins each text with its first token, and a template that writes it, too."""
    marks = {"boi_token": "<start_of_image>", "image_token": "<image_soft_token>", "eoi_token": "<end_of_image>"}
    words = [*WORDS, *marks.values(), "ask", "say"]
    index = {f"{name}_index": words.index(mark) for name, mark in marks.items()}
    text = text_of(words) | {"head_dim": 8, "sliding_window": 16, "query_pre_attn_scalar": 8}
    text["tie_word_embeddings"] = False  # tied, it says its last word again and again
    config = tf.Gemma3Config(
        text_config=tf.Gemma3TextConfig(**text), vision_config=tf.SiglipVisionConfig(**PICTURE, vision_use_head=False),
        mm_tokens_per_image=4, tie_word_embeddings=False, **index,
    )  # fmt: skip
    processor = tf.Gemma3Processor(
        tf.Gemma3ImageProcessor(size=SQUARE), tokenizer_of(words, begins=True, **marks), image_seq_length=4,
        chat_template="{{ bos_token }} " + template_of("<start_of_image>"),
    )  # fmt: skip
    return save(tf.Gemma3ForConditionalGeneration(config), processor, folder)


def mistral3(folder: Path) -> Path:
    words = [*WORDS, "[IMG]", "[IMG_BREAK]", "[IMG_END]", "ask", "say"]
    vision = tf.PixtralVisionConfig(**{**PICTURE, "image_size": 64, "patch_size": 8}, head_dim=8)
    config = tf.Mistral3Config(
        text_config=tf.MistralConfig(**text_of(words)), vision_config=vision, image_token_index=words.index("[IMG]"),
        spatial_merge_size=2,
    )  # fmt: skip
    side: Any = {"size": {"longest_edge": 64}, "patch_size": 8}
    processor = tf.PixtralProcessor(
        tf.PixtralImageProcessor(**side), tokenizer_of(words), patch_size=8, spatial_merge_size=2,
        chat_template=template_of("[IMG]"),
    )  # fmt: skip
    return save(tf.Mistral3ForConditionalGeneration(config), processor, folder)


def light_on_ocr(folder: Path) -> Path:
    marks: dict[str, Any] = {"image_token": "[IMG]", "image_break_token": "[IMG_BREAK]"}
    marks["image_end_token"] = "[IMG_END]"
    words = [*WORDS, *marks.values(), "ask", "say"]
    vision = tf.PixtralVisionConfig(**{**PICTURE, "image_size": 64, "patch_size": 8}, head_dim=8)
    config = tf.LightOnOcrConfig(
        text_config=tf.Qwen3Config(**text_of(words), head_dim=8), vision_config=vision,
        image_token_id=words.index("[IMG]"), tie_word_embeddings=False,
    )  # fmt: skip
    side: Any = {"size": {"longest_edge": 64}, "patch_size": 16}
    processor = tf.LightOnOcrProcessor(
        tf.PixtralImageProcessor(**side), tokenizer_of(words, **marks), patch_size=8, chat_template=template_of("[IMG]")
    )
    return save(tf.LightOnOcrForConditionalGeneration(config), processor, folder)


def pixtral(folder: Path) -> Path:
    """LLaVA with the eye of Pixtral, which takes images of any shape."""
    words = [*WORDS, "[IMG]", "[IMG_BREAK]", "[IMG_END]", "ask", "say"]
    vision = tf.PixtralVisionConfig(**{**PICTURE, "image_size": 64, "patch_size": 16}, head_dim=8)
    config = tf.LlavaConfig(
        text_config=tf.MistralConfig(**text_of(words)), vision_config=vision, image_token_index=words.index("[IMG]"),
        vision_feature_layer=-1, vision_feature_select_strategy="full",
    )  # fmt: skip
    side: Any = {"size": {"longest_edge": 64}, "patch_size": 16}
    processor = tf.PixtralProcessor(
        tf.PixtralImageProcessor(**side), tokenizer_of(words), patch_size=16, chat_template=template_of("[IMG]")
    )
    return save(tf.LlavaForConditionalGeneration(config), processor, folder)


def pali_gemma(folder: Path) -> Path:
    """No chat template: a prompt and an image."""
    words = [*WORDS, "<image>"]
    text = tf.GemmaConfig(**text_of([*words, *range(1200)]), head_dim=8)  # room for the places and masks it knows
    vision = tf.SiglipVisionConfig(**PICTURE, vision_use_head=False)
    config = tf.PaliGemmaConfig(
        text_config=text, vision_config=vision, image_token_index=words.index("<image>"), projection_dim=32,
        hidden_size=32,
    )  # fmt: skip
    images = tf.SiglipImageProcessor(size=SQUARE)
    images.image_seq_length = 4
    processor = tf.PaliGemmaProcessor(images, tokenizer_of(words, bos_token="[CLS]"))
    return save(tf.PaliGemmaForConditionalGeneration(config), processor, folder)


def gemma4(folder: Path) -> Path:
    """Images of any shape, as tokens that three patches a side are pooled to; no sound."""
    marks: dict[str, Any] = {"boi_token": "<boi>", "image_token": "<image>", "eoi_token": "<eoi>", "boa_token": "<boa>"}
    marks |= {"audio_token": "<audio>", "eoa_token": "<eoa>", "video_token": "<video>"}
    words = [*WORDS, *marks.values(), "ask", "say"]
    text = text_of(words) | {"head_dim": 8, "global_head_dim": 8, "sliding_window": 16, "num_kv_shared_layers": 0}
    text |= {"layer_types": ["sliding_attention", "full_attention"], "hidden_size_per_layer_input": 4}
    text |= {"vocab_size_per_layer_input": len(words), "tie_word_embeddings": False}
    vision = PLAIN | {"num_key_value_heads": 4, "head_dim": 8, "patch_size": 8, "position_embedding_size": 64}
    names = ("boi_token_id", "image_token_id", "eoi_token_id", "boa_token_id", "audio_token_id")
    index = dict(zip(names, map(words.index, marks.values()), strict=False))
    config = tf.Gemma4Config(
        text_config=text, vision_config=vision, audio_config=None, tie_word_embeddings=False,
        video_token_id=words.index("<video>"), **index,
    )  # fmt: skip
    side: Any = {"patch_size": 8, "max_soft_tokens": 70, "pooling_kernel_size": 3}
    processor = tf.Gemma4Processor(
        tf.Gemma4AudioFeatureExtractor(), tf.Gemma4ImageProcessor(**side), tokenizer_of(words, **marks),
        tf.Gemma4VideoProcessor(**side), chat_template=template_of("<image>"),
    )  # fmt: skip
    return save(tf.Gemma4ForConditionalGeneration(config), processor, folder)


def aya_vision(folder: Path) -> Path:
    marks = ["<image>", "<|START_OF_IMG|>", "<|END_OF_IMG|>", "<|IMG_PATCH|>", "<|IMG_LINE_BREAK|>"]
    words = [*WORDS, *marks, "ask", "say"]
    config = tf.AyaVisionConfig(
        text_config=text_of(words) | {"model_type": "cohere2", "sliding_window": 16},
        vision_config={**PICTURE, "vision_use_head": False, "model_type": "siglip_vision_model"},
        image_token_index=words.index("<|IMG_PATCH|>"), tie_word_embeddings=False,
    )  # fmt: skip
    processor = tf.AyaVisionProcessor(
        tf.GotOcr2ImageProcessor(size=SQUARE, crop_to_patches=True, max_patches=2), tokenizer_of(words), patch_size=16,
        img_size=32, downsample_factor=2, chat_template=template_of("<image>"),
    )  # fmt: skip
    return save(tf.AyaVisionForConditionalGeneration(config), processor, folder)


def idefics2(folder: Path) -> Path:
    words = [*WORDS, "<fake_token_around_image>", "<image>", "<end_of_utterance>", "ask", "say"]
    perceiver: Any = {"hidden_size": 32, "resampler_n_latents": 3, "resampler_depth": 1, "resampler_n_heads": 4}
    perceiver |= {"num_key_value_heads": 2, "resampler_head_dim": 8}
    config = tf.Idefics2Config(
        text_config=text_of(words) | {"model_type": "mistral"}, vision_config={**PICTURE, "image_size": 64},
        perceiver_config=perceiver, image_token_id=words.index("<image>"),
    )  # fmt: skip
    side: Any = {"size": {"shortest_edge": 32, "longest_edge": 64}, "do_image_splitting": False}
    processor = tf.Idefics2Processor(
        tf.Idefics2ImageProcessor(**side), tokenizer_of(words), image_seq_len=3, chat_template=template_of("<image>")
    )
    return save(tf.Idefics2ForConditionalGeneration(config), processor, folder)


def vip_llava(folder: Path) -> Path:
    words = [*WORDS, "<image>", "ask", "say"]
    config = tf.VipLlavaConfig(
        text_config=tf.LlamaConfig(**text_of(words)), vision_config=tf.CLIPVisionConfig(**PICTURE, projection_dim=16),
        image_token_index=words.index("<image>"), vision_feature_layers=[-1, -2], image_seq_length=4,
    )  # fmt: skip
    processor = tf.LlavaProcessor(
        tf.CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=SQUARE), tokenizer_of(words), patch_size=16,
        num_additional_image_tokens=1, vision_feature_select_strategy="default", chat_template=template_of("<image>"),
    )  # fmt: skip
    return save(tf.VipLlavaForConditionalGeneration(config), processor, folder)


def lfm2_vl(folder: Path) -> Path:
    """Layers of short convolutions between those of attention."""
    words = [*WORDS, "<image>", "<|image_start|>", "<|image_end|>", "<|img_thumbnail|>", "ask", "say"]
    text = text_of(words) | {"model_type": "lfm2", "layer_types": ["conv", "full_attention"]}
    vision = PLAIN | {"patch_size": 8, "num_patches": 64, "model_type": "siglip2_vision_model"}
    config = tf.Lfm2VlConfig(
        text_config=text, vision_config=vision, image_token_id=words.index("<image>"), projector_hidden_size=32,
        tie_word_embeddings=False,
    )  # fmt: skip
    side: Any = {"encoder_patch_size": 8, "min_image_tokens": 4, "max_image_tokens": 16, "max_num_patches": 64}
    side |= {"tile_size": 64, "do_image_splitting": False, "downsample_factor": 2}
    processor = tf.Lfm2VlProcessor(
        tf.Lfm2VlImageProcessor(**side), tokenizer_of(words), chat_template=template_of("<image>")
    )
    return save(tf.Lfm2VlForConditionalGeneration(config), processor, folder)


def glm4v(folder: Path) -> Path:
    return _glm(folder, "Glm4v")


def glm4v_moe(folder: Path) -> Path:
    experts: dict[str, Any] = {"n_routed_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}
    experts["rope_parameters"] = rope_of_three()["rope_parameters"] | {"partial_rotary_factor": 1.0}
    return _glm(folder, "Glm4vMoe", "Glm4v", **experts, first_k_dense_replace=1, n_group=1, topk_group=1)


def glm46v(folder: Path) -> Path:
    return _glm(folder, "Glm46V")


def _glm(folder: Path, name: str, eye: str = "", **text: Any) -> Path:
    eye = eye or name
    marks = ["<|image|>", "<|video|>", "<|begin_of_image|>", "<|end_of_image|>", "<bov>", "<eov>"]
    words = [*WORDS, *marks, "ask", "say"]
    names = ("image_token_id", "video_token_id", "image_start_token_id", "image_end_token_id",
             "video_start_token_id", "video_end_token_id")  # fmt: skip
    vision: Any = {"depth": 1, "hidden_size": 32, "intermediate_size": 48, "num_heads": 2, "patch_size": 8}
    vision |= {"out_hidden_size": 32, "image_size": 64}
    config = getattr(tf, f"{name}Config")(
        text_config=text_of(words) | rope_of_three() | text, vision_config=vision,
        **dict(zip(names, map(words.index, marks), strict=True)),
    )  # fmt: skip
    side: Any = {"patch_size": 8, "merge_size": 2, "size": {"shortest_edge": 256, "longest_edge": 4096}}
    tokenizer = tokenizer_of(words, image_token="<|image|>", video_token="<|video|>")
    images, videos = (getattr(tf, f"{eye}{kind}Processor")(**side) for kind in ("Image", "Video"))
    template = template_of("<|begin_of_image|><|image|><|end_of_image|>")
    processor = getattr(tf, f"{eye}Processor")(images, tokenizer, videos, chat_template=template)
    return save(getattr(tf, f"{name}ForConditionalGeneration")(config), processor, folder)


def mllama(folder: Path) -> Path:
    """Images stand beside the text: some layers attend to them."""
    words = [*WORDS, "<|image|>", "<|python_tag|>", *map(str, range(8)), "ask", "say"]
    vision = PLAIN | {"image_size": 32, "patch_size": 16, "num_global_layers": 1, "attention_heads": 4}
    vision |= {"vision_output_dim": 96, "intermediate_layers_indices": [0, 1]}
    vision.pop("num_attention_heads")
    text = text_of(words) | {"num_hidden_layers": 3, "cross_attention_layers": [1]}
    config = tf.MllamaConfig(text_config=text, vision_config=vision, image_token_index=words.index("<|image|>"))
    tokenizer = tokenizer_of(words, bos_token="[CLS]")
    processor = tf.MllamaProcessor(
        tf.MllamaImageProcessor(size=SQUARE, max_image_tiles=4), tokenizer, chat_template=template_of("<|image|>")
    )
    return save(tf.MllamaForConditionalGeneration(config), processor, folder)


CHATTING = [
    qwen2_5_vl,
    qwen3_vl,
    qwen3_vl_moe,
    qwen3_5,
    qwen3_5_moe,
    smol_vlm,
    light_on_ocr,
    llava_next,
    llava_onevision,
    idefics3,
    intern_vl,
    gemma3,
    mistral3,
    pixtral,
    gemma4,
    aya_vision,
    idefics2,
    vip_llava,
    lfm2_vl,
    glm4v,
    glm4v_moe,
    glm46v,
    mllama,
]


def text_of(words: list[Any]) -> dict[str, Any]:
    return TEXT | {"vocab_size": len(words)}


def rope_of_three() -> dict[str, Any]:
    return {"rope_parameters": {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 10000.0}}


def _ids(words: list[str]) -> dict[str, int]:
    names = ("vision_start_token_id", "image_token_id", "video_token_id", "vision_end_token_id")
    return {name: words.index(mark) for name, mark in zip(names, VISION, strict=True)}


def _qwen(network: Any, processor: Any, words: list[str], folder: Path) -> Path:
    side: Any = {"patch_size": 8, "merge_size": 2, "size": {"shortest_edge": 256, "longest_edge": 4096}}
    template = template_of("<|vision_start|><|image_pad|><|vision_end|>")
    images, videos = tf.Qwen2VLImageProcessor(**side), tf.Qwen3VLVideoProcessor(**side)
    tokenizer = tokenizer_of(words, image_token="<|image_pad|>", video_token="<|video_pad|>")
    return save(network, processor(images, tokenizer, videos, chat_template=template), folder)


def template_of(mark: str) -> str:
    return TEMPLATE.replace("PICTURE", mark)


def tokenizer_of(words: list[str], *, begins: bool = False, **marks: str) -> Any:
    fast = Tokenizer(models.WordLevel({word: at for at, word in enumerate(words)}, unk_token="[UNK]"))
    fast.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    if begins:
        fast.post_processor = processors.TemplateProcessing(single="[CLS] $A", special_tokens=[("[CLS]", 2)])
        marks["bos_token"] = "[CLS]"
    names: Any = {"pad_token": "[PAD]", "unk_token": "[UNK]", "eos_token": "[SEP]"}
    special = [word for word in words if word.startswith(("<", "[IMG"))]
    extra = {"extra_special_tokens": {name: mark for name, mark in marks.items() if name != "bos_token"}}
    names |= {name: mark for name, mark in marks.items() if name == "bos_token"}
    tokenizer = tf.PreTrainedTokenizerFast(tokenizer_object=fast, model_max_length=256, **names, **extra)
    tokenizer.add_special_tokens({"additional_special_tokens": special}, replace_extra_special_tokens=False)
    return tokenizer


def save(network: Any, processor: Any, folder: Path) -> Path:
    torch.manual_seed(0)
    with torch.no_grad():
        for each in network.parameters():
            if each.dim() > 1:
                each.normal_(0, 0.3)
    network.generation_config.eos_token_id, network.generation_config.pad_token_id = 3, 0
    network.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
