"""Source separation: torchaudio's bare networks on short clips, its tutorial's crossfade on long ones."""

import json

import numpy as np
import pytest
import torch
from torchaudio.transforms import Fade

import duomo
from duomo.errors import InputTooLong, WeightsMismatch
from duomo_speech.separation import Description, save

RATE = 8000
DEMUCS = Description(
    architecture="hdemucs", sampling_rate=RATE, labels=("drums", "vocals"), segment_s=1.0,
    settings={"channels": 4, "depth": 3, "nfft": 256},
)  # fmt: skip
TASNET = Description(
    architecture="conv-tasnet", sampling_rate=RATE, labels=("speaker-1", "speaker-2"), segment_s=1.0,
    settings={"enc_num_feats": 8, "msk_num_feats": 8, "msk_num_hidden_feats": 8, "msk_num_layers": 2,
              "msk_num_stacks": 1},
)  # fmt: skip


@pytest.fixture(scope="module", params=[DEMUCS, TASNET], ids=lambda about: about.architecture)
def separator(request, tmp_path_factory):
    torch.manual_seed(0)
    network = request.param.build().eval()
    folder = save(network, tmp_path_factory.mktemp("separation"), request.param)
    with duomo.load("source-separation", f"dir:{folder}", device="cpu") as runner:
        yield request.param, network, runner


def clip(seconds, seed=0):
    return (0.2 * np.random.default_rng(seed).standard_normal(int(seconds * RATE))).astype(np.float32)


def parts_of(about, network, samples):
    """What the network makes of (samples,), as the pages of torchaudio do it: (labels, samples)."""
    given = torch.from_numpy(samples)[None, None]
    with torch.inference_mode():
        return network(given.expand(-1, 2, -1)).mean(2)[0] if about.architecture == "hdemucs" else network(given)[0]


def levelled(about, samples):
    mean, spread = (samples.mean(), samples.std()) if about.architecture == "hdemucs" else (0, 1)
    return (samples - mean) / spread, mean, spread


@pytest.mark.equals("torchaudio's bare networks and crossfade, to 1e-4", "source-separation")
def test_short_clips_are_what_the_network_makes_of_them_alone_and_in_a_batch(separator, tmp_path):
    about, network, runner = separator
    clips = [clip(1.0), clip(0.7, 1), clip(1.0, 2)]
    items = [(each, RATE) for each in clips]
    for samples, item, outcome in zip(clips, items, runner.map(items, batch_size=3), strict=True):
        result = outcome.unwrap()
        given, mean, spread = levelled(about, samples)
        expected = parts_of(about, network, given) * spread + mean
        assert [part.label for part in result.sources] == list(about.labels)
        for part, sound in zip(result.sources, expected.numpy(), strict=True):
            assert len(part.samples) == len(samples)
            np.testing.assert_allclose(part.samples, sound.clip(-1, 1), atol=1e-4)
        alone = runner(item)
        for part, other in zip(result.sources, alone.sources, strict=True):
            np.testing.assert_allclose(part.samples, other.samples, atol=1e-4)
    assert result[about.labels[1]] == result.sources[1]
    assert [path.name for path in result.save(tmp_path / "parts")] == [f"{label}.wav" for label in about.labels]
    assert len(duomo.Audio.accept(tmp_path / "parts" / f"{about.labels[0]}.wav").samples(RATE)) == RATE


def test_less_sound_than_a_frame_is_an_error_of_its_item(separator):
    _, _, runner = separator
    short, good = runner.map([(clip(1.0)[:3], RATE), (clip(0.7), RATE)])
    assert "too few for one frame" in short.error.what
    assert good.ok


def test_long_clips_are_crossfaded_or_refused(separator):
    about, network, runner = separator
    samples = clip(2.3)
    beginning = next(iter(runner.map([(samples, RATE)], long="truncate")))
    assert beginning.meta.truncated
    assert len(beginning.unwrap().sources[0].samples) == RATE
    if about.architecture == "conv-tasnet":
        with pytest.raises(InputTooLong) as caught:
            runner((samples, RATE))
        assert "second in the next" in caught.value.why
        return
    [whole] = runner.map([(samples, RATE)])
    assert whole.meta.windows == 3
    # As `separate_sources` of torchaudio's tutorial on Hybrid Demucs.
    given, mean, spread = levelled(about, samples)
    overlap = RATE // 10
    fade = Fade(fade_in_len=0, fade_out_len=overlap, fade_shape="linear")
    expected, start = torch.zeros(2, len(samples)), 0
    while start < len(samples) - overlap:
        part = given[start : start + RATE]
        found = parts_of(about, network, part)
        if start + RATE >= len(samples):
            fade.fade_out_len = 0
        expected[:, start : start + len(part)] += fade(found)
        fade.fade_in_len = overlap
        start += RATE - overlap
    for source, sound in zip(whole.unwrap().sources, (expected * spread + mean).numpy(), strict=True):
        np.testing.assert_allclose(source.samples, sound.clip(-1, 1), atol=1e-4)


def test_clips_of_a_few_samples_and_broken_ones(separator):
    _, _, runner = separator
    short, silent, bad = runner.map([(clip(0.01), RATE), (np.zeros(RATE, np.float32), RATE), b"no sound"])
    assert len(short.unwrap().sources[0].samples) == 80
    assert np.isfinite(silent.unwrap().sources[0].samples).all()
    assert bad.error.code == "E-INPUT-UNREADABLE"


def test_settings_that_the_network_does_not_have_are_refused(tmp_path):
    save(TASNET.build(), tmp_path, TASNET)
    record = json.loads((tmp_path / "duomo.json").read_text())
    for settings, message in (({"msk_num_layers": 3}, "missing"), ({"depth": 3}, "does not describe")):
        (tmp_path / "duomo.json").write_text(json.dumps({**record, "settings": {**record["settings"], **settings}}))
        with pytest.raises(WeightsMismatch, match=message):
            duomo.load("source-separation", f"dir:{tmp_path}", device="cpu")
