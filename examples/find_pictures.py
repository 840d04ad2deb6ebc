"""Find images by a text, and by asking aloud."""

import skimage.data

import duomo

names = ["chelsea", "coffee", "rocket", "motorcycle"]
pictures = [skimage.data.chelsea(), skimage.data.coffee(), skimage.data.rocket(), skimage.data.stereo_motorcycle()[0]]

for query in ("an animal", "something to drink", "a vehicle with two wheels"):
    hit = duomo.run("image-search", query, images=pictures, top_k=1).top
    print(f"{query}: {names[hit.index]} ({hit.score:.2f})")

question = duomo.run("text-to-speech", "A cup of coffee.")
answer = duomo.run("spoken-image-search", question.wav, images=pictures, top_k=1)
print(f"heard {answer.query!r}: {names[answer.top.index]}")
