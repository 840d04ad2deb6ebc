"""Many texts over two workers: one of them is ended in the middle, and every text still has its outcome, in order."""

import collections
import os
import signal

import duomo

SENTENCES = [
    "The river rose overnight.",
    "Der Zug kommt später an.",
    "Le marché ferme à midi.",
    "El sol sale temprano.",
]
texts = [SENTENCES[number % 4] for number in range(2000)]

# A script needs no `if __name__ == "__main__"` for this. With GPUs: devices=2, or devices=["cuda:0", "cuda:1"].
with duomo.load("language-identification", executor="local", devices="cpu,cpu") as identify:
    outcomes = identify.map(texts, batch_size=16)
    languages = [next(outcomes).unwrap().top.name]
    os.kill(identify.executor.pids[0], signal.SIGTERM)  # as a system short of memory would
    languages += [outcome.unwrap().top.name for outcome in outcomes]

    stats = identify.executor.stats()
    print(collections.Counter(languages))
    print("in order:", languages == [languages[number % 4] for number in range(2000)])
    print(f"{stats.lost} worker lost, {stats.num_alive} at work: {identify.executor.devices()}")
    print([replica.items for replica in stats.replicas])
