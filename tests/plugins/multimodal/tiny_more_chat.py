"""Tiny random checkpoints of more models that answer chats with images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import transformers

from .tiny import PICTURE, PLAIN, WORDS
from .tiny_chat import SQUARE, rope_of_three, save, template_of, text_of, tokenizer_of

tf: Any = transformers  # its stubs do not know the keywords of each configuration


def llama4(folder: Path) -> Path:
    """Experts, and layers that attend within chunks; an image is cut into tiles."""
    marks = ["<|image|>", "<|image_start|>", "<|image_end|>", "<|patch|>", "<|tile_x_separator|>"]
    words = [*WORDS, *marks, "<|tile_y_separator|>", "ask", "say"]
    text = text_of(words) | {"head_dim": 8, "intermediate_size_mlp": 48, "num_local_experts": 2}
    text |= {"attention_chunk_size": 64, "moe_layers": [1], "no_rope_layers": [1, 0]}
    vision = PICTURE | {"vision_output_dim": 32, "projector_input_dim": 32, "projector_output_dim": 32}
    vision |= {"intermediate_size": 128}
    config = tf.Llama4Config(text_config=text, vision_config=vision, image_token_index=words.index("<|patch|>"))
    processor = tf.Llama4Processor(
        tf.Llama4ImageProcessor(size=SQUARE, max_patches=4), tokenizer_of(words), patch_size=16,
        chat_template=template_of("<|image|>"),
    )  # fmt: skip
    return save(tf.Llama4ForConditionalGeneration(config), processor, folder)


def cohere2_vision(folder: Path) -> Path:
    marks: dict[str, Any] = {
        "boi_token": "<|START_OF_IMG|>",
        "eoi_token": "<|END_OF_IMG|>",
        "image_token": "<|IMG_PATCH|>",
    }
    marks["img_line_break_token"] = "<|IMG_LINE_BREAK|>"
    words = [*WORDS, *marks.values(), "ask", "say"]
    config = tf.Cohere2VisionConfig(
        text_config=text_of(words) | {"model_type": "cohere2", "sliding_window": 16},
        vision_config={**PICTURE, "vision_use_head": False, "model_type": "siglip_vision_model"},
        image_token_id=words.index("<|IMG_PATCH|>"), alignment_intermediate_size=64, tie_word_embeddings=False,
    )  # fmt: skip
    processor = tf.Cohere2VisionProcessor(
        tf.Cohere2VisionImageProcessor(size=SQUARE, max_patches=2, patch_size=1), tokenizer_of(words, **marks),
        chat_template=template_of("<|IMG_PATCH|>"),
    )  # fmt: skip
    return save(tf.Cohere2VisionForConditionalGeneration(config), processor, folder)


def ovis2(folder: Path) -> Path:
    marks = ["<IMG_START>", "<IMG_GRID>", "<IMG_COL>", "<IMG_ROW>", "<IMG_END>"]
    words = [*WORDS, *marks, "<IMG_ATOM>", "<image>", "ask", "say"]
    config = tf.Ovis2Config(
        text_config=text_of(words) | {"model_type": "qwen2"}, vision_config=PICTURE | {"vocab_size": 24},
        image_token_id=words.index("<IMG_ATOM>"), visual_indicator_token_ids=[*map(words.index, marks)],
        vocab_size=len(words), hidden_size=32, tie_word_embeddings=False,
    )  # fmt: skip
    processor = tf.Ovis2Processor(
        tf.Ovis2ImageProcessor(size=SQUARE, crop_to_patches=True, max_patches=4), tokenizer_of(words),
        image_seq_length=4, chat_template=template_of("<image>"),
    )  # fmt: skip
    return save(tf.Ovis2ForConditionalGeneration(config), processor, folder)


def perception_lm(folder: Path) -> Path:
    marks: dict[str, Any] = {"image_token": "<|image|>", "video_token": "<|video|>"}
    words = [*WORDS, *marks.values(), "ask", "say"]
    vision: dict[str, Any] = {
        "architecture": "vit_pe_core_large_patch14_336",
        "model_type": "timm_wrapper",
        "do_pooling": False,
    }
    vision["model_args"] = {"embed_dim": 32, "depth": 1, "num_heads": 2, "img_size": [32, 32], "patch_size": 16}
    vision["model_args"] |= {
        "ref_feat_shape": [2, 2],
        "mlp_ratio": 2,
        "global_pool": "",
        "use_post_transformer_norm": False,
    }
    config = tf.PerceptionLMConfig(
        text_config=tf.LlamaConfig(**text_of(words)), vision_config=vision, projector_pooling_ratio=1,
        image_token_id=words.index("<|image|>"), video_token_id=words.index("<|video|>"),
    )  # fmt: skip
    processor = tf.PerceptionLMProcessor(
        tf.PerceptionLMVideoProcessor(size=SQUARE), tf.PerceptionLMImageProcessor(tile_size=32, max_num_tiles=4),
        tokenizer_of(words, **marks), patch_size=16, pooling_ratio=1, chat_template=template_of("<|image|>"),
    )  # fmt: skip
    return save(tf.PerceptionLMForConditionalGeneration(config), processor, folder)


def deepseek_vl(folder: Path) -> Path:
    words = [*WORDS, "<image_placeholder>", "ask", "say"]
    config = tf.DeepseekVLConfig(
        text_config=tf.LlamaConfig(**text_of(words)),
        vision_config=tf.SiglipVisionConfig(**PICTURE, vision_use_head=False),
        image_token_id=words.index("<image_placeholder>"), tie_word_embeddings=False,
    )  # fmt: skip
    processor = tf.DeepseekVLProcessor(
        tf.DeepseekVLImageProcessor(size=SQUARE), tokenizer_of(words, image_token="<image_placeholder>"),
        num_image_tokens=4, chat_template=template_of("<image_placeholder>"),
    )  # fmt: skip
    return save(tf.DeepseekVLForConditionalGeneration(config), processor, folder)


def janus(folder: Path) -> Path:
    marks: dict[str, Any] = {
        "image_token": "<image_placeholder>",
        "boi_token": "<begin_of_image>",
        "eoi_token": "<end_of_image>",
    }
    words = [*WORDS, *marks.values(), "ask", "say"]
    vision = PICTURE | {"num_image_tokens": 4, "projection_dim": 32, "mlp_ratio": 2.0, "depth": 1}
    vision.pop("intermediate_size")
    drawing: dict[str, Any] = {
        "embed_dim": 4,
        "num_embeddings": 8,
        "latent_channels": 32,
        "base_channels": 32,
        "num_patches": 2,
    }
    drawing |= {"channel_multiplier": [1, 1], "num_res_blocks": 1, "projection_dim": 32, "image_token_embed_dim": 32}
    config = tf.JanusConfig(
        text_config=text_of(words), vision_config=vision, vq_config=drawing,
        image_token_id=words.index("<image_placeholder>"), tie_word_embeddings=False,
    )  # fmt: skip
    processor = tf.JanusProcessor(
        tf.JanusImageProcessor(size=SQUARE), tokenizer_of(words, **marks), num_image_tokens=4,
        chat_template=template_of("<image_placeholder>"),
    )  # fmt: skip
    return save(tf.JanusForConditionalGeneration(config), processor, folder)


def paddle_ocr_vl(folder: Path) -> Path:
    words = [*WORDS, "<|IMAGE_START|>", "<|IMAGE_PLACEHOLDER|>", "<|VIDEO|>", "<|IMAGE_END|>", "ask", "say"]
    text = text_of(words) | rope_of_three() | {"head_dim": 8}
    config = tf.PaddleOCRVLConfig(
        text_config=text, vision_config=PICTURE | {"patch_size": 8}, tie_word_embeddings=False,
        image_token_id=words.index("<|IMAGE_PLACEHOLDER|>"), video_token_id=words.index("<|VIDEO|>"),
        vision_start_token_id=words.index("<|IMAGE_START|>"), vision_end_token_id=words.index("<|IMAGE_END|>"),
    )  # fmt: skip
    side: Any = {"patch_size": 8, "size": {"shortest_edge": 256, "longest_edge": 4096}}
    processor = tf.PaddleOCRVLProcessor(
        tf.PaddleOCRVLImageProcessor(**side), tokenizer_of(words, image_token="<|IMAGE_PLACEHOLDER|>"),
        chat_template=template_of("<|IMAGE_START|><|IMAGE_PLACEHOLDER|><|IMAGE_END|>"),
    )  # fmt: skip
    return save(tf.PaddleOCRVLForConditionalGeneration(config), processor, folder)


def gemma3n(folder: Path) -> Path:
    """An eye of timm; ears that hear nothing here."""
    marks: dict[str, Any] = {"boi_token": "<boi>", "image_token": "<image>", "eoi_token": "<eoi>", "boa_token": "<boa>"}
    marks |= {"audio_token": "<audio>", "eoa_token": "<eoa>"}
    words = [*WORDS, "ask", "say", *marks.values()]
    text = text_of(words) | {"head_dim": 8, "sliding_window": 16, "num_kv_shared_layers": 0, "laurel_rank": 4}
    text |= {"layer_types": ["sliding_attention", "full_attention"], "hidden_size_per_layer_input": 4}
    text |= {
        "vocab_size_per_layer_input": len(words),
        "tie_word_embeddings": False,
        "activation_sparsity_pattern": [0.0, 0.0],
    }
    sound: dict[str, Any] = {
        "hidden_size": 32,
        "conf_num_attention_heads": 4,
        "conf_num_hidden_layers": 1,
        "vocab_size": 1,
    }
    sound |= {"vocab_offset": len(words) - 1, "sscp_conv_channel_size": [4, 4], "input_feat_size": 16}
    eye = {"channel_multiplier": 0.05, "msfa_output_resolution": 2}
    names = ("boi_token_id", "image_token_id", "eoi_token_id", "boa_token_id", "audio_token_id", "eoa_token_id")
    config = tf.Gemma3nConfig(
        text_config=text, audio_config=sound, vision_soft_tokens_per_image=4, tie_word_embeddings=False,
        vision_config={"vocab_size": 4, "vocab_offset": len(words) - 5, "model_args": eye},
        **dict(zip(names, map(words.index, marks.values()), strict=True)),
    )  # fmt: skip
    processor = tf.Gemma3nProcessor(
        tf.Gemma3nAudioFeatureExtractor(), tf.SiglipImageProcessor(size=SQUARE), tokenizer_of(words, **marks),
        image_seq_length=4, chat_template=template_of("<image>"),
    )  # fmt: skip
    return save(tf.Gemma3nForConditionalGeneration(config), processor, folder)


def glm_ocr(folder: Path) -> Path:
    marks = ["<|image|>", "<|video|>", "<|begin_of_image|>", "<|end_of_image|>", "<bov>", "<eov>"]
    words = [*WORDS, *marks, "ask", "say"]
    names = ("image_token_id", "video_token_id", "image_start_token_id", "image_end_token_id",
             "video_start_token_id", "video_end_token_id")  # fmt: skip
    vision: Any = {"depth": 1, "hidden_size": 32, "intermediate_size": 48, "num_heads": 2, "patch_size": 8}
    vision |= {"out_hidden_size": 32, "image_size": 64}
    config = tf.GlmOcrConfig(
        text_config=text_of(words) | rope_of_three(), vision_config=vision,
        **dict(zip(names, map(words.index, marks), strict=True)),
    )  # fmt: skip
    side: Any = {"patch_size": 8, "merge_size": 2, "size": {"shortest_edge": 256, "longest_edge": 4096}}
    tokenizer = tokenizer_of(words, image_token="<|image|>", video_token="<|video|>")
    template = template_of("<|begin_of_image|><|image|><|end_of_image|>")
    processor = tf.Glm46VProcessor(
        tf.Glm46VImageProcessor(**side), tokenizer, tf.Glm46VVideoProcessor(**side), chat_template=template
    )
    return save(tf.GlmOcrForConditionalGeneration(config), processor, folder)


def exaone4_5(folder: Path) -> Path:
    words = [*WORDS, "<vision>", "<|image_pad|>", "<|video_pad|>", "</vision>", "ask", "say"]
    vision: Any = {"depth": 1, "hidden_size": 32, "intermediate_size": 48, "num_heads": 4, "patch_size": 8}
    vision |= {"out_hidden_size": 32, "window_size": 32, "fullatt_block_indexes": [0], "num_key_value_heads": 2}
    text = text_of(words) | {"model_type": "exaone4", "sliding_window": 16, "sliding_window_pattern": 2}
    config = tf.Exaone4_5_Config(
        text_config=text, vision_config=vision, image_token_id=words.index("<|image_pad|>"),
        video_token_id=words.index("<|video_pad|>"),
    )  # fmt: skip
    side: Any = {"patch_size": 8, "merge_size": 2, "size": {"shortest_edge": 256, "longest_edge": 4096}}
    tokenizer = tokenizer_of(words, image_token="<|image_pad|>", video_token="<|video_pad|>")
    processor = tf.Exaone4_5_Processor(
        tf.Qwen2VLImageProcessor(**side), tokenizer, tf.Qwen2VLVideoProcessor(**side),
        chat_template=template_of("<vision><|image_pad|></vision>"),
    )  # fmt: skip
    return save(tf.Exaone4_5_ForConditionalGeneration(config), processor, folder)


def llava_next_video(folder: Path) -> Path:
    words = [*WORDS, "<image>", "<video>", "ask", "say"]
    grid: Any = [[32, 64], [64, 32], [64, 64]]
    config = tf.LlavaNextVideoConfig(
        text_config=tf.LlamaConfig(**text_of(words)), vision_config=tf.CLIPVisionConfig(**PICTURE, projection_dim=16),
        image_token_index=words.index("<image>"), video_token_index=words.index("<video>"), image_seq_length=4,
        vision_feature_layer=-1, image_grid_pinpoints=grid,
    )  # fmt: skip
    side: Any = {"size": {"shortest_edge": 32}, "crop_size": SQUARE}
    processor = tf.LlavaNextVideoProcessor(
        tf.LlavaNextVideoVideoProcessor(**side), tf.LlavaNextImageProcessor(**side, image_grid_pinpoints=grid),
        tokenizer_of(words), patch_size=16, num_additional_image_tokens=1, vision_feature_select_strategy="default",
        chat_template=template_of("<image>"),
    )  # fmt: skip
    return save(tf.LlavaNextVideoForConditionalGeneration(config), processor, folder)


def fast_vlm(folder: Path) -> Path:
    words = [*WORDS, "<image>", "ask", "say"]
    vision: Any = {"model_type": "timm_wrapper", "architecture": "fastvit_mci3", "hidden_size": 64}
    vision["model_args"] = {"layers": [1, 1, 1, 1, 1], "embed_dims": [16, 16, 16, 32, 32], "inference_mode": True}
    config = tf.FastVlmConfig(
        text_config=tf.Qwen2Config(**text_of(words)), vision_config=vision,
        image_token_index=words.index("<image>"), image_seq_length=1,
    )  # fmt: skip
    processor = tf.LlavaProcessor(
        tf.CLIPImageProcessor(size={"shortest_edge": 64}, crop_size={"height": 64, "width": 64}),
        tokenizer_of(words), patch_size=64, vision_feature_select_strategy="full",
        chat_template=template_of("<image>"),
    )  # fmt: skip
    return save(tf.FastVlmForConditionalGeneration(config), processor, folder)


def molmo2(folder: Path) -> Path:
    marks = ["<im_patch>", "<im_col>", "<im_start>", "<low_res_im_start>", "<frame_start>", "<im_end>", "<frame_end>"]
    words = [*WORDS, "ask", "say", "<|image|>", "<|video|>", *marks, "<im_low>"]
    text = text_of(words) | {"head_dim": 8, "additional_vocab_size": 4}
    vision = PLAIN | {"num_key_value_heads": 4, "head_dim": 8, "patch_size": 8, "image_size": [32, 32]}
    adapter = {"vision_feature_layer": [1, 0], "hidden_size": 32, "num_attention_heads": 4, "num_key_value_heads": 4}
    adapter |= {"head_dim": 8, "intermediate_size": 48, "text_hidden_size": 32}
    config = tf.Molmo2Config(
        text_config=text, vision_config=vision, adapter_config=adapter, image_start_token_id=words.index("<im_start>"),
        low_res_image_start_token_id=words.index("<low_res_im_start>"), image_end_token_id=words.index("<im_end>"),
        image_patch_id=words.index("<im_patch>"), frame_start_token_id=words.index("<frame_start>"),
        frame_end_token_id=words.index("<frame_end>"),
    )  # fmt: skip
    side: Any = {"size": SQUARE, "patch_size": 8}
    processor = tf.Molmo2Processor(
        tf.Molmo2ImageProcessor(**side, max_crops=2, overlap_margins=[1, 1]), tf.Molmo2VideoProcessor(**side),
        tokenizer_of(words), chat_template=template_of("<|image|>"),
    )  # fmt: skip
    return save(tf.Molmo2ForConditionalGeneration(config), processor, folder)


def minicpm_v(folder: Path) -> Path:
    marks: dict[str, Any] = {f"{name}_token": f"<{name}>" for name in ("image", "video")}
    marks |= {
        f"{name}_{end}_token": f"<{name}_{end}>" for name in ("image", "slice", "image_id") for end in ("start", "end")
    }
    words = [*WORDS, *marks.values(), *map(str, range(4)), "ask", "say"]
    vision = PICTURE | {"patch_size": 8, "insert_layer_id": 0}
    text = tf.Qwen2Config(**text_of(words))
    config = tf.MiniCPMV4_6Config(
        text_config=text, vision_config=vision, insert_layer_id=0, image_size=32, image_token_id=words.index("<image>"),
        video_token_id=words.index("<video>"),
    )  # fmt: skip
    side: Any = {"patch_size": 8, "scale_resolution": 32, "max_slice_nums": 2}
    processor = tf.MiniCPMV4_6Processor(
        tf.MiniCPMV4_6ImageProcessor(**side), tf.MiniCPMV4_6VideoProcessor(**side), tokenizer_of(words, **marks),
        chat_template=template_of("<image>"),
    )  # fmt: skip
    return save(tf.MiniCPMV4_6ForConditionalGeneration(config), processor, folder)


def granite_docling(folder: Path) -> Path:
    tiles = [f"<row_{row}_col_{column}>" for row in range(1, 3) for column in range(1, 3)]
    special = ["<fake_token_around_image>", "<image>", "<end_of_utterance>", "<global-img>", *tiles]
    words = [*WORDS, *special, "ask", "say"]
    vision = PICTURE | {
        "patch_size": 4,
        "out_hidden_size": 32,
        "deepstack_visual_indexes": [0],
        "use_fine_route": False,
    }
    config = tf.GraniteDoclingConfig(
        text_config=text_of(words), vision_config=vision, image_token_id=words.index("<image>"), pad_token_id=0,
        tie_word_embeddings=False,
    )  # fmt: skip
    processor = tf.GraniteDoclingProcessor(
        tf.GraniteDoclingImageProcessor(size=SQUARE, max_patches=4), tokenizer_of(words), image_seq_len=4,
        chat_template=template_of("<image>"),
    )  # fmt: skip
    return save(tf.GraniteDoclingForConditionalGeneration(config), processor, folder)


CHATTING = [
    llama4, cohere2_vision, ovis2, perception_lm, deepseek_vl, janus, paddle_ocr_vl, gemma3n, glm_ocr, exaone4_5,
    llava_next_video, fast_vlm, molmo2, minicpm_v, granite_docling,
]  # fmt: skip
