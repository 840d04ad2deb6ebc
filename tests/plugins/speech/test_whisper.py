"""Whisper on recordings of any length, beside transformers' own generation."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import GenerationConfig, WhisperForConditionalGeneration

import duomo
from duomo.errors import BadOption, InputTooLong, WeightsMismatch, WeightsMissing
from duomo.tasks.speech import SpeechRecognitionOptions
from duomo.tasks.speech.whispering import Vocabulary
from duomo.weights import is_installed, locate
from duomo_speech.recognizers import WHISPER_BASE, WHISPER_TINY_EN
from duomo_speech.whisper import Whisper
from duomo_speech.windows import Window
from tests.plugins.speech import tiny

pytestmark = pytest.mark.embedded
RATE = 16_000
OPTIONS = SpeechRecognitionOptions.parse({})
BASE_IS_HERE = pytest.mark.skipif(
    not is_installed(WHISPER_BASE), reason="NO speech/whisper-base: duomo models add multilingual"
)


def features_of(model, samples):
    return model.preprocess(model.split(duomo.Audio.accept((samples, RATE)), OPTIONS), OPTIONS)


def generated(model, mel):
    """Tokens by transformers' `generate` with the same rules: its own loop, cache and processors."""
    words = model.vocabulary
    model.network.generation_config = GenerationConfig(
        decoder_start_token_id=words.start,
        bos_token_id=words.end,
        eos_token_id=words.end,
        pad_token_id=words.end,
        suppress_tokens=words.suppressed,
        begin_suppress_tokens=words.suppressed_first,
        no_timestamps_token_id=words.no_timestamps,
        max_initial_timestamp_index=50,
        is_multilingual=False,
        max_length=225,
    )
    with torch.no_grad():
        tokens = model.network.generate(mel[None], return_timestamps=True, force_unique_generate_call=True)
    return [token for token in tokens[0].tolist() if token != words.end] + [words.end]


def test_tokens_equal_those_of_transformers_generate(asr, long_recording):
    model = asr.executor.worker.model
    features = features_of(model, long_recording)
    assert len(features) == 2
    with torch.no_grad():
        together = model.forward(model.collate(features))
    assert together == [generated(model, each["mel"]) for each in features]


def test_a_window_is_heard_to_its_end_when_whisper_stops_early(asr, recording, monkeypatch):
    model = asr.executor.worker.model
    samples = duomo.Audio.accept(recording("two_cities.wav")).samples(RATE)
    features = model.preprocess([Window(samples[14 * RATE : 44 * RATE], 14.0)], OPTIONS)

    def hear():
        with torch.inference_mode():
            return model.postprocess(model.forward(model.collate(features)), features, OPTIONS)[0]

    whole = hear()
    monkeypatch.setattr(Vocabulary, "stop", lambda self, tokens, length, trimmed: None)  # a model that stops at once
    first = hear()
    assert whole.text.startswith(first.text)
    assert "superlative" in whole.text
    assert "superlative" not in first.text
    starts = [segment.start for segment in whole.segments]
    assert starts == sorted(starts)
    assert 41 < whole.segments[-1].end <= 44


@pytest.fixture
def room(asr, monkeypatch):
    """Leave the decoder so many tokens a pass; others are 224, which is short only for very fast speech."""
    config = asr.executor.worker.model.network.config
    return lambda tokens: monkeypatch.setattr(config, "max_target_positions", 2 * tokens)


def test_a_window_with_more_words_than_the_decoder_has_room_for_is_heard_to_its_end(
    asr, room, recording, texts, word_errors
):
    room(40)
    (outcome,) = asr.map([recording("two_cities.wav")])
    transcript = outcome.unwrap()
    assert not outcome.meta.truncated
    errors, words = word_errors(texts["two_cities.wav"], transcript.text)
    assert errors / words <= 0.08
    for before, after in zip(transcript.segments, transcript.segments[1:], strict=False):
        assert before.start < before.end <= after.start + 1e-6


