"""Chat with a small language model, word by word."""

import sys

import duomo

question = " ".join(sys.argv[1:]) or "What is the capital of France?"
chat = [
    {"role": "system", "content": "You answer in one short sentence."},
    {"role": "user", "content": question},
]

with duomo.load("text-generation") as generate:
    for part in generate.stream(chat, max_new_tokens=40):
        print(part.text, end="", flush=True)
    print()
    print(f"({generate.meta.model}: {duomo.default_catalog().model(generate.meta.model).limits})")
