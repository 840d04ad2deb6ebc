"""Sentence-transformers folders: prompts, case, length and pooling are as their files say, in old names and new."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoModelForCausalLM, AutoTokenizer

import duomo
from duomo.errors import BadOption, WeightsMismatch, WrongTask

Make = Callable[..., Path]
WORDS = "the a cat dog Sat On mat ran to Ada Bob met in Paris London and one Two three four".split()
TEXTS = [" ".join((WORDS * 2)[at : at + 1 + at * 7 % 13]) for at in range(15)] + ["東京 🙂 X", "a " * 40]
"""Seventeen texts of one to thirteen words in both cases; the last is longer than the folder reads."""
LIMIT = 24
PROMPTS = {"query": "one two ", "document": "", "cat": "the cat "}
SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "a default prompt": {"general": {"prompts": PROMPTS, "default_prompt_name": "query"}},
    "a prompt that is not pooled": {
        "general": {"prompts": PROMPTS, "default_prompt_name": "cat"},
        "pooling": {"pooling_mode": "mean", "include_prompt": False},
    },
    "the same in old names": {
        "general": {"prompts": PROMPTS, "default_prompt_name": "cat"},
        "pooling": {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False, "include_prompt": False},
    },
    "several poolings without the prompt": {
        "general": {"prompts": PROMPTS, "default_prompt_name": "query"},
        "pooling": {
            "pooling_mode": ["cls", "max", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"],
            "include_prompt": False,
        },
    },
    "several poolings": {
        "pooling": {
            "pooling_mode_max_tokens": True,
            "pooling_mode_weightedmean_tokens": True,
            "pooling_mode_lasttoken": True,
        }
    },
    "lower case": {"sentence": {"do_lower_case": True}},
    "fewer numbers": {"general": {"truncate_dim": 8}},
}


def describe(folder: Path, settings: dict[str, Any], inner: str = "", kind: str = "bert") -> Path:
    """Lay the files of sentence-transformers beside a checkpoint; `inner` is a folder for the network alone."""
    kinds = ("Transformer", "Pooling")
    modules = [
        {
            "idx": at,
            "name": f"{at}",
            "path": f"{at}_{name}" if at else inner,
            "type": f"sentence_transformers.models.{name}",
        }
        for at, name in enumerate(kinds)
    ]
    network = folder
    if inner:
        network = folder / inner
        network.mkdir()
        for file in [each for each in folder.iterdir() if each.is_file()]:
            shutil.move(file, network / file.name)
        (folder / "config.json").write_text("{}")
    (folder / "1_Pooling").mkdir()
    for file, said in {
        folder / "modules.json": modules,
        folder / "config_sentence_transformers.json": settings.get("general", {}),
        folder / "1_Pooling" / "config.json": {
            "word_embedding_dimension": 32,
            **settings.get("pooling", {"pooling_mode_mean_tokens": True}),
        },
        network / f"sentence_{kind}_config.json": {"max_seq_length": LIMIT, **settings.get("sentence", {})},
    }.items():
        file.write_text(json.dumps(said))
    return folder


def reference(folder: Path, settings: dict[str, Any], texts: list[str], prompt: str) -> torch.Tensor:
    """What the files ask for, by hand, one text at a time: (texts, D)."""
    tokenizer, network = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    pooling = settings.get("pooling", {})
    lower = settings.get("sentence", {}).get("do_lower_case", False)
    modes = pooling.get("pooling_mode") or [
        name.removeprefix("pooling_mode_").removesuffix("_tokens").removesuffix("_token")
        for name, on in pooling.items()
        if name.startswith("pooling_mode_") and on
    ]
    skip = 0 if not prompt or pooling.get("include_prompt", True) else len(tokenizer(prompt).input_ids) - 1
    vectors = []
    for text in texts:
        whole = prompt + text
        ids = tokenizer(whole.lower() if lower else whole, truncation=True, max_length=LIMIT).input_ids
        with torch.no_grad():
            hidden = network(input_ids=torch.tensor([ids])).last_hidden_state[0]
        kept, places = hidden[skip:], torch.arange(skip + 1, len(ids) + 1.0)[:, None]
        pooled = {
            "cls": kept[0],
            "max": kept.amax(0),
            "mean": kept.mean(0),
            "mean_sqrt_len_tokens": kept.sum(0) / len(kept) ** 0.5,
            "weightedmean": (kept * places).sum(0) / places.sum(),
            "lasttoken": kept[-1],
        }
        names = [modes] if isinstance(modes, str) else modes or ["mean"]
        vectors.append(torch.cat([pooled[name] for name in names])[: settings.get("general", {}).get("truncate_dim")])
    return torch.nn.functional.normalize(torch.stack(vectors), dim=1)


def vectors(runner: duomo.Runner[Any], **options: Any) -> torch.Tensor:
    return torch.from_numpy(
        np.stack([outcome.unwrap().vector for outcome in runner.map(TEXTS, long="truncate", **options)])
    )


@pytest.mark.parametrize("name", SETTINGS)
def test_a_folder_gives_what_its_files_ask_for(checkpoint: Make, name: str) -> None:
    settings = SETTINGS[name]
    folder = describe(checkpoint("bert", AutoModel), settings)
    runner = duomo.load("feature-extraction", f"dir:{folder}", device="cpu")
    general = settings.get("general", {})
    prompt = PROMPTS.get(general.get("default_prompt_name", ""), "")
    together = vectors(runner)
    torch.testing.assert_close(together, reference(folder, settings, TEXTS, prompt), atol=1e-5, rtol=0)
    alone = torch.from_numpy(np.stack([runner(text, long="truncate").vector for text in TEXTS]))
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)
    if "prompts" in general:
        for options, said in (
            ({"prompt": "a dog "}, "a dog "),
            ({"prompt_name": "cat"}, "the cat "),
            ({"prompt": ""}, ""),
        ):
            torch.testing.assert_close(
                vectors(runner, **options), reference(folder, settings, TEXTS, said), atol=1e-5, rtol=0
            )


@pytest.mark.equals("`SentenceTransformer`, to 1e-4", "feature-extraction")
@pytest.mark.parametrize("name", SETTINGS)
def test_a_folder_gives_the_vectors_of_sentence_transformers(checkpoint: Make, name: str) -> None:
    library = pytest.importorskip("sentence_transformers")
    folder = describe(checkpoint("bert", AutoModel), SETTINGS[name])
    theirs = torch.tensor(
        library.SentenceTransformer(str(folder), device="cpu").encode(TEXTS, normalize_embeddings=True)
    )
    ours = vectors(duomo.load("feature-extraction", f"dir:{folder}", device="cpu"))
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=0)


@pytest.mark.parametrize("kind", ["roberta", "xlm-roberta", "distilbert", "xlnet"])
def test_the_old_layout_is_read_under_its_old_names(checkpoint: Make, kind: str) -> None:
    """The network in a folder of its own, with how it reads beside it, in a file named after the architecture."""
    settings = SETTINGS["lower case"]
    folder = describe(checkpoint("bert", AutoModel), settings, inner="0_Transformer", kind=kind)
    runner = duomo.load("feature-extraction", f"dir:{folder}", device="cpu")
    expected = reference(folder / "0_Transformer", settings, TEXTS, "")
    torch.testing.assert_close(vectors(runner), expected, atol=1e-5, rtol=0)


def test_a_folder_of_its_own_is_never_outside(checkpoint: Make) -> None:
    folder = describe(checkpoint("bert", AutoModel), {})
    other = checkpoint("distilbert", AutoModel)
    modules = json.loads((folder / "modules.json").read_text())
    modules[0]["path"] = f"../{other.name}"
    (folder / "modules.json").write_text(json.dumps(modules))
    runner = duomo.load("feature-extraction", f"dir:{folder}", device="cpu")
    assert runner.executor.worker.model.network.config.model_type == "bert"  # type: ignore[attr-defined]


@pytest.mark.equals("the bare network's vectors multiplied, to 1e-5", "sentence-similarity", "semantic-search")
def test_prompts_hold_in_likeness_and_search(checkpoint: Make) -> None:
    settings = {"general": {"prompts": {"query": "one two ", "passage": "the cat ", "x": "a dog "}}}
    folder = describe(checkpoint("bert", AutoModel), settings)
    corpus = TEXTS[:9]
    alike = duomo.load("sentence-similarity", f"dir:{folder}", device="cpu")
    for options, prompt in (({}, ""), ({"prompt_name": "x"}, "a dog "), ({"prompt": "mat "}, "mat ")):
        expected = reference(folder, settings, corpus, prompt)
        scores = alike({"source": corpus[0], "sentences": corpus[1:]}, **options).scores  # type: ignore[arg-type]
        torch.testing.assert_close(torch.tensor(scores), expected[1:] @ expected[0], atol=1e-5, rtol=0)
    search = duomo.load("semantic-search", f"dir:{folder}", device="cpu")
    passages = reference(folder, settings, corpus, "the cat ")
    for options, prompt in (({}, "one two "), ({"prompt_name": "x"}, "a dog "), ({"prompt": ""}, "")):
        expected = (reference(folder, settings, [TEXTS[10]], prompt) @ passages.T)[0]
        hits = search(TEXTS[10], corpus=corpus, top_k=9, **options).hits  # type: ignore[arg-type]
        found = {hit.index: hit.score for hit in hits}
        torch.testing.assert_close(torch.tensor([found[at] for at in range(9)]), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", ["dot", "euclidean", "manhattan"])
def test_the_likeness_is_the_one_the_checkpoint_was_trained_for(checkpoint: Make, name: str) -> None:
    folder = describe(checkpoint("bert", AutoModel), {"general": {"similarity_fn_name": name}})
    plain = duomo.load("feature-extraction", f"dir:{folder}", device="cpu")
    raw = torch.from_numpy(np.stack([outcome.unwrap().vector for outcome in plain.map(TEXTS[:6], normalize=False)]))
    expected = {
        "dot": raw[1:] @ raw[0],
        "euclidean": -(raw[1:] - raw[0]).norm(dim=1),
        "manhattan": -(raw[1:] - raw[0]).abs().sum(1),
    }[name]
    alike = duomo.load("sentence-similarity", f"dir:{folder}", device="cpu")
    scores = alike({"source": TEXTS[0], "sentences": TEXTS[1:6]}).scores
    torch.testing.assert_close(torch.tensor(scores), expected, atol=1e-4, rtol=1e-5)
    search = duomo.load("semantic-search", f"dir:{folder}", device="cpu")
    hits = search(TEXTS[0], corpus=TEXTS[1:6], top_k=5).hits
    assert [hit.index for hit in hits] == expected.argsort(descending=True).tolist()


def test_an_unknown_prompt_is_refused_with_those_there_are(checkpoint: Make) -> None:
    folder = describe(checkpoint("bert", AutoModel), {"general": {"prompts": PROMPTS}})
    runner = duomo.load("feature-extraction", f"dir:{folder}", device="cpu")
    with pytest.raises(BadOption, match="no prompt named 'passage'") as caught:
        runner("a dog", prompt_name="passage")
    assert "query, document, cat" in caught.value.why
    with pytest.raises(BadOption, match="two things"):
        runner("a dog", prompt_name="cat", prompt="x")


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ("sentence", {"transformer_task": "fill-mask"}),
        ("sentence", {"modality_config": {"image": {"method": "get_image_features"}}}),
        ("sentence", {"tokenizer_args": {"padding_side": "left"}}),
        ("sentence", {"a_key_of_tomorrow": 3}),
        ("general", {"model_type": "SparseEncoder"}),
        ("general", {"similarity_fn_name": "maxsim"}),
        ("general", {"default_prompt_name": "nowhere"}),
        ("pooling", {"pooling_mode": "attention"}),
    ],
)
def test_what_is_not_written_here_is_refused_by_name(checkpoint: Make, part: str, said: dict[str, Any]) -> None:
    folder = describe(checkpoint("bert", AutoModel), {part: said})
    with pytest.raises(WeightsMismatch, match="does not know") as caught:
        duomo.load("feature-extraction", f"dir:{folder}", device="cpu")
    assert f"{next(iter(said))}=" in caught.value.why


def test_a_decoder_makes_vectors_where_its_folder_says_how(checkpoint: Make) -> None:
    folder = checkpoint("llama", AutoModelForCausalLM)
    with pytest.raises(WrongTask, match="feature-extraction") as caught:
        duomo.load("feature-extraction", f"dir:{folder}", device="cpu")
    assert "no modules.json says how the vectors of its tokens are pooled" in caught.value.why
    settings = {"pooling": {"pooling_mode_lasttoken": True}}
    describe(folder, settings)
    runner = duomo.load("feature-extraction", f"dir:{folder}", device="cpu")
    expected = reference(folder, {"pooling": {"pooling_mode": "lasttoken"}}, TEXTS, "")
    torch.testing.assert_close(vectors(runner), expected, atol=1e-5, rtol=0)
    text = duomo.load("text-generation", f"dir:{folder}", device="cpu")
    assert text("the cat", max_new_tokens=3).num_new_tokens <= 3


LONG = "one " * 60


@pytest.mark.parametrize(
    ("task", "option"),
    [("semantic-search", {"corpus": ["a dog", LONG]}), ("semantic-search", {"corpus": ["a", "b\ud83d"]})],
)
def test_an_option_at_fault_is_one_error_of_the_call(checkpoint: Make, task: str, option: dict[str, Any]) -> None:
    folder = describe(checkpoint("bert", AutoModel), {})
    runner = duomo.load(task, f"dir:{folder}", device="cpu")
    with pytest.raises(BadOption, match=r"too long|half a character"):
        runner("a dog", **option)
    with pytest.raises(BadOption, match=r"too long|half a character"):
        list(runner.map(TEXTS[:5], **option))
    assert [outcome.ok for outcome in runner.map(TEXTS[:5], corpus=["a dog"])] == [True] * 5


def test_a_decoder_that_is_said_to_see_all_of_a_text_does(checkpoint: Make) -> None:
    """`is_causal` false, as in gte-Qwen2: without padding there is no mask, and attention must not put one back."""
    firsts = []
    for is_causal in (True, False):
        folder = checkpoint("llama", AutoModelForCausalLM, is_causal=is_causal)
        describe(folder, {"pooling": {"pooling_mode": "cls"}})
        runner = duomo.load("feature-extraction", f"dir:{folder}", device="cpu")
        one, other = (runner(text).vector for text in ("the cat sat on the mat", "the cat sat on the dog"))
        firsts.append(float(np.abs(one - other).max()))
    causal, whole = firsts
    assert not causal
    assert whole > 0.01