def test_words_lost_for_want_of_room_are_reported(asr, room, recording, spoken):
    room(5)
    (cut,) = asr.map([(spoken[0], RATE)])
    assert cut.meta.truncated
    assert len(cut.unwrap().text.split()) <= 5
    room(224)
    (whole,) = asr.map([(spoken[0], RATE)])
    assert not whole.meta.truncated
    assert whole.unwrap().text.startswith(cut.unwrap().text)


def test_librivox_clips_are_written_down_with_few_errors(asr, librivox, word_errors):
    counts = [word_errors(text, asr(path).text) for path, text in librivox.items()]
    errors, words = map(sum, zip(*counts, strict=True))
    assert len(librivox) == 5
    assert errors / words <= 0.08


def test_packaged_recordings_are_written_down_with_few_errors(asr, recording, texts, two_cities, word_errors):
    heard = {name: two_cities if name == "two_cities.wav" else asr(recording(name)) for name in texts}
    counts = [word_errors(text, heard[name].text) for name, text in texts.items()]
    errors, words = map(sum, zip(*counts, strict=True))
    assert errors / words <= 0.08


def test_nothing_is_heard_where_nobody_speaks(asr, quiet_sounds, recording):
    items = [*((samples, RATE) for samples in quiet_sounds.values()), recording("success.wav")]
    for outcome in asr.map(items):
        assert outcome.unwrap().text == ""
        assert outcome.unwrap().segments == []


def test_times_are_on_the_clock_of_the_recording(asr, spoken, long_recording, sentences, word_errors):
    (outcome,) = asr.map([(long_recording, RATE)])
    first, second = outcome.unwrap().segments
    assert outcome.meta.windows == 2
    assert word_errors(sentences[1], first.text)[0] + word_errors(sentences[2], second.text)[0] == 0
    start = len(spoken[1]) / RATE + 60
    assert 0 <= first.start < 0.5
    assert 0 <= second.start - start < 0.5
    assert first.end <= start - 60 + 0.2
    assert second.end <= len(long_recording) / RATE


def test_segments_are_in_order_and_join_to_the_text(two_cities):
    assert " ".join(each.text for each in two_cities.segments) == two_cities.text
    assert len(two_cities.segments) >= 8
    for before, after in zip(two_cities.segments, two_cities.segments[1:], strict=False):
        assert before.start < before.end <= after.start + 1e-6
    assert two_cities.segments[-1].end <= 44.4


def test_a_batch_gives_what_one_by_one_gives(asr, spoken, quiet_sounds, long_recording):
    items = [(samples, RATE) for samples in (spoken[0], quiet_sounds["noise"], long_recording, spoken[3])]
    assert [outcome.unwrap() for outcome in asr.map(items, batch_size=4)] == [asr(item) for item in items]


def test_a_trimmed_encoder_makes_no_more_errors_and_does_not_depend_on_the_batch(asr, librivox, recording, word_errors):
    paths = [*librivox, recording("basic_ref_en.wav"), recording("beckett.wav")]
    together = [outcome.unwrap().text for outcome in asr.map(paths, encoder="trimmed")]
    counts = [word_errors(text, heard) for text, heard in zip(librivox.values(), together, strict=False)]
    errors, words = map(sum, zip(*counts, strict=True))
    assert errors / words <= 0.08
    assert together == [asr(path, encoder="trimmed").text for path in paths]


def test_a_recording_longer_than_a_window_can_be_refused(asr, recording, spoken):
    with pytest.raises(InputTooLong, match="first to the last word"):
        asr(recording("two_cities.wav"), long="error")
    assert asr((spoken[0], RATE), long="error").text


