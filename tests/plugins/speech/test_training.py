"""Recordings in training: labels and letters, losses equal to those of transformers, and a small network."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
import transformers as tf

import duomo
from duomo import Audio, Recipe
from duomo.errors import BadOption, WrongTask
from duomo.training import check, evaluate
from duomo.training.request import Request
from duomo.training.starts import find_start
from duomo_speech.augmenting import VARIETIES, augmented

RATE = 16_000
SIZES: dict[str, Any] = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
SMALL: dict[str, Any] = SIZES | {
    "conv_dim": (16,) * 3, "conv_stride": (5, 8, 8), "conv_kernel": (10, 8, 8), "num_feat_extract_layers": 3,
    "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 4, "vocab_size": 8, "pad_token_id": 0,
    "hidden_dropout": 0.0, "attention_dropout": 0.0, "feat_proj_dropout": 0.0, "layerdrop": 0.0,
    "activation_dropout": 0.0,
    "final_dropout": 0.0, "classifier_proj_size": 8,
}  # fmt: skip
PITCHES = {"a": 300.0, "b": 900.0, "c": 2100.0}


def tone(letters: str, seconds: float = 0.25, seed: int = 0) -> np.ndarray[Any, Any]:
    """A pitch for each letter, silence between, a little noise."""
    time = np.arange(int(seconds * RATE)) / RATE
    quiet = np.zeros(RATE // 20)
    parts = [part for letter in letters for part in (0.4 * np.sin(2 * np.pi * PITCHES[letter] * time), quiet)]
    sound = np.concatenate(parts)
    return (sound + 0.01 * np.random.default_rng(seed).standard_normal(len(sound))).astype(np.float32)


@pytest.fixture(scope="module")
def wav2vec2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny network for CTC with random weights that writes a, b and c."""
    folder = tmp_path_factory.mktemp("ctc")
    torch.manual_seed(0)
    tf.Wav2Vec2ForCTC(tf.Wav2Vec2Config(**SMALL)).save_pretrained(folder)
    letters = ["<pad>", "<s>", "</s>", "<unk>", "|", "a", "b", "c"]
    (folder / "vocab.json").write_text(json.dumps({letter: at for at, letter in enumerate(letters)}))
    tf.Wav2Vec2CTCTokenizer(folder / "vocab.json").save_pretrained(folder)
    tf.Wav2Vec2FeatureExtractor(return_attention_mask=False).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for each of two pitches, 10 recordings in each."""
    folder = tmp_path_factory.mktemp("pitches")
    for name in "ac":
        (folder / name).mkdir()
        for at in range(10):
            soundfile.write(folder / name / f"{at}.wav", tone(name, 0.3 + 0.02 * at, at), RATE)
    return folder


def opened(task: str, folder: Path, labels: list[str]) -> Any:
    found = find_start(task, f"dir:{folder}", duomo.default_catalog())
    return found.trainer().open(found.weights, labels=labels, device=torch.device("cpu"), dtype=torch.float32)


def test_the_loss_of_letters_is_that_of_transformers_alone_and_in_a_batch(wav2vec2):
    model = opened("automatic-speech-recognition", wav2vec2, [])
    model.network.eval()
    said = ["ab", "cab", "ba"]
    features = model.preprocess([Audio.accept((tone(each), RATE)) for each in said], None)
    losses = model.losses(model.logits(model.collate(features)), model.targets(said, features))
    reference = tf.Wav2Vec2ForCTC.from_pretrained(wav2vec2, ctc_loss_reduction="sum").eval()
    for text, feature, row, count in zip(said, features, *losses, strict=True):
        labels = model.tokenizer(text, return_tensors="pt").input_ids
        theirs = reference(**feature["inputs"], labels=labels).loss
        torch.testing.assert_close(row, theirs, atol=1e-3, rtol=1e-4)
        assert count == len(text)


def test_letters_are_learnt_and_the_folder_writes_them(wav2vec2, tmp_path):
    said = ["a", "b", "c", "ab", "bc", "ca", "cb", "ba"]
    rows = [{"audio": (tone(each, seed=at), RATE), "text": each.upper()} for at, each in enumerate(said)]
    bad = [{"audio": (tone("a"), RATE), "text": "a 7"}, {"audio": (tone("b"), RATE), "text": ""}]
    fit = duomo.finetune(
        "automatic-speech-recognition", [*rows, *bad], model=f"dir:{wav2vec2}", train="all", validation=0,
        out=tmp_path / "out", recipe=Recipe(epochs=250, batch=8, lr=3e-3),
    )  # fmt: skip
    assert {each.what for each in fit.rows.left_out} == {"the checkpoint cannot write '7'", "this row has no label"}
    losses = [line["loss"] for line in fit.curves if "loss" in line]
    assert losses[-1] < 0.4 * losses[0]
    found = evaluate("automatic-speech-recognition", rows, model=f"dir:{fit.folder}")
    assert found.scores["character_error_rate"].value < 0.5
    assert json.loads((fit.folder / "config.json").read_text())["apply_spec_augment"], "as it was in the base"


def test_a_text_of_more_letters_than_the_clip_has_states_costs_itself(wav2vec2, tmp_path):
    """CTC has no path for it, and so an infinite loss: in the rows to learn from, and in those held out."""
    rows = [{"audio": Audio(tone(said, seed=at), "", RATE), "text": said} for at, said in enumerate(["ab", "ba", "c"])]
    long = {"audio": Audio(tone("a", 0.05), "", RATE), "text": "abc" * 20}

    def fit(own: list[Any], held: list[Any], out: str) -> duomo.Fit:
        return duomo.finetune(
            "automatic-speech-recognition", own, model=f"dir:{wav2vec2}", train="all", validation=held,
            out=tmp_path / out, recipe=Recipe(epochs=2, batch=4),
        )  # fmt: skip

    plain = fit(rows, rows, "plain")
    found = fit([*rows, {**long, "id": "long"}], [*rows, {**long, "id": "held"}], "found")
    assert [(each.id, each.code) for each in found.rows.left_out] == [("long", "E-NOT-FINITE")]
    assert found.metrics["loss"].value == pytest.approx(plain.metrics["loss"].value, abs=0.5)
    assert found.metrics["word_error_rate"].num_rows == 4
    assert any(each.rows == ("held",) for each in found.findings if "not finite" in each.what)


def test_a_body_without_letters_takes_those_of_the_rows_it_is_trained_on(wav2vec2, tmp_path):
    torch.manual_seed(0)
    body = tmp_path / "body"
    tf.Wav2Vec2Model(tf.Wav2Vec2Config(**SMALL)).save_pretrained(body)
    tf.Wav2Vec2FeatureExtractor(return_attention_mask=False).save_pretrained(body)
    said = ["a", "b", "c", "ab", "b ca", "cé"]
    sounds = ["".join(letter for letter in each.replace("é", "a") if letter != " ") for each in said]
    rows = [
        {"audio": (tone(each, seed=at), RATE), "text": text}
        for at, (each, text) in enumerate(zip(sounds, said, strict=True))
    ]
    fit = duomo.finetune(
        "automatic-speech-recognition", rows, model=f"dir:{body}", train="all", validation=0, out=tmp_path / "out",
        recipe=Recipe(epochs=20, batch=6, lr=3e-3),
    )  # fmt: skip
    letters = json.loads((fit.folder / "vocab.json").read_text())
    assert sorted(each for each in letters if len(each) == 1) == ["A", "B", "C", "|", "É"]
    assert json.loads((fit.folder / "config.json").read_text())["vocab_size"] == len(letters)
    losses = [line["loss"] for line in fit.curves if "loss" in line]
    assert losses[-1] < losses[0]
    assert evaluate("automatic-speech-recognition", rows, model=f"dir:{fit.folder}").num_rows == len(rows)
    runner = duomo.load("automatic-speech-recognition", f"dir:{fit.folder}")
    assert set(runner((tone("ab"), RATE)).text) <= set("ABCÉ ")
    again = duomo.finetune(  # what it wrote it keeps, and another letter is a row that cannot be used
        "automatic-speech-recognition", [*rows, {"audio": (tone("a"), RATE), "text": "z"}], model=f"dir:{fit.folder}",
        train="head", validation=0, out=tmp_path / "again", recipe=Recipe(epochs=1),
    )  # fmt: skip
    assert [each.what for each in again.rows.left_out] == ["the checkpoint cannot write 'Z'"]


def test_a_recognizer_that_is_not_ctc_is_refused_with_one_that_is(tmp_path):
    names = [f"{part}_num_{what}" for part in ("encoder", "decoder") for what in ("hidden_layers", "attention_heads")]
    sizes: dict[str, Any] = dict.fromkeys(names, 1)
    config = tf.MoonshineConfig(hidden_size=16, intermediate_size=24, vocab_size=8, **sizes)
    tf.MoonshineForConditionalGeneration(config).save_pretrained(tmp_path / "base")
    with pytest.raises(WrongTask, match="cannot be trained for automatic-speech-recognition"):
        duomo.finetune(
            "automatic-speech-recognition", [{"audio": (tone("a"), RATE), "text": "a"}], model=f"dir:{tmp_path}/base",
            out=tmp_path / "out",
        )  # fmt: skip


@pytest.mark.parametrize("train", ["head", 1])
def test_labels_are_learnt_from_folders_of_recordings(wav2vec2, recordings, tmp_path, train):
    fit = duomo.finetune(
        "audio-classification", recordings, model=f"dir:{wav2vec2}", train=train, validation=0.3,
        out=tmp_path / "out", recipe=Recipe(epochs=30, batch=8, lr=1e-2),
    )  # fmt: skip
    assert fit.labels == ("a", "c")
    assert fit.metrics["accuracy"].value > 0.7
    assert fit.record["trunk_computed_once"] is (train == "head")
    assert fit.load()((tone("c"), RATE)).top.name == "c"


def test_a_checkpoint_with_a_score_for_each_label_learns_to_say_one(tmp_path):
    """Its softmax is trained, so that the folder must not give the sigmoid of each label."""
    names = {0: "a", 1: "c"}
    config = tf.Wav2Vec2Config(**SMALL, id2label=names, problem_type="multi_label_classification")
    tf.Wav2Vec2ForSequenceClassification(config).save_pretrained(tmp_path / "start")
    tf.Wav2Vec2FeatureExtractor(return_attention_mask=False).save_pretrained(tmp_path / "start")
    model = opened("audio-classification", tmp_path / "start", ["a", "c"])
    (tmp_path / "out").mkdir()
    model.save(tmp_path / "out")
    said = duomo.load("audio-classification", f"dir:{tmp_path / 'out'}")((tone("c"), RATE))
    assert sum(label.score for label in said.labels) == pytest.approx(1)
    assert any("score of its own" in note for note in model.notes)


def test_a_recording_of_no_bytes_costs_itself_and_the_weights_are_those_of_the_clean_ones(recordings, tmp_path):
    dirty = tmp_path / "dirty"
    shutil.copytree(recordings, dirty)
    (dirty / "a" / "zz.wav").write_bytes(b"")
    (dirty / "c" / "zz.wav").write_bytes((recordings / "c" / "0.wav").read_bytes()[:30])
    clean, found = (
        duomo.pretrain(
            "audio-classification", data, architecture="cnn", validation=0.3, out=tmp_path / out,
            recipe=Recipe(epochs=2, batch=8),
        )
        for data, out in ((recordings, "one"), (dirty, "two"))
    )  # fmt: skip
    assert {each.id for each in found.rows.left_out} == {"a/zz.wav", "c/zz.wav"}
    one, two = ((each.folder / "model.safetensors").read_bytes() for each in (clean, found))
    assert one == two
    assert found.metrics == clean.metrics


@pytest.mark.parametrize("start", ["wav2vec2", "cnn"])
def test_recordings_of_silence_are_reported(wav2vec2, recordings, tmp_path, start):
    shutil.copytree(recordings, tmp_path / "data")
    soundfile.write(tmp_path / "data" / "a" / "silent.wav", np.zeros(RATE), RATE)
    given: Any = {"model": f"dir:{wav2vec2}"} if start == "wav2vec2" else {"scratch": ("cnn", "small")}
    checked = check(Request(task="audio-classification", data=tmp_path / "data", out=tmp_path / "out", **given))
    (found,) = [each for each in checked.findings if "silent" in each.what]
    assert (found.level, found.num_rows) == ("warning", 1)


@pytest.mark.parametrize("kind", ["wav2vec2", "ast"])
def test_what_is_computed_once_gives_what_the_whole_network_gives(wav2vec2, tmp_path, kind):
    folder = wav2vec2
    if kind == "ast":
        folder = tmp_path
        tf.ASTModel(tf.ASTConfig(**SIZES, max_length=128, num_mel_bins=32)).save_pretrained(folder)
        tf.ASTFeatureExtractor(max_length=128, num_mel_bins=32).save_pretrained(folder)
    model = opened("audio-classification", folder, ["x", "y", "z"])
    model.network.eval()
    batch = model.collate(model.preprocess([Audio.accept((tone(each), RATE)) for each in ("a", "ab", "b")], None))
    with torch.no_grad():
        torch.testing.assert_close(
            model.logits_from(model.features(batch, 0), 0), model.logits(batch), atol=1e-5, rtol=1e-5
        )


@pytest.mark.parametrize("name", VARIETIES)
def test_an_augmentation_is_a_function_of_its_generator(name):
    sound = tone("ab")
    first, again, other = (augmented(sound, [name], RATE, torch.Generator().manual_seed(seed)) for seed in (1, 1, 3))
    assert np.array_equal(first, again)
    assert first.dtype == np.float32
    assert any(
        not np.array_equal(augmented(sound, [name], RATE, torch.Generator().manual_seed(seed)), sound)
        for seed in range(6)
    )
    assert np.array_equal(sound, tone("ab")), "what went in stays as it was"
    assert name == "speed" or not np.array_equal(first, other)


def test_a_small_network_learns_from_a_table_of_files_varied(recordings, tmp_path):
    with (recordings / "metadata.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file_name", "label"])
        writer.writerows((f"{name}/{at}.wav", {"a": "low", "c": "high"}[name]) for name in "ac" for at in range(10))
    try:
        fit = duomo.pretrain(
            "audio-classification", recordings, out=tmp_path / "out", validation=0.3,
            recipe=Recipe(epochs=20, batch=8, lr=5e-3, augment=("gain", "noise")),
        )  # fmt: skip
    finally:
        (recordings / "metadata.csv").unlink()
    assert fit.labels == ("high", "low")
    assert fit.metrics["accuracy"].value > 0.8
    assert fit.load()((tone("c"), RATE)).top.name == "high"
    assert fit.record["recipe"]["augment"] == ["gain", "noise"]
    assert "gain" in (fit.folder / "card.md").read_text()


def test_an_augmentation_that_is_not_there_is_named(recordings, tmp_path):
    with pytest.raises(BadOption, match="has no augmentation 'gian'") as caught:
        duomo.pretrain("audio-classification", recordings, out=tmp_path / "out", recipe=Recipe(augment=("gian",)))
    assert "gain" in caught.value.fix


def test_a_trained_network_with_other_labels_hears_as_before(tmp_path: Path) -> None:
    """Mean and spread of the bands belong to the layers that have learned, not to the new head."""
    from duomo.weights import open_folder
    from duomo_speech.cnn import AudioCnnTrainer

    place: Any = {"device": torch.device("cpu"), "dtype": torch.float32}
    clips = [duomo.Audio.accept((noise, 16_000)) for noise in np.random.default_rng(0).normal(0, 0.1, (2, 16_000))]
    first = AudioCnnTrainer.build("cnn", 32, labels=["a", "b"], **place)
    first.fit_statistics(clips, ["a", "b"])
    first.save(tmp_path)
    [spec] = [each for each in duomo.default_catalog().models if each.name == "speech/cnn"]
    again = AudioCnnTrainer.open(open_folder(spec, str(tmp_path)), labels=["c", "d"], **place)
    assert again.has_new_head
    again.fit_statistics([duomo.Audio.accept((np.zeros(16_000), 16_000))], ["c"])
    assert torch.equal(again.network.mean, first.network.mean)
    assert first.network.mean.abs().max() > 0
