"""Translation and summarization through duomo and through `generate`: same checkpoint, same texts, greedy, CPU time.

32 texts of 4 to 98 words in arrival order, by encoder-decoders of Marian's and of T5-small's size with random weights.
transformers 5 has no pipeline for these tasks; `generate` is called as one would call it: one by one, and on padded
batches of several sizes, of which the best counts. Random weights hardly ever end an answer before its bound of 32
tokens: what rows that end early are worth is not measured. A row is void when an answer differs in any token.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from corpus import COMMON, lognormal_texts
from harness import arguments, contest, interleave, report
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    BartConfig,
    BartForConditionalGeneration,
    PreTrainedTokenizerFast,
    T5Config,
    T5ForConditionalGeneration,
)

import duomo

SIZES = (1, 8, 32)
COUNT, LONGEST, BOUND = 32, 100, 32
VOCABULARY = 20_000
Case = Callable[[], list[str]]


def save_tokenizer(folder: Path) -> None:
    """A word is a token."""
    special = ["<pad>", "</s>", "<unk>", "<s>"]
    words = list(dict.fromkeys(COMMON))
    names = [*special, *words, *(f"w{at}" for at in range(VOCABULARY - len(words) - len(special)))]
    raw = Tokenizer(models.WordLevel({word: at for at, word in enumerate(names)}, unk_token="<unk>"))
    raw.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    raw.post_processor = processors.TemplateProcessing("$A </s>", special_tokens=[("</s>", 1)])
    PreTrainedTokenizerFast(
        tokenizer_object=raw, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", bos_token="<s>",
        model_max_length=512,
    ).save_pretrained(folder)  # fmt: skip


def marian(folder: Path) -> Path:
    """6 and 6 layers of 512, as Marian's: 54 M weights."""
    torch.manual_seed(0)
    network: Any = BartForConditionalGeneration(
        BartConfig(
            vocab_size=VOCABULARY, d_model=512, encoder_layers=6, decoder_layers=6, encoder_ffn_dim=2048,
            decoder_ffn_dim=2048, encoder_attention_heads=8, decoder_attention_heads=8, max_position_embeddings=512,
            pad_token_id=0, eos_token_id=1, bos_token_id=3, decoder_start_token_id=0, forced_eos_token_id=None,
            init_std=0.05,
        )
    )  # fmt: skip
    network.save_pretrained(folder)
    save_tokenizer(folder)
    return folder


def t5(folder: Path) -> Path:
    """T5-small's: 6 and 6 layers of 512, 8 heads."""
    torch.manual_seed(0)
    network: Any = T5ForConditionalGeneration(
        T5Config(  # type: ignore[call-arg]
            vocab_size=VOCABULARY, d_model=512, d_kv=64, d_ff=2048, num_layers=6, num_heads=8, pad_token_id=0,
            eos_token_id=1, decoder_start_token_id=0, initializer_factor=1.0,
        )
    )  # fmt: skip
    network.save_pretrained(folder)
    save_tokenizer(folder)
    return folder


def row(task: Any, folder: Path, rounds: int, goals: Mapping[str, float]) -> dict[str, Any]:
    """CPU seconds of all, and ratios to ours."""
    texts = lognormal_texts(COUNT, longest=LONGEST)
    runner = duomo.load(task, f"dir:{folder}", device="cpu")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    network = AutoModelForSeq2SeqLM.from_pretrained(folder).eval()

    def ours() -> list[str]:
        return [outcome.unwrap().text for outcome in runner.map(texts, max_new_tokens=BOUND)]

    def generated(size: int) -> Case:
        def case() -> list[str]:
            found: list[str] = []
            with torch.inference_mode():
                for at in range(0, len(texts), size):
                    batch = tokenizer(texts[at : at + size], return_tensors="pt", padding=True)
                    ids = network.generate(
                        input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], max_new_tokens=BOUND
                    )
                    found += tokenizer.batch_decode(ids, skip_special_tokens=True)
            return found

        return case

    peers = {f"generate bs {size}": generated(size) for size in SIZES}
    answers: dict[str, Sequence[str]] = {}

    def keeping(name: str, case: Case) -> Callable[[], None]:
        return lambda: answers.update({name: case()})

    cases = {name: keeping(name, case) for name, case in {"duomo": ours, **peers}.items()}
    times = interleave(cases, rounds, clock=time.process_time, warm=0)
    same = {name: answers[name] == answers["duomo"] for name in peers}
    return contest(times, all(same.values()), goals) | {
        "same_tokens": same,
        "tokens": {
            "read": sum(len(text.split()) for text in texts),
            "written": [len(a.split()) for a in answers["duomo"]],
        },
    }


def main() -> None:
    """Measure both tasks."""
    args = arguments(__doc__ or "", rounds=3)
    torch.set_num_threads(1)
    goals = {"generate bs 1": 2, "generate best": 1.5}
    rows = {}
    for name, task, make in (
        ("translation, Marian's size", "translation", marian),
        ("summarization, T5-small's size", "summarization", t5),
    ):
        with tempfile.TemporaryDirectory() as folder:
            rows[name] = row(task, make(Path(folder)), args.rounds, goals)
    report("seq2seq", rows, args.out)


if __name__ == "__main__":
    main()
