"""Steps behind the pooling: what sentence-transformers itself makes of the folders that it saved."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import (
    AutoModel,
    BertConfig,
    Gemma3TextConfig,
    Gemma3TextModel,
    PreTrainedTokenizerFast,
    T5Config,
    T5EncoderModel,
)

import duomo
from duomo.errors import UnsafeWeights, WeightsMismatch

library = pytest.importorskip("sentence_transformers")
modules = pytest.importorskip("sentence_transformers.sentence_transformer.modules")
WORDS = "the a cat dog sat on mat ran to Ada Bob met in Paris London and one two three four".split()
TEXTS = [" ".join((WORDS * 2)[at : at + 1 + at * 7 % 13]) for at in range(16)] + ["東京 🙂 X"]
SMALL: dict[str, Any] = {"hidden_size": 32, "num_attention_heads": 4, "num_hidden_layers": 2, "intermediate_size": 64}
NETWORKS: dict[str, Callable[[int], torch.nn.Module]] = {
    "bert": lambda size: AutoModel.from_config(BertConfig(**SMALL, vocab_size=size)),
    "t5": lambda size: T5EncoderModel(
        T5Config(
            vocab_size=size, d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=4, feed_forward_proj="gated-gelu"
        )
    ),
    "gemma": lambda size: Gemma3TextModel(
        Gemma3TextConfig(
            **SMALL,
            vocab_size=size,
            num_key_value_heads=2,
            head_dim=8,
            use_bidirectional_attention=True,
            sliding_window=8,
            layer_types=["sliding_attention", "full_attention"],
        )
    ),
}


def dense(*sizes: int, **options: Any) -> torch.nn.Module:
    return modules.Dense(*sizes, **options)


STEPS: dict[str, tuple[str, str, Callable[[], list[torch.nn.Module]]]] = {
    "LaBSE": ("bert", "cls", lambda: [dense(32, 32), modules.Normalize()]),
    "sentence-t5": (
        "t5",
        "mean",
        lambda: [dense(32, 24, bias=False, activation_function=torch.nn.Identity()), modules.Normalize()],
    ),
    "EmbeddingGemma": (
        "gemma",
        "mean",
        lambda: [
            dense(32, 96, bias=False, activation_function=torch.nn.Identity()),
            dense(96, 32, bias=False, activation_function=torch.nn.Identity()),
            modules.Normalize(),
        ],
    ),
    "a layer norm": (
        "bert",
        "mean",
        lambda: [modules.LayerNorm(32), dense(32, 16, activation_function=torch.nn.ReLU())],
    ),
    "length 1 between": ("bert", "max", lambda: [modules.Normalize(), dense(32, 16), modules.LayerNorm(16)]),
    "with the vector itself": (
        "bert",
        "mean",
        lambda: [dense(32, 32, use_residual=True), dense(32, 20, use_residual=True), modules.Normalize()],
    ),
}


@pytest.fixture(scope="module")
def saved(
    make_wordpiece: Callable[[], Any], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], tuple[Path, torch.Tensor]]:
    """The folder of a kind as sentence-transformers saves it, and the vectors that it gives for `TEXTS`."""
    made: dict[str, tuple[Path, torch.Tensor]] = {}

    def get(name: str) -> tuple[Path, torch.Tensor]:
        if name not in made:
            kind, pooling, steps = STEPS[name]
            torch.manual_seed(0)
            base = tmp_path_factory.mktemp(kind)
            network = NETWORKS[kind](make_wordpiece().get_vocab_size())
            network.save_pretrained(base)  # type: ignore[operator]
            PreTrainedTokenizerFast(
                tokenizer_object=make_wordpiece(), pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]",
                sep_token="[SEP]", mask_token="[MASK]", model_max_length=64,
            ).save_pretrained(base)  # fmt: skip
            whole = library.SentenceTransformer(
                modules=[modules.Transformer(str(base)), modules.Pooling(32, pooling_mode=pooling), *steps()],
                device="cpu",
            )
            for module in whole.modules():
                if isinstance(module, torch.nn.LayerNorm):
                    torch.nn.init.normal_(module.weight, 1.0, 0.3)
                    torch.nn.init.normal_(module.bias)
            folder = tmp_path_factory.mktemp(f"{kind}-saved")
            whole.save(str(folder))
            made[name] = folder, torch.tensor(whole.encode(TEXTS))
        return made[name]

    return get


@pytest.mark.parametrize("name", STEPS)
def test_vectors_are_those_of_sentence_transformers(
    name: str, saved: Callable[[str], tuple[Path, torch.Tensor]]
) -> None:
    folder, theirs = saved(name)
    runner = duomo.load("feature-extraction", f"dir:{folder}", device="cpu")
    ends_at_length_1 = "Normalize" in json.loads((folder / "modules.json").read_text())[-1]["type"]
    together = torch.from_numpy(
        np.stack([each.unwrap().vector for each in runner.map(TEXTS, normalize=ends_at_length_1)])
    )
    torch.testing.assert_close(together, theirs, atol=2e-5, rtol=1e-4)
    alone = torch.from_numpy(np.stack([runner(text, normalize=ends_at_length_1).vector for text in TEXTS[:5]]))
    torch.testing.assert_close(alone, together[:5], atol=1e-5, rtol=1e-5)


def test_search_and_likeness_use_the_steps_too(saved: Callable[[str], tuple[Path, torch.Tensor]]) -> None:
    folder, theirs = saved("LaBSE")
    alike = duomo.load("sentence-similarity", f"dir:{folder}", device="cpu")
    scores = alike({"source": TEXTS[0], "sentences": TEXTS[1:]}).scores
    torch.testing.assert_close(torch.tensor(scores), theirs[1:] @ theirs[0], atol=2e-5, rtol=0)


def changed(folder: Path, target: Path, step: str, **config: Any) -> Path:
    """A copy of a folder in which the config of a step says something else."""
    import shutil

    copy = Path(shutil.copytree(folder, target))
    file = copy / step / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | config))
    return copy


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (
            {"activation_function": "somebody.else.Activation"},
            "activation_function='somebody.else.Activation' in the step",
        ),
        ({"activation_function": "torch.nn.modules.activation.Softmax"}, "activation_function="),
        ({"module_input_name": "token_embeddings"}, "module_input_name='token_embeddings'"),
        ({"out_features": 12}, "size mismatch"),
    ],
)
def test_a_step_that_cannot_be_honoured_is_refused_by_name(
    saved: Callable[[str], tuple[Path, torch.Tensor]], tmp_path: Path, config: dict[str, Any], words: str
) -> None:
    copy = changed(saved("LaBSE")[0], tmp_path / "copy", "2_Dense", **config)
    with pytest.raises(WeightsMismatch) as caught:
        duomo.load("feature-extraction", f"dir:{copy}", device="cpu")
    assert words in caught.value.why


def test_a_step_whose_weights_are_a_pickle_or_gone_or_elsewhere_is_refused(
    saved: Callable[[str], tuple[Path, torch.Tensor]], tmp_path: Path
) -> None:
    copy = changed(saved("LaBSE")[0], tmp_path / "copy", "2_Dense")
    weights = copy / "2_Dense" / "model.safetensors"
    weights.rename(copy / "2_Dense" / "pytorch_model.bin")
    with pytest.raises(UnsafeWeights, match="as a pickle"):
        duomo.load("feature-extraction", f"dir:{copy}", device="cpu")
    steps = json.loads((copy / "modules.json").read_text())
    steps[2]["path"] = f"../{saved('LaBSE')[0].name}/2_Dense"
    (copy / "modules.json").write_text(json.dumps(steps))
    with pytest.raises(WeightsMismatch, match="lies outside of it"):
        duomo.load("feature-extraction", f"dir:{copy}", device="cpu")
