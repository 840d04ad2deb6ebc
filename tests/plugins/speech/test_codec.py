"""Neural codecs: the codes and the sound of transformers' own classes, one by one and in a batch."""

from typing import Any

import numpy as np
import pytest
import torch
import transformers as tf

import duomo
from duomo.errors import BadOption, InputTooLong, WeightsMismatch
from tests.plugins.speech import tiny

RATE = 8000
STEP = 1.01 / 2**15
"""A step of 16 bits."""
CLASSES: dict[str, Any] = {"encodec": tf.EncodecModel, "dac": tf.DacModel, "mimi": tf.MimiModel}


@pytest.fixture(scope="module", params=list(CLASSES))
def codec(request, tmp_path_factory):
    """The kind, the bare network, and a runner over the same folder."""
    folder = tmp_path_factory.mktemp(request.param)
    getattr(tiny, request.param)(folder)
    network = CLASSES[request.param].from_pretrained(folder).eval()
    with duomo.load("audio-tokenization", f"dir:{folder}", device="cpu") as runner:
        yield request.param, network, runner


def sound(seconds: float, seed: int = 0) -> np.ndarray:
    return (0.3 * np.random.default_rng(seed).standard_normal(int(seconds * RATE))).astype(np.float32)


def expected(kind, network, samples, count):
    """Codes (codebooks, frames) and sound, as transformers' own pages do it, of clips of whole frames."""
    values = torch.from_numpy(samples)[None, None]
    with torch.inference_mode():
        if kind == "encodec":
            bandwidth = next(
                each for each in network.config.target_bandwidths
                if network.quantizer.get_num_quantizers_for_bandwidth(each) == count
            )  # fmt: skip
            coded = network.encode(values, bandwidth=bandwidth)
            made = network.decode(coded.audio_codes, coded.audio_scales).audio_values
            return coded.audio_codes[0, 0], made.flatten()
        options = {"n_quantizers": count} if kind == "dac" else {"num_quantizers": count}
        codes = network.encode(values, **options).audio_codes
        return codes[0], network.decode(audio_codes=codes).audio_values.flatten()


@pytest.mark.equals("the bare networks, the same codes, sound to 1e-4", "audio-tokenization")
def test_codes_and_sound_are_those_of_transformers_alone_and_in_a_batch(codec):
    kind, network, runner = codec
    clips = [sound(0.5), sound(0.25, 1), sound(0.5, 2)]
    counts = [2, 8] if kind == "encodec" else [2, 4]
    if kind == "encodec":
        counts = [network.quantizer.get_num_quantizers_for_bandwidth(each) for each in network.config.target_bandwidths]
    for count in counts:
        items = [(each, RATE) for each in clips]
        for clip, item, outcome in zip(clips, items, runner.map(items, num_codebooks=count, batch_size=3), strict=True):
            result = outcome.unwrap()
            codes, made = expected(kind, network, clip, count)
            assert result.codes == codes.tolist()
            assert len(result.samples) == len(clip)
            kept = min(len(made), len(clip))
            np.testing.assert_allclose(result.samples[:kept], made[:kept].clip(-1, 1), atol=1e-4)
            alone = runner(item, num_codebooks=count)
            assert alone.codes == result.codes
            # A batch adds up in another order: where a sample lies between two steps of 16 bits, either is right.
            np.testing.assert_allclose(result.samples, alone.samples, atol=STEP)


def test_all_codebooks_are_kept_unless_fewer_are_asked_for(codec):
    kind, network, runner = codec
    result = runner((sound(0.25), RATE))
    assert len(result.codes) == (network.config.n_codebooks if kind == "dac" else network.config.num_quantizers)
    fewer = runner((sound(0.25), RATE), num_codebooks=1)
    assert fewer.codes == result.codes[:1], "the first codebook does not depend on the others"
    assert max(map(max, result.codes)) < result.codebook_size == 32
    assert len(result.codes[0]) * result.step_s == pytest.approx(result.duration, abs=2 * result.step_s)
    assert result.bits_per_second == pytest.approx(len(result.codes) * 5 / result.step_s)
    with pytest.raises(BadOption, match=f"cannot be {len(result.codes) + 1}"):
        runner((sound(0.25), RATE), num_codebooks=len(result.codes) + 1)


def test_less_sound_than_a_frame_is_an_error_of_its_item(codec):
    _, _, runner = codec
    short, good = runner.map([(sound(0.25)[:3], RATE), (sound(0.25), RATE)])
    assert "too few for one frame" in short.error.what
    assert good.ok


def test_a_long_clip_is_refused_cut_or_coded_in_parts(codec):
    _, _, runner = codec
    runner.executor.worker.model.most = 1000  # a minute would take long here
    clip = sound(0.3)
    with pytest.raises(InputTooLong, match="long=window"):
        runner((clip, RATE))
    whole, beginning = (next(iter(runner.map([(clip, RATE)], long=policy))) for policy in ("window", "truncate"))
    assert (whole.meta.windows, beginning.meta.truncated) == (3, True)
    assert len(whole.unwrap().samples) == len(clip)
    assert len(beginning.unwrap().samples) == 1000
    first = runner((clip[:1000], RATE))
    assert [row[: len(first.codes[0])] for row in whole.unwrap().codes] == first.codes
    runner.executor.worker.model.most = 60 * RATE


def test_a_codec_of_overlapping_stereo_chunks_is_refused(tmp_path):
    tiny.encodec(tmp_path, audio_channels=2, chunk_length_s=1.0, overlap=0.01, normalize=True)
    with pytest.raises(WeightsMismatch, match="overlapping chunks"):
        duomo.load("audio-tokenization", f"dir:{tmp_path}", device="cpu")
