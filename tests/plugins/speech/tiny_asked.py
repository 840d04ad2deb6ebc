"""Tiny random checkpoints of networks that are asked to write down what they hear, and of transducers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

tf: Any = transformers  # its stubs do not know the keywords of each configuration
WORDS = "<pad> <unk> <s> </s> <sound> <blank> say a ball red sky dog rain music English German en de".split()
TEXT: dict[str, Any] = {
    "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8,
    "intermediate_size": 48, "max_position_embeddings": 512, "vocab_size": len(WORDS), "pad_token_id": 0,
    "bos_token_id": 2, "eos_token_id": 3,
}  # fmt: skip
TEMPLATE = (
    "{% for message in messages %}{% for part in message['content'] %}{% if part['type'] == 'audio' %}<sound> "
    "{% elif part.get('text') %}{{ part['text'] }} {% elif part.get('language') %}{{ part['language'] }} {% endif %}"
    "{% endfor %}{% endfor %}say"
)
SOUND = WORDS.index("<sound>")


def qwen3_asr(folder: Path) -> Path:
    audio: dict[str, Any] = {
        "d_model": 16,
        "encoder_layers": 1,
        "encoder_attention_heads": 2,
        "encoder_ffn_dim": 24,
        "output_dim": 32,
    }
    audio |= {"num_mel_bins": 16, "downsample_hidden_size": 8}
    config = tf.Qwen3ASRConfig(
        audio_config=audio, text_config=TEXT | {"model_type": "qwen3"}, audio_token_id=SOUND, tie_word_embeddings=False,
        pad_token_id=0, eos_token_id=3,
    )  # fmt: skip
    tokenizer = _tokenizer(audio_token="<sound>", audio_bos_token="<s>", audio_eos_token="</s>")
    processor = tf.Qwen3ASRProcessor(tf.Qwen3ASRFeatureExtractor(feature_size=16), tokenizer, chat_template=TEMPLATE)
    return _save(tf.Qwen3ASRForConditionalGeneration(config), processor, folder, seed=1, std=0.8)


def glm_asr(folder: Path) -> Path:
    audio: dict[str, Any] = {
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 64,
    }
    audio |= {"num_mel_bins": 16, "model_type": "glmasr_encoder"}
    config = tf.GlmAsrConfig(
        audio_config=audio, text_config=TEXT | {"model_type": "llama"}, audio_token_id=SOUND, tie_word_embeddings=False
    )
    processor = tf.GlmAsrProcessor(
        tf.WhisperFeatureExtractor(feature_size=16), _tokenizer(), audio_token="<sound>", chat_template=TEMPLATE,
        default_transcription_prompt="a sky",
    )  # fmt: skip
    return _save(tf.GlmAsrForConditionalGeneration(config), processor, folder)


def audio_flamingo3(folder: Path) -> Path:
    audio: dict[str, Any] = {
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 24,
    }
    audio |= {"num_mel_bins": 16, "model_type": "audioflamingo3_encoder"}
    config = tf.AudioFlamingo3Config(
        audio_config=audio, text_config=TEXT | {"model_type": "qwen2"}, audio_token_id=SOUND, tie_word_embeddings=False
    )
    processor = tf.AudioFlamingo3Processor(
        tf.WhisperFeatureExtractor(feature_size=16), _tokenizer(), audio_token="<sound>", chat_template=TEMPLATE
    )
    return _save(tf.AudioFlamingo3ForConditionalGeneration(config), processor, folder)


def fun_asr_nano(folder: Path) -> Path:
    audio: dict[str, Any] = {
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 24,
    }
    audio |= {"num_mel_bins": 16, "num_timestamp_prediction_layers": 0, "model_type": "fun_asr_nano_encoder"}
    adaptor: dict[str, Any] = {
        "hidden_size": 32,
        "num_attention_heads": 4,
        "intermediate_size": 8,
        "projector_hidden_size": 24,
    }
    config = tf.FunAsrNanoConfig(
        audio_config=audio, adaptor_config=adaptor, text_config=TEXT | {"model_type": "qwen3"}, audio_token_id=SOUND,
        tie_word_embeddings=False,
    )  # fmt: skip
    processor = tf.FunAsrNanoProcessor(
        tf.FunAsrNanoFeatureExtractor(feature_size=16), _tokenizer(), audio_token="<sound>", chat_template=TEMPLATE
    )
    return _save(tf.FunAsrNanoForConditionalGeneration(config), processor, folder)


def canary(folder: Path) -> Path:
    """Its decoder begins with the languages and has no sound among its tokens."""
    decoder = {name: size for name, size in TEXT.items() if name != "num_key_value_heads"}
    config = tf.CanaryConfig(
        encoder_config=_encoder() | {"hidden_size": 32}, decoder_config=decoder | {"num_key_value_heads": 4},
        vocab_size=len(WORDS), pad_token_id=0, bos_token_id=2, eos_token_id=3, decoder_start_token_id=2,
        tie_word_embeddings=False,
    )  # fmt: skip
    template = (
        "{% for part in messages[0]['content'] %}{% if part['type'] == 'text' %}<s> {{ part['source_language'] }} "
    )
    template += "{{ part['target_language'] }}{% endif %}{% endfor %}"
    processor = tf.CanaryProcessor(tf.ParakeetFeatureExtractor(feature_size=16), _tokenizer(), chat_template=template)
    return _save(tf.CanaryForConditionalGeneration(config), processor, folder, seed=1, std=0.8)


def cohere_asr(folder: Path) -> Path:
    """Its decoder begins with what its processor says of the language, and it must be told."""
    said = "▁ <|startofcontext|> <|startoftranscript|> <|emo:undefined|> <|pnc|> <|noitn|> <|notimestamp|>".split()
    words = [*WORDS, *said, "<|nodiarize|>", "<|en|>", "<|de|>"]
    sizes = {name: TEXT[name] for name in ("hidden_size", "intermediate_size", "num_hidden_layers", "head_dim")}
    config = tf.CohereAsrConfig(
        **sizes, encoder_config=_encoder() | {"hidden_size": 32}, num_attention_heads=4, max_position_embeddings=512,
        vocab_size=len(words), pad_token_id=0, bos_token_id=2, eos_token_id=3, decoder_start_token_id=words.index("▁"),
    )  # fmt: skip
    processor = tf.CohereAsrProcessor(tf.CohereAsrFeatureExtractor(feature_size=16), _tokenizer(words))
    return _save(tf.CohereAsrForConditionalGeneration(config), processor, folder, seed=1, std=0.8)


def granite_speech(folder: Path, has_lora_adapter: bool = False) -> Path:
    encoder = {"input_dim": 160, "num_layers": 2, "hidden_dim": 16, "num_heads": 2, "output_dim": 8, "context_size": 20}
    projector: dict[str, Any] = {
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 24,
    }
    projector |= {"encoder_hidden_size": 16, "cross_attention_frequency": 1, "model_type": "blip_2_qformer"}
    text = TEXT | {"model_type": "granite"}
    text.pop("head_dim")
    config = tf.GraniteSpeechConfig(
        encoder_config=encoder, projector_config=projector, text_config=text, audio_token_index=SOUND,
        has_lora_adapter=has_lora_adapter, tie_word_embeddings=False,
    )  # fmt: skip
    extractor = tf.GraniteSpeechFeatureExtractor()
    tokenizer = _tokenizer()
    tokenizer.chat_template = "{{ messages[0]['content'] }} say"
    processor = tf.GraniteSpeechProcessor(extractor, tokenizer, audio_token="<sound>")
    return _save(tf.GraniteSpeechForConditionalGeneration(config), processor, folder)


def parakeet_rnnt(folder: Path) -> Path:
    return _transducer(tf.ParakeetForRNNT(tf.ParakeetRNNTConfig(**_transducing())), folder)


def parakeet_tdt(folder: Path) -> Path:
    return _transducer(tf.ParakeetForTDT(tf.ParakeetTDTConfig(**_transducing())), folder)


def nemotron_streaming(folder: Path) -> Path:
    """A transducer that is published for live sound, and hears whole clips, too."""
    network = tf.NemotronAsrStreamingForRNNT(tf.NemotronAsrStreamingConfig(**_transducing()))
    return _transducer(network, folder, "NemotronAsrStreaming", seed=3)


def moonshine_streaming(folder: Path) -> Path:
    """An encoder-decoder that makes spectra of whole frames itself."""
    sizes: dict[str, Any] = {name: TEXT[name] for name in ("hidden_size", "intermediate_size", "num_hidden_layers")}
    sizes |= {"num_attention_heads": 4, "num_key_value_heads": 4, "max_position_embeddings": 512}
    config = tf.MoonshineStreamingConfig(
        **sizes, encoder_config=sizes | {"sliding_windows": [[8, 2], [8, 0]]}, vocab_size=len(WORDS), pad_token_id=0,
        bos_token_id=2, eos_token_id=3, decoder_start_token_id=2,
    )  # fmt: skip
    extractor = tf.Wav2Vec2FeatureExtractor(do_normalize=False, return_attention_mask=True)
    processor = tf.MoonshineStreamingProcessor(extractor, _tokenizer())
    return _save(tf.MoonshineStreamingForConditionalGeneration(config), processor, folder, seed=1, std=0.5)


ASKED = [qwen3_asr, glm_asr, audio_flamingo3, fun_asr_nano, canary, granite_speech]
TRANSDUCERS = [parakeet_rnnt, parakeet_tdt, nemotron_streaming]


def _encoder() -> dict[str, Any]:
    return {
        "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 24,
        "subsampling_conv_channels": 8, "num_mel_bins": 16,
    }  # fmt: skip


def _transducing() -> dict[str, Any]:
    sizes = {"vocab_size": len(WORDS), "decoder_hidden_size": 16, "num_decoder_layers": 1, "pad_token_id": 0}
    return {"encoder_config": _encoder(), "blank_token_id": WORDS.index("<blank>"), "max_symbols_per_step": 2, **sizes}


def _transducer(network: Any, folder: Path, family: str = "Parakeet", seed: int = 0) -> Path:
    network.generation_config.decoder_start_token_id = WORDS.index("<blank>")
    words = Tokenizer(models.BPE({word: at for at, word in enumerate(WORDS)}, [], unk_token="<unk>"))
    words.decoder = decoders.Metaspace()
    tokenizer = tf.ParakeetTokenizer(tokenizer_object=words, unk_token="<unk>", pad_token="<pad>")
    tokenizer.add_special_tokens({"additional_special_tokens": ["<blank>"]})
    extractor = getattr(tf, f"{family}FeatureExtractor")(feature_size=16)
    return _save(network, getattr(tf, f"{family}Processor")(extractor, tokenizer), folder, seed=seed)


def _tokenizer(words: list[str] = WORDS, **marks: str) -> Any:
    fast = Tokenizer(models.WordLevel({word: at for at, word in enumerate(words)}, unk_token="<unk>"))
    fast.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    names: Any = {"pad_token": "<pad>", "unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}
    tokenizer = tf.PreTrainedTokenizerFast(tokenizer_object=fast, **names, extra_special_tokens=marks)
    special = ["<sound>", *(word for word in words if word.startswith(("<|", "▁")))]
    tokenizer.add_special_tokens({"additional_special_tokens": special}, replace_extra_special_tokens=False)
    return tokenizer


def _save(network: Any, processor: Any, folder: Path, *, seed: int = 0, std: float = 0.4) -> Path:
    torch.manual_seed(seed)
    with torch.no_grad():
        for each in network.parameters():
            if each.dim() > 1:
                each.normal_(0, std)
    network.generation_config.eos_token_id, network.generation_config.pad_token_id = 3, 0
    if not hasattr(network.config, "blank_token_id"):  # a transducer ends with the sound
        network.generation_config.max_new_tokens = 12
    network.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
