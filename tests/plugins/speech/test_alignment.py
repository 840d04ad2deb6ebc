"""Words on the clock of their audio clip: torchaudio's own alignment of the bare network's frames."""

import numpy as np
import pytest
import torch
import transformers as tf

import duomo
from duomo.errors import BadInput, InputTooLong
from duomo.testing.samples import voice
from duomo_speech.alignment import spell
from tests.plugins.speech import tiny

RATE = 16_000
STRIDE = 80
"""Samples a frame of the tiny network."""


@pytest.fixture(scope="module", params=["wav2vec2", "sew", "sew-d"])
def folder(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ctc")
    tiny.ctc(folder, request.param)
    return folder


@pytest.fixture(scope="module")
def runner(folder):
    with duomo.load("forced-alignment", f"dir:{folder}", device="cpu") as runner:
        yield runner


@pytest.fixture(scope="module")
def network(folder):
    return tf.AutoModelForCTC.from_pretrained(folder).eval()


def frames(network, samples):
    """Log probabilities of the bare network, (1, frames, letters)."""
    levelled = (samples - samples.mean()) / np.sqrt(samples.var() + 1e-7)
    with torch.inference_mode():
        return network(torch.from_numpy(levelled)[None]).logits.log_softmax(-1)


@pytest.mark.equals("torchaudio's alignment of the bare network, the same times", "forced-alignment")
@pytest.mark.filterwarnings("ignore")
def test_words_are_where_torchaudio_puts_them_alone_and_in_a_batch(runner, network):
    from torchaudio.functional import forced_align, merge_tokens

    items = [
        ((voice(120, 1.2), RATE), "a red ball"),
        ((voice(210, 2.0), RATE), "i love   this Camera, Ada!"),
    ]
    spellings = ["a|red|ball", "i|love|this|camera|ada"]
    for item, spelling, outcome in zip(items, spellings, runner.map(items, batch_size=2), strict=True):
        result = outcome.unwrap()
        (samples, _), text = item
        tokens = torch.tensor([[tiny.LETTERS.index(letter) for letter in spelling]], dtype=torch.int32)
        path, scores = forced_align(frames(network, samples), tokens, blank=0)
        spans = merge_tokens(path[0], scores[0].exp(), blank=0)
        assert [word.text for word in result.words] == text.split()
        letters = iter(spans)
        for word, part in zip(result.words, spelling.split("|"), strict=True):
            own = [next(letters) for _ in part]
            next(letters, None)
            assert word.start == own[0].start * STRIDE / RATE
            assert word.end == own[-1].end * STRIDE / RATE
            lengths = [span.end - span.start for span in own]
            mean = sum(span.score * length for span, length in zip(own, lengths, strict=True)) / sum(lengths)
            assert word.score == pytest.approx(mean, abs=1e-5)
        assert all(a.end <= b.start for a, b in zip(result.words, result.words[1:], strict=False))
        assert result.words[-1].end <= result.duration == len(samples) / RATE
        assert result == runner(item)


def test_letters_are_found_in_another_case_and_without_accents():
    letters = {letter: at for at, letter in enumerate("_|ABCEF'")}
    assert spell("cafe – C’Ab", letters, 0) == (["cafe –", "C’Ab"], [[4, 2, 6, 5], [4, 7, 2, 3]])
    assert spell("CAFÉ", letters, 0)[1] == spell("cafe", letters, 0)[1]
    assert spell("cafe\u0301", letters | {"é": 7}, 0) == (["cafe\u0301"], [[4, 2, 6, 7]])
    for text, sign in (("a 42", "4"), ("x", "x"), ("б", "б")):
        with pytest.raises(BadInput, match="cannot be spelled") as caught:
            spell(text, letters, 0)
        assert repr(sign) in caught.value.why
    for text in ("", " – ! "):
        with pytest.raises(BadInput, match="nothing to align"):
            spell(text, letters, 0)


def test_a_text_that_cannot_fit_is_an_error_of_its_item(runner):
    short = (voice(120, 0.2), RATE)
    good, bad, silent, double = runner.map(
        [(short, "a ball"), (short, "a red ball " * 9), ((np.zeros(100, np.float32), RATE), "a"), (short, "l" * 21)]
    )
    assert good.ok
    assert bad.error.code == "E-INPUT"
    assert "does not fit into 0.2 s" in bad.error.what
    assert silent.error.code == "E-INPUT-UNREADABLE"
    assert not double.ok, "letters alike need frames between them"
    with pytest.raises(BadInput, match="an audio clip and its text"):
        runner("call.wav")


def test_windows_have_the_frames_of_the_whole_clip(runner, monkeypatch):
    clip = (np.tile(voice(120, 2.0), 2), RATE)
    text = "ada was born in london"
    whole = runner((clip, text))
    monkeypatch.setattr("duomo_speech.alignment.WINDOW_S", 1.5)
    monkeypatch.setattr("duomo_speech.alignment.CONTEXT_S", 1.4)
    [outcome] = runner.map([(clip, text)])
    assert outcome.meta.windows == 3
    parts = outcome.unwrap()
    assert [word.text for word in parts.words] == text.split()
    assert parts.duration == whole.duration
    model = runner.executor.worker.model
    features = model.preprocess([runner.task.Input.accept((clip, text))], runner.task.Options())
    kept = [last - first for first, last in features[0]["kept"]]
    assert sum(kept) == (len(clip[0]) - model.field) // STRIDE + 1
    with pytest.raises(InputTooLong, match="long=window"):
        runner((clip, text), long="error")
