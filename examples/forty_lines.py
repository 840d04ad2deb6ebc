"""A folder to labels, a table and a plot; texts to vectors; an audio clip to subtitles: forty lines that type-check.

pip install pandas matplotlib
python examples/forty_lines.py
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import PIL.Image
import skimage.data

import duomo
from duomo.writers import open_writer

for name in ("chelsea", "coffee", "rocket"):  # photos that come with scikit-image
    PIL.Image.fromarray(getattr(skimage.data, name)()).save(f"{name}.png")

with duomo.load("image-classification") as classify:
    table = duomo.frame(classify.map(sorted(Path().glob("*.png")), top_k=1))
print(table[["id", "top.name", "top.score"]].to_string(index=False))

bars = plt.barh(table["id"], table["top.score"])
plt.bar_label(bars, table["top.name"])
plt.savefig("labels.png")

with duomo.load("feature-extraction") as embed:
    vectors = np.stack([outcome.unwrap().vector for outcome in embed.map(["a red car", "a scarlet lorry", "a sonnet"])])
print(vectors.shape, vectors.dtype, (vectors @ vectors.T)[0].round(1))

speech = duomo.run("text-to-speech", "Good morning from the cathedral.")
with duomo.load("automatic-speech-recognition") as hear, open_writer("speech.srt", hear.task.Result) as subtitles:
    for outcome in hear.map([speech.wav]):
        subtitles.write(outcome)
        print(outcome.result.text if outcome.ok else outcome.error.what)
print(Path("speech.srt").read_text("utf-8").splitlines()[1])
