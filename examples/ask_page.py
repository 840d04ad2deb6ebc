"""A page is read, a question is answered from it, and the line of the answer is marked.

    python examples/ask_page.py hf:deepset/minilm-uncased-squad2

Any checkpoint for extractive question answering: hf:org/name is fetched once, dir:PATH is a folder.
"""

import sys

import duomo
from duomo.testing.samples import pages

image = pages()[1]  # an invoice; a path, bytes or a PDF's page do as well
page = duomo.run("optical-character-recognition", image)
print(page.text)

answers = duomo.run("question-answering", {"question": "What is the total?", "context": page}, model=sys.argv[1])
if answers.top is None:
    print("no answer")
else:
    print(f"answer, {answers.top.score:.2f}: {answers.top.text!r}")
    line = page.lines[page.text[: answers.top.start].count("\n")]
    print(f"in the line {line.text!r}, from {line.corners[0]} to {line.corners[2]}")
