"""Text generation through duomo and through its peers: same checkpoint, same prompts, greedy, CPU time.

16 prompts of 9 to 119 tokens, asked for 32 new tokens each, or for 8 to 64. A peer that takes one count
for a whole batch is asked for the largest in it and its answers are cut, as its user would have to. A row
is void when any answer differs in any token. MFU is model FLOPs over the GEMM rate of the same run.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import random
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from corpus import COMMON
from harness import arguments, contest, gemm_gflops, interleave, report
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, pipeline

import duomo

LENGTHS = [round(9 + at * 110 / 15) for at in range(16)]
EQUAL = [32] * 16
MIXED = [round(8 + at * 56 / 15) for at in range(16)]
Answers = list[list[int]]
Case = Callable[[], Answers]


def small_llama(folder: Path) -> Path:
    """74 M parameters with random weights; a word is a token, and no answer ends before its time."""
    torch.manual_seed(0)
    words = list(dict.fromkeys(COMMON))
    vocabulary = ["<pad>", "<unk>", "</s>", *words, *(f"w{at}" for at in range(20_000 - len(words) - 3))]
    raw = Tokenizer(models.WordLevel({word: at for at, word in enumerate(vocabulary)}, unk_token="<unk>"))
    raw.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, unk_token="<unk>", pad_token="<pad>", eos_token="</s>")
    tokenizer.save_pretrained(folder)
    config = LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=640,
        intermediate_size=1792,
        num_hidden_layers=12,
        num_attention_heads=10,
        max_position_embeddings=512,
        initializer_range=0.05,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=2,
        pad_token_id=0,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def generation_gflop(network: Any, lengths: Sequence[int], counts: Sequence[int]) -> float:
    """2 x parameters a token for the linear layers, 4 x layers x width a pair of tokens for attention."""
    config = network.config
    head = config.vocab_size * config.hidden_size
    linear = sum(p.numel() for p in network.parameters()) - head
    flop = 0
    for length, count in zip(lengths, counts, strict=True):
        tokens = length + count - 1  # the last one is not read again
        flop += 2 * linear * tokens + 2 * head * count
        flop += 4 * config.num_hidden_layers * config.hidden_size * tokens * (tokens + 1) // 2
    return flop / 1e9


class Contest:
    """One checkpoint on all sides, and prompts in an order that is not that of their lengths."""

    def __init__(self, checkpoint: Path) -> None:
        self.runner = duomo.load("text-generation", f"dir:{checkpoint}", device="cpu")
        self.pipe = pipeline("text-generation", model=str(checkpoint), device="cpu")
        self.pipe.tokenizer.padding_side = "left"
        self.vocabulary = self.pipe.tokenizer.get_vocab()
        dice = random.Random(0)
        self.lengths = dice.sample(LENGTHS, len(LENGTHS))
        self.prompts = [" ".join(dice.choices(COMMON, k=length)) for length in self.lengths]
        for warm in (self.runner, self.pipe):
            warm(self.prompts[0], max_new_tokens=2)

    def row(self, counts: Sequence[int], rounds: int, goals: Mapping[str, float]) -> dict[str, Any]:
        """CPU seconds of all, and ratios to ours."""
        counts = random.Random(1).sample(counts, len(counts))
        peers = {f"pipeline bs {size}": self.piped(counts, size) for size in (1, 8, 16)}
        peers["generate bs 16"] = self.generated(counts)
        answers: dict[str, Answers] = {}

        def keeping(name: str, case: Case) -> Callable[[], None]:
            return lambda: answers.update({name: case()})

        cases = {name: keeping(name, case) for name, case in {"duomo": self.ours(counts), **peers}.items()}
        times = interleave(cases, rounds, clock=time.process_time, warm=0)
        expected = answers.pop("duomo")
        same = {name: found == expected for name, found in answers.items()}
        middle = {name: statistics.median(values) for name, values in times.items()}
        gflop, rate = generation_gflop(self.pipe.model, self.lengths, counts), gemm_gflops(packed=True)
        valid = all(same.values()) and [len(each) for each in expected] == counts
        floor = (gflop / rate, "all of its FLOPs at the rate of large GEMMs, which 16 rows at a time cannot have")
        return contest(times, valid, goals, floor=floor) | {
            "same_tokens": same,
            "tokens": {"read": sum(self.lengths), "written": sum(counts)},
            "gemm_gflops": round(rate, 1),
            "mfu": {name: round(gflop / seconds / rate, 3) for name, seconds in middle.items()},
        }

    def ours(self, counts: Sequence[int]) -> Case:
        items = [{"text": text, "max_new_tokens": n} for text, n in zip(self.prompts, counts, strict=True)]
        return lambda: [
            self.tokens(outcome.unwrap().text) for outcome in self.runner.map(items, max_new_tokens=max(counts))
        ]

    def piped(self, counts: Sequence[int], size: int) -> Case:
        def case() -> Answers:
            settings = {"do_sample": False, "return_full_text": False}
            if size == 1:
                pairs = zip(self.prompts, counts, strict=True)
                found = [self.pipe(text, max_new_tokens=n, **settings) for text, n in pairs]
            else:
                found = self.pipe(self.prompts, batch_size=size, max_new_tokens=max(counts), **settings)
            return self.cut([self.tokens(each[0]["generated_text"]) for each in found], counts)

        return case

    def generated(self, counts: Sequence[int]) -> Case:
        def case() -> Answers:
            batch = self.pipe.tokenizer(self.prompts, return_tensors="pt", padding=True, return_token_type_ids=False)
            ids = self.pipe.model.generate(**batch, max_new_tokens=max(counts), do_sample=False)  # type: ignore[operator]
            return self.cut(ids[:, batch["input_ids"].shape[1] :].tolist(), counts)

        return case

    def tokens(self, text: str) -> list[int]:
        return [self.vocabulary[word] for word in text.split()]

    def cut(self, answers: Answers, counts: Sequence[int]) -> Answers:
        return [answer[:count] for answer, count in zip(answers, counts, strict=True)]


def main() -> None:
    """Measure both rows."""
    args = arguments(__doc__ or "", rounds=3)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        game = Contest(small_llama(Path(folder)))
        rows = {
            "generation, 32 new tokens each": game.row(EQUAL, args.rounds, {}),
            "generation, 8 to 64 new tokens": game.row(
                MIXED, args.rounds, {"pipeline bs 1": 3.3, "pipeline best": 1.6}
            ),
        }
    report("generation", rows, args.out)


if __name__ == "__main__":
    main()
