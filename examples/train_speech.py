"""High voices from low ones: audio clips in a folder for each label, a small network, noise added while it learns."""

import tempfile
from pathlib import Path

import soundfile

import duomo
from duomo.testing.samples import RATE, voice

PITCHES = {"low": range(90, 150, 4), "high": range(190, 310, 8)}

with tempfile.TemporaryDirectory() as folder:
    for label, pitches in PITCHES.items():
        (Path(folder) / "voices" / label).mkdir(parents=True)
        for pitch in pitches:
            soundfile.write(Path(folder) / "voices" / label / f"{pitch}.wav", voice(pitch, 0.6), RATE)
    (Path(folder) / "voices" / "low" / "broken.wav").write_bytes(b"")

    fit = duomo.pretrain(
        "audio-classification",
        Path(folder) / "voices",
        out=Path(folder) / "model",
        validation=0.25,
        recipe=duomo.Recipe(epochs=15, batch=8, lr=5e-3, augment=("gain", "noise")),
    )
    for row in fit.rows.left_out:
        print(f"left out {row.id}: {row.what}")
    print(f"accuracy {fit.metrics['accuracy'].value:.2f} of {fit.rows.validated} held out")
    with fit.load() as hear:
        print("at 100 Hz:", hear((voice(100, 0.5), RATE)).top.name)
        print("at 260 Hz:", hear((voice(260, 0.5), RATE)).top.name)