@pytest.mark.parametrize("options", [{"language": "de"}, {"task": "translate"}])
def test_the_english_model_refuses_other_languages_and_translation(asr, spoken, options):
    with pytest.raises(BadOption, match="English") as caught:
        asr((spoken[0], RATE), **options)
    assert "speech/whisper-base" in caught.value.fix
    assert {asr((spoken[0], RATE), language=name).language for name in ("en", "english", "English")} == {"en"}


def test_nothing_is_printed_on_the_way(spoken, capfd):
    model = Whisper.load(locate(WHISPER_TINY_EN), device=torch.device("cpu"), dtype=torch.float32)
    with torch.inference_mode():
        features = model.preprocess(model.split(duomo.Audio.accept((spoken[0], RATE)), OPTIONS), OPTIONS)
        model.postprocess(model.forward(model.collate(features)), features, OPTIONS)
    assert capfd.readouterr() == ("", "")


@BASE_IS_HERE
@pytest.mark.slow
def test_the_multilingual_model_finds_the_language_and_takes_a_given_one(recording, word_errors):
    base = duomo.load("automatic-speech-recognition", "speech/whisper-base", device="cpu")
    path = recording("basic_ref_zh.wav")
    chinese = base(path)
    english = base(path, language="zh", task="translate")
    assert (chinese.language, english.language) == ("zh", "zh")
    assert sum(letter.isascii() for letter in chinese.text) < len(chinese.text) / 2
    assert sum(letter.isascii() for letter in english.text) > len(english.text) / 2
    heard = base(recording("basic_ref_en.wav"))
    assert heard.language == "en"
    assert word_errors("Some call me nature, others call me mother nature.", heard.text)[0] == 0
    assert base(path, language="Chinese").text == chinese.text
    with pytest.raises(BadOption, match="'language' cannot be 'klingon'"):
        base(path, language="klingon")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A small random multilingual Whisper in transformers layout, with a real tokenizer."""
    folder = tmp_path_factory.mktemp("whisper")
    tiny.whisper(folder)
    return folder


def test_a_transformers_folder_equals_the_bare_network(checkpoint, spoken):
    runner = duomo.load("automatic-speech-recognition", f"dir:{checkpoint}", device="cpu")
    model = runner.executor.worker.model  # type: ignore[attr-defined]
    assert isinstance(model, Whisper)
    bare = WhisperForConditionalGeneration.from_pretrained(checkpoint).eval()
    windows = model.split(duomo.Audio.accept((spoken[0], RATE)), OPTIONS)
    features = model.preprocess(windows, SpeechRecognitionOptions.parse({"language": "de"}))
    with torch.no_grad():
        (tokens,) = model.forward(model.collate(features))
        ours = model.network(features[0]["mel"][None], decoder_input_ids=torch.tensor([tokens])).logits
        theirs = bare(features[0]["mel"][None], decoder_input_ids=torch.tensor([tokens])).logits
    torch.testing.assert_close(ours, theirs)
    assert tokens[:3] == [model.vocabulary.start, model.vocabulary.languages["de"], model.vocabulary.transcribe]
    assert len(tokens) <= 3 + bare.config.max_target_positions // 2


@pytest.fixture
def tuned(checkpoint, tmp_path):
    """The small checkpoint, loaded with entries of a generation config that fine-tuning may leave."""
    for path in checkpoint.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())

    def load(**entries):
        steering = json.loads((checkpoint / "generation_config.json").read_text())
        del steering["_from_model_config"]  # with it, transformers drops what it does not know
        (tmp_path / "generation_config.json").write_text(json.dumps(steering | entries))
        return duomo.load("automatic-speech-recognition", f"dir:{tmp_path}", device="cpu").executor.worker.model  # type: ignore[attr-defined]

    return load


def prompt_of(model, **options):
    """Language and task that a call begins with, as tokens."""
    (each,) = model.preprocess([Window(np.zeros(RATE, "float32"), 0.0)], SpeechRecognitionOptions.parse(options))
    return [token and model.vocabulary.tokenizer.convert_ids_to_tokens(token) for token in each["prompt"]]


def test_what_runs_out_of_room_with_a_trimmed_encoder_is_heard_by_the_full_one(tuned):
    end = tuned().vocabulary.end
    model = tuned(suppress_tokens=[end], begin_suppress_tokens=[end])
    noise = np.random.default_rng(0).normal(size=(2, 2 * RATE)).astype("float32")
    windows = [Window(noise[0], 0.0), Window(noise[1, :RATE], 0.0)]

    def tokens(encoder):
        features = model.preprocess(windows, SpeechRecognitionOptions.parse({"encoder": encoder}))
        with torch.inference_mode():
            return model.forward(model.collate(features))

    assert tokens("trimmed") == tokens("full")


@pytest.mark.parametrize("language", ["de", "german", "<|de|>"])
def test_a_tuned_checkpoint_keeps_its_language_and_task_as_in_transformers(tuned, language):
    model = tuned(language=language, task="translate")
    assert prompt_of(model) == ["<|de|>", "<|translate|>"]
    assert prompt_of(model, language="fr", task="transcribe") == ["<|fr|>", "<|transcribe|>"]
    words, network = model.vocabulary, model.network
    steering = network.generation_config
    steering.lang_to_id = {f"<|{name}|>": token for name, token in words.languages.items()}
    steering.task_to_id = {"transcribe": words.transcribe, "translate": words.translate}
    steering.no_timestamps_token_id = words.no_timestamps
    steering.return_timestamps = True
    # their way to the first tokens, which has no public name
    theirs = network._retrieve_init_tokens(None, 1, steering, network.config, 3000, {})
    assert words.tokenizer.convert_ids_to_tokens(theirs[0])[1:3] == prompt_of(model)


@pytest.mark.parametrize("said", [{"repetition_penalty": 1.3}, {"no_repeat_ngram_size": 3}, {"num_beams": 5}])
def test_a_way_of_writing_that_is_not_here_is_refused_by_name(tuned, said):
    [(name, value)] = said.items()
    with pytest.raises(WeightsMismatch, match="way of writing") as caught:
        tuned(**said)
    assert f"{name}={value}" in caught.value.why
    assert tuned(num_beams=1, max_length=448, use_cache=True).vocabulary.task == "transcribe"


def test_the_older_way_to_fix_a_language_is_followed_too(tuned):
    words = tuned().vocabulary
    assert prompt_of(tuned()) == [None, "<|transcribe|>"]
    assert prompt_of(tuned(forced_decoder_ids=[[1, None], [2, words.transcribe]])) == [None, "<|transcribe|>"]
    forced = [[1, words.languages["de"]], [2, words.translate]]
    assert prompt_of(tuned(forced_decoder_ids=forced)) == ["<|de|>", "<|translate|>"]


def test_a_checkpoint_says_itself_whether_it_has_languages(tuned):
    assert tuned(is_multilingual=False).vocabulary.languages == {}
    assert prompt_of(tuned(is_multilingual=False)) == []
    assert len(tuned(is_multilingual=True).vocabulary.languages) == 99


def test_a_checkpoint_with_a_missing_tensor_is_refused(checkpoint, tmp_path):
    for path in checkpoint.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    tensors = load_file(tmp_path / "model.safetensors")
    del tensors["model.encoder.conv1.weight"]
    save_file(tensors, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(WeightsMismatch, match=r"does not fit") as caught:
        duomo.load("automatic-speech-recognition", f"dir:{tmp_path}", device="cpu")
    assert "model.encoder.conv1.weight" in caught.value.why


def test_a_checkpoint_without_a_tokenizer_is_refused(checkpoint, tmp_path):
    for name in ("config.json", "generation_config.json", "model.safetensors"):
        (tmp_path / name).write_bytes((checkpoint / name).read_bytes())
    with pytest.raises(WeightsMissing, match="no tokenizer"):
        duomo.load("automatic-speech-recognition", f"dir:{tmp_path}", device="cpu")
