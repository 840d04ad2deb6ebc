"""Write docs/checkpoints.md from the tables that the loaders read; tests/docs compares the two."""

from pathlib import Path

from duomo.generating import CHAT, FROM_PIXELS, GENERATION, SEQ2SEQ, Entry
from duomo.unfit import READERS
from duomo_nlp import honoured
from duomo_speech.honoured import WHISPER

PAGE = Path(__file__).with_name("checkpoints.md")
HEAD = """# What a checkpoint says

<!-- Made by docs/make_checkpoints.py; `make docs` writes it again. -->

A checkpoint is more than its tensors: the files beside them say how texts are prepared and how answers are written.
Each entry is *applied*, has *no effect* on the result here, or is *refused* when the checkpoint is loaded, with its
name. Where the caller says something else, the caller's word counts.
"""
HELD = """
## How checkpoints are held

`duomo models show dir:PATH` says what a folder is, which tasks it serves, and what is missing; it converts nothing.

| what | | |
|---|---|---|
"""
RUN = {
    "bitsandbytes": "8 and 4 bits, the tokens of its own network on a CPU",
    "torchao": "8 bits, the tokens of its own network on a CPU",
    "quanto": 'not run: transformers 5 cannot save one ("not serializable")',
    "hqq": 'not run: transformers 5 cannot make one ("not available yet")',
}
"""What `test_quantised.py` shows where the library is there, or why it cannot; without it, all are refused."""
LAYOUTS = (
    (
        "a folder in transformers layout, whole or in shards",
        "read",
        "`model.safetensors`, or the parts that `model.safetensors.index.json` names; a missing part is named",
    ),
    ("a folder of sentence-transformers, or of timm", "read", "as transformers reads it"),
    (
        "a folder with a `duomo.json`",
        "read",
        "what training writes; graphs (ONNX, OpenVINO) with what `duomo export` writes",
    ),
    (
        "a GGUF file, or a folder with one (`dir:model.gguf`)",
        "converted once",
        "decoders, to bfloat16, by transformers' reader, into the cache; its answers are those of transformers on the "
        "same file: `pip install 'duomo[gguf]'`",
    ),
    (
        "a PEFT adapter",
        "merged once",
        "into the base that it names, a folder or one of the hub; refused with the name where it is not here. LoRA "
        "and its kin; prompts cannot be merged: `pip install 'duomo[peft]'`",
    ),
    (
        "Whisper of CTranslate2 (faster-whisper)",
        "read",
        "`model.bin` in floating point or 8 bits, beside `config.json` and `tokenizer.json`; no library is needed. "
        "Other models in that format are refused",
    ),
    (
        "quantised by compressed-tensors",
        "unpacked",
        "into plain numbers as it is loaded: `pip install 'duomo[quantised]'`",
    ),
    *(
        (f"quantised by {method}", "by its library", f"`pip install {packages}`, {RUN.get(method, 'not tested here')}")
        for method, packages in READERS.items()
        if method != "compressed-tensors"
    ),
    (
        "a pickle (`.bin`, `.pt`)",
        "refused",
        "`duomo models convert` reads it with `weights_only=True` in a process of its own",
    ),
    ("a pointer of Git LFS", "refused", "`git lfs pull`"),
)
CACHED = """
What is converted lies in `DUOMO_CACHE` (`~/.cache/duomo/converted`) under a digest of the names, sizes and times of
what it was made from: a changed file is converted again, and the folder can be deleted at any time.

SpeechT5 speaks with a second network and in the voice of a vector; both lie beside it, in one folder:

    hf download microsoft/speecht5_tts --local-dir voice
    hf download microsoft/speecht5_hifigan --local-dir voice/vocoder

`duomo models convert` makes safetensors of each; `voice/speakers.safetensors` has a vector of 512 numbers a voice (the
x-vectors of SpeechBrain's `spkrec-xvect-voxceleb`): `safetensors.torch.save_file({"ada": vector}, path)`. Bark has its
voices in `speaker_embeddings_path.json` and the files that it names.
"""
WRITING = {
    "generation_config.json, for text-generation": GENERATION,
    "generation_config.json and task_specific_params, of encoder-decoders": SEQ2SEQ,
    "generation_config.json, for captions, handwriting and speech recognition": FROM_PIXELS,
    "generation_config.json, for image-text-to-text": CHAT,
    "generation_config.json, of Whisper": WHISPER,
}


def page() -> str:
    """The whole page."""
    held = HELD + "".join(f"| {what} | {how} | {note} |\n" for what, how, note in LAYOUTS) + CACHED
    return HEAD + held + "".join(section(title, entries) for title, entries in {**honoured.FILES, **WRITING}.items())


def section(title: str, entries: dict[str, Entry]) -> str:
    """One file: what is applied first, then what is refused, then what has no effect."""
    order = {"applied": 0, "refused": 1, "no effect": 2}
    rows = sorted(entries.items(), key=lambda each: order[each[1].how])
    lines = [f"\n## {title}\n", "| entry | | |", "|---|---|---|"]
    lines += [f"| `{name}` | {entry.how} | {entry.note} |" for name, entry in rows]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
