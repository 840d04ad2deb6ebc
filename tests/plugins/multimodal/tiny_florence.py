"""A tiny random checkpoint of Florence-2 that writes a few words and many places."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from .tiny import WORDS
from .tiny_chat import save

tf: Any = transformers  # its stubs do not know the keywords of each configuration
PLACES = [f"<loc_{at * 90}>" for at in range(12)]
VOCABULARY = [*WORDS, *PLACES, "<image>"]


def florence2(folder: Path, **generation: Any) -> Path:
    text: dict[str, Any] = {
        "model_type": "bart", "vocab_size": len(VOCABULARY), "d_model": 32, "encoder_layers": 1, "decoder_layers": 1,
        "encoder_attention_heads": 4, "decoder_attention_heads": 4, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64,
        "max_position_embeddings": 128, "pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3,
        "decoder_start_token_id": 3, "forced_eos_token_id": None,
    }  # fmt: skip
    vision: dict[str, Any] = {
        "depths": [1, 1], "patch_size": [7, 3], "patch_stride": [4, 2], "patch_padding": [3, 1], "embed_dim": [16, 32],
        "patch_prenorm": [False, True], "num_heads": [2, 4], "num_groups": [2, 4], "window_size": 4,
        "projection_dim": 32, "max_position_embeddings": 8,
    }  # fmt: skip
    config = tf.Florence2Config(
        text_config=text, vision_config=vision, image_token_id=VOCABULARY.index("<image>"), pad_token_id=0,
        tie_word_embeddings=False,
    )  # fmt: skip
    network = tf.Florence2ForConditionalGeneration(config)
    said = {VOCABULARY.index(each) for each in ("ball", "red", "sky", *PLACES)}
    generation = {"no_repeat_ngram_size": 3, "max_new_tokens": 100} | generation
    generation |= {"suppress_tokens": sorted({*range(len(VOCABULARY))} - said), "decoder_start_token_id": 3}
    for name, value in generation.items():
        setattr(network.generation_config, name, value)
    fast = Tokenizer(models.WordLevel({word: at for at, word in enumerate(VOCABULARY)}, unk_token="[UNK]"))
    fast.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    fast.decoder = decoders.Fuse()
    names: Any = {"pad_token": "[PAD]", "unk_token": "[UNK]", "eos_token": "[SEP]", "bos_token": "[CLS]"}
    tokenizer = tf.PreTrainedTokenizerFast(
        tokenizer_object=fast, model_max_length=128, **names, extra_special_tokens={"image_token": "<image>"}
    )
    images = tf.CLIPImageProcessor(
        size={"height": 32, "width": 32}, do_center_crop=False, image_seq_length=17, resample=3
    )
    kinds = ("pure_text", "ocr", "description_with_bboxes")
    processor = tf.Florence2Processor(images, tokenizer, post_processor_config={kind: {} for kind in kinds})
    return save(network, processor, folder)
