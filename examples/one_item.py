"""One item through one task: an image, a sentence, a question."""

import sys

import skimage.data

import duomo

picture = sys.argv[1] if len(sys.argv) > 1 else skimage.data.chelsea()

result = duomo.run("image-classification", picture)
for label in result.labels:
    print(f"{label.score:6.1%}  {label.name}")

print(duomo.run("language-identification", "Guten Tag, wie geht es Ihnen?").top.name)
print(duomo.run("text-classification", "I love the light in this church.").top.name)
