"""Tiny random checkpoints of the rarer models that answer chats with images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import transformers

from .tiny import PICTURE, WORDS
from .tiny_chat import SQUARE, save, template_of, text_of, tokenizer_of

tf: Any = transformers  # its stubs do not know the keywords of each configuration


def qianfan_ocr(folder: Path) -> Path:
    """The template says `<image>`, which becomes the tokens of an image."""
    marks: dict[str, Any] = {"start_image_token": "<img>", "end_image_token": "</img>"}
    marks["context_image_token"] = "<IMG_CONTEXT>"
    words = [*WORDS, *marks.values(), "<image>", "ask", "say"]
    config = tf.QianfanOCRConfig(
        text_config=tf.Qwen3Config(**text_of(words), head_dim=8),
        vision_config={**PICTURE, "image_size": [32, 32], "patch_size": [16, 16]},
        image_token_id=words.index("<IMG_CONTEXT>"), image_seq_length=1, downsample_ratio=0.5,
    )  # fmt: skip
    processor = tf.QianfanOCRProcessor(
        tf.GotOcr2ImageProcessor(size=SQUARE, crop_to_patches=True, max_patches=4), tokenizer_of(words, **marks),
        image_seq_length=1, chat_template=template_of("<image>"),
    )  # fmt: skip
    return save(tf.QianfanOCRForConditionalGeneration(config), processor, folder)


def video_llama_3(folder: Path) -> Path:
    marks: dict[str, Any] = {"image_token": "<image>", "video_token": "<video>"}
    words = [*WORDS, *marks.values(), "ask", "say"]
    config = tf.VideoLlama3Config(
        text_config=tf.Qwen2Config(**text_of(words)), vision_config=PICTURE | {"patch_size": 8},
        image_token_id=words.index("<image>"), video_token_id=words.index("<video>"),
    )  # fmt: skip
    side: Any = {"patch_size": 8, "size": {"shortest_edge": 256, "longest_edge": 4096}}
    processor = tf.VideoLlama3Processor(
        tf.VideoLlama3ImageProcessor(**side), tokenizer_of(words, **marks), tf.VideoLlama3VideoProcessor(**side),
        chat_template=template_of("<image>"),
    )  # fmt: skip
    return save(tf.VideoLlama3ForConditionalGeneration(config), processor, folder)


def deepseek_vl_hybrid(folder: Path) -> Path:
    """Two eyes: one for the whole image, one for its details."""
    words = [*WORDS, "<image_placeholder>", "ask", "say"]
    details: Any = {"hidden_size": 32, "output_channels": 16, "num_hidden_layers": 2, "num_attention_heads": 4}
    details |= {"image_size": 64, "patch_size": 16, "mlp_dim": 64, "window_size": 2, "global_attn_indexes": [1]}
    config = tf.DeepseekVLHybridConfig(
        text_config=tf.LlamaConfig(**text_of(words)), high_res_vision_config=tf.SamVisionConfig(**details),
        vision_config=tf.SiglipVisionConfig(**PICTURE, vision_use_head=False),
        image_token_id=words.index("<image_placeholder>"), tie_word_embeddings=False,
    )  # fmt: skip
    images = tf.DeepseekVLHybridImageProcessor(size=SQUARE, high_res_size={"height": 64, "width": 64})
    processor = tf.DeepseekVLHybridProcessor(
        images, tokenizer_of(words, image_token="<image_placeholder>"), num_image_tokens=4,
        chat_template=template_of("<image_placeholder>"),
    )  # fmt: skip
    return save(tf.DeepseekVLHybridForConditionalGeneration(config), processor, folder)


def aria(folder: Path) -> Path:
    """Experts in each layer; its processor knows images of 490 and 980 pixels alone."""
    words = [*WORDS, "<image>", "ask", "say"]
    text = text_of(words) | {"moe_num_experts": 4, "moe_topk": 2, "moe_num_shared_experts": 1}
    config = tf.AriaConfig(
        text_config=text,
        vision_config=PICTURE | {"model_type": "idefics3_vision", "image_size": 980, "patch_size": 140},
        projector_patch_to_query_dict={49: 4}, image_token_index=words.index("<image>"),
    )  # fmt: skip
    processor = tf.AriaProcessor(
        tf.AriaImageProcessor(), tokenizer_of(words, image_token="<image>"),
        chat_template=template_of("<image>"), size_conversion={980: 4},
    )  # fmt: skip
    return save(tf.AriaForConditionalGeneration(config), processor, folder)


def got_ocr2(folder: Path) -> Path:
    """No chat template: its processor writes the prompt, and asks for all that stands in the image."""
    marks = ["<|im_start|>", "<|im_end|>", "<img>", "</img>", "<imgpad>"]
    words = [*WORDS, *marks, "OCR:", "OCR", "with", "format:"]
    eye: Any = {"hidden_size": 16, "output_channels": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    eye |= {"image_size": 256, "patch_size": 4, "mlp_dim": 32, "window_size": 8, "global_attn_indexes": []}
    config = tf.GotOcr2Config(
        text_config=text_of(words) | {"model_type": "qwen2", "max_position_embeddings": 512}, vision_config=eye,
        image_token_index=words.index("<imgpad>"), image_seq_length=256, tie_word_embeddings=False,
    )  # fmt: skip
    images = tf.GotOcr2ImageProcessor(size={"height": 256, "width": 256})
    return save(tf.GotOcr2ForConditionalGeneration(config), tf.GotOcr2Processor(images, tokenizer_of(words)), folder)


CHATTING = [qianfan_ocr, video_llama_3, deepseek_vl_hybrid, aria]
