"""Every family with a plan, cut in threads of this process: what one device gives, with the exchanges of theory."""

from typing import Any

import pytest
import torch
from torch import nn
from transformers import (
    CONFIG_MAPPING,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
)

import duomo
from duomo.errors import UsageProblem, WorkerContractError
from duomo.execution.sharding import group as groups, tensor
from duomo.tasks.nlp.generation import TextGenerationOptions
from duomo.testing import ThreadGroup, difference_when_cut
from duomo_multimodal.pages import PageClassifier
from duomo_nlp.generation import CausalLM
from duomo_nlp.seq2seq import Translate
from tests.parallel import biased

TOLERANCE = 5e-6
"""Of scores and vectors near 1; the largest difference measured is 1.6e-6."""
LOOSER = {"grounding-dino": 2e-4, "owl-vit": 2e-5}
"""Tolerances of the networks whose weights are drawn larger; in double precision Grounding DINO differs by 2e-14."""
LAYERS = 4
SPOKEN = ("wav2vec2", "hubert", "whisper", "whisper-languages")
TENSOR = {
    "bert": 2 * LAYERS, "bert-tokens": 2 * LAYERS, "bert-pairs": 2 * LAYERS, "bert-vectors": 2 * LAYERS,
    "roberta": 2 * LAYERS, "distilbert": 2 * LAYERS, "modernbert": 2 * LAYERS, "vit": 2 * LAYERS,
    "dinov2": 2 * LAYERS, "yolos": 2 * LAYERS, "videomae": 2 * LAYERS, "vivit": 2 * 2, "vjepa2": 2 * 2,
    "clip": 4 * LAYERS, "siglip": 4 * LAYERS,  # pictures, and texts
    "beit": 2 * LAYERS, "beit-shared": 2 * LAYERS,
    "segformer": 4,  # four stages of one layer, whose MLP alone is cut
    "dpt": 3 * 2 * LAYERS, "depth-anything": 3 * 2 * LAYERS,  # one image a pass on a CPU
    "clap": 2 * 2 + 2 * 2,  # texts, and sounds
    "eomt": 2, "eomt-dinov3": 2, "dinov3": 2 * LAYERS, "uper-net": 4, "swin": 4, "omdet": 1 + 2,
    "glpn": 3 * 4, "timesformer": 2, "oneformer": 3 * (1 + 2),  # MLPs alone; with a pass for each of three images
    "owl-vit": 2 * 2 + 2 * 2, "grounding-dino": 3 * (2 * 2 + 2),  # texts and images; two MLPs a layer, and one
    "ast": 2 * LAYERS, "wav2vec2-words": 3 * 2 * LAYERS, "wav2vec2-labels": 3 * 2 * LAYERS,
    "whisper-languages": 2 * 2 * 2 + 2 * 3,  # two voices through an encoder of two layers, and one step of two
    "wav2vec2": 3 * 2 * LAYERS, "hubert": 3 * 2 * LAYERS,  # three recordings of unlike lengths
}  # fmt: skip
"""Sums of one batch: two a layer and pass. Packed texts are one pass."""
PIPELINE = (
    "bert", "bert-tokens", "bert-pairs", "bert-vectors", "roberta", "distilbert", "modernbert", "vit", "dinov2", "ast",
    "beit", "beit-shared", "yolos-stack", "videomae", "vivit", "vjepa2",
)  # fmt: skip
MICROBATCHES = {"bert-pairs": 13, "ast": 3, "videomae": 3, "vivit": 3, "vjepa2": 3}
GENERATORS = ("gpt2", "llama")


def spoken(names, *more):
    """Speech needs Silero VAD, which comes with the starter pack."""
    return [pytest.param(name, *more, marks=pytest.mark.embedded if name in SPOKEN else ()) for name in names]


def answers(group, workers, whole):
    """The results at every rank of one batch of all items."""
    item_results = group.run(
        lambda rank: rank.compute(rank.prepare(whole.items, whole.options), whole.options), workers
    )
    return [[item_result.unwrap() for item_result in each] for each in item_results]


@pytest.mark.parametrize(("name", "tp"), [*spoken(TENSOR, 4), *spoken(("bert", "vit", "clip", "whisper-languages"), 2)])
def test_tensor_parallel_gives_what_one_device_gives_with_two_sums_a_layer(name, tp, whole, cut, differ):
    group, workers = cut(name, tp=tp)
    for results in answers(group, workers, whole(name)):
        assert differ(name, whole(name).results, results) < LOOSER.get(name, TOLERANCE)
    assert group.ranks[0].counts == {"all_reduce": TENSOR[name], "from_first_rank": 1}


@pytest.mark.parametrize("name", PIPELINE)
def test_a_pipeline_gives_what_one_device_gives_with_one_message_a_microbatch(name, whole, cut, differ):
    group, workers = cut(name, pp=2)
    for results in answers(group, workers, whole(name)):
        assert differ(name, whole(name).results, results) < TOLERANCE
    first, last = (ranks.counts for ranks in group.ranks)
    # Twelve texts are eight microbatches by the budget of a schedule, nine pictures eight by number; eighteen pairs
    # of two lengths are more, for two of the longer ones would be over the budget.
    assert first["send"] == last["recv"] == MICROBATCHES.get(name, 8)
    assert first["recv"] == last["send"] == first["all_reduce"] == 0
    outputs = {"bert-vectors": 2, "yolos-stack": 3}.get(name, 1)  # with a pooled vector; labels, boxes, hidden states
    assert first["share"] == last["share"] == MICROBATCHES.get(name, 8) * outputs


@pytest.mark.parametrize("name", ["bert", "vit"])
def test_stages_of_two_ranks_each_give_the_same(name, whole, cut, differ):
    group, workers = cut(name, pp=2, tp=2)
    for results in answers(group, workers, whole(name)):
        assert differ(name, whole(name).results, results) < TOLERANCE
    # Half of the layers, so half of the sums, for each of eight microbatches.
    assert [ranks.counts["all_reduce"] for ranks in group.ranks] == [8 * LAYERS] * 4


@pytest.mark.parametrize("dims", [{"tp": 2}, {"tp": 4}, {"pp": 2}, {"pp": 4}, {"pp": 2, "tp": 2}], ids=str)
@pytest.mark.parametrize("name", GENERATORS)
def test_a_decoder_writes_the_same_text_token_by_token(name, dims, whole, cut):
    group, workers = cut(name, **dims)
    passes = []
    workers[0].model.network.register_forward_pre_hook(lambda *_: passes.append(1))
    for results in answers(group, workers, whole(name)):
        assert results == whole(name).results
    counts = group.ranks[0].counts
    here = LAYERS // dims.get("pp", 1)
    assert counts["all_reduce"] == (2 * here * len(passes) if "tp" in dims else 0)
    assert counts["send"] == (len(passes) if "pp" in dims else 0), "a step that keeps a cache is one microbatch"


@pytest.mark.parametrize("dims", [{"tp": 2}, {"tp": 4}], ids=str)
@pytest.mark.parametrize("name", spoken(["wav2vec2", "hubert"]))
def test_logits_of_speech_are_those_of_the_whole_network(name, dims, whole, cut):
    logits_agree(name, dims, whole, cut)


@pytest.mark.parametrize("dims", [{"tp": 2}, {"tp": 4}, {"pp": 2}], ids=str)
@pytest.mark.parametrize("name", GENERATORS)
def test_logits_of_decoders_are_those_of_the_whole_network(name, dims, whole, cut):
    logits_agree(name, dims, whole, cut)


def logits_agree(name, dims, whole, cut):
    network = whole(name).runner.executor.worker.model.network
    torch.manual_seed(0)
    if name in SPOKEN:
        inputs: dict[str, Any] = {"input_values": torch.randn(2, 8000)}
    else:
        inputs = {"input_ids": torch.randint(4, 20, (5, 9)), "use_cache": False}
    with torch.no_grad():
        expected = network(**inputs).logits
    group, workers = cut(name, **dims)
    for logits in group.run(lambda rank: rank.model.network(**inputs).logits, workers):
        assert (logits - expected).abs().max() < 1e-5 * expected.abs().max()


@pytest.mark.parametrize(
    ("kind", "extra", "inner"),
    [
        ("distilbert", {"hidden_dim": 40}, 40),
        ("gpt2", {"n_inner": 40}, 40),
        ("gpt2", {"n_embd": 24}, 96),
        ("llama", {"intermediate_size": 40}, 40),
    ],
)
def test_what_must_be_divided_is_read_from_the_config(kind, extra, inner):
    assert CausalLM.tensor_plan(CONFIG_MAPPING[kind](**extra)).divisible["inner units"] == inner


@pytest.mark.parametrize(
    ("kind", "extra"),
    [("gemma3n_text", {}), ("qwen3_5_text", {"layer_types": ["linear_attention", "full_attention"]}), ("lfm2", {})],
)
def test_a_decoder_that_is_no_plain_stack_has_no_pipeline_split(kind, extra):
    assert CausalLM.pipeline_split(CONFIG_MAPPING[kind](num_hidden_layers=2, **extra)) is None  # type: ignore[call-arg]


@pytest.mark.parametrize("dims", [{"tp": 2}, {"pp": 2}], ids=str)
def test_a_decoder_with_a_sliding_window_keeps_its_cache_in_step(dims, whole, cut):
    group, workers = cut("mistral", **dims)
    for results in answers(group, workers, whole("mistral")):
        assert results == whole("mistral").results


@pytest.mark.parametrize("name", ["gemma2", "gpt_neox", "granite", "olmo2", "qwen3"])
def test_decoders_are_cut_by_the_plans_that_transformers_has_for_them(name):
    sizes: dict[str, Any] = {"vocab_size": 40, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 4}
    sizes |= {"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "initializer_range": 0.3}

    def config():
        return CONFIG_MAPPING[name](**sizes, pad_token_id=0, bos_token_id=1, eos_token_id=2)  # type: ignore[call-arg]

    def build():
        torch.manual_seed(0)
        return AutoModelForCausalLM.from_config(config())

    ids = torch.arange(4, 40).view(6, 6)
    plans: dict[str, Any] = {
        "tensor_plan": CausalLM.tensor_plan(config()),
        "pipeline_split": CausalLM.pipeline_split(config()),
    }
    for dims in ({"tp": 2}, {"pp": 2}):
        moved = difference_when_cut(build, lambda network: network(ids, use_cache=False).logits[:, -1], **plans, **dims)  # type: ignore[arg-type]
        assert moved < 1e-4, "of logits up to 10 and more"


SPARSE: dict[str, Any] = {
    "vocab_size": 40, "hidden_size": 32, "intermediate_size": 48, "num_attention_heads": 4, "num_key_value_heads": 4,
    "num_hidden_layers": 2, "moe_intermediate_size": 16, "shared_expert_intermediate_size": 16, "head_dim": 8,
    "initializer_range": 0.3, **dict.fromkeys(("num_experts", "num_local_experts", "n_routed_experts"), 4),
    **dict.fromkeys(("n_group", "topk_group", "num_shared_experts", "n_shared_experts", "first_k_dense_replace"), 1),
    "num_experts_per_tok": 2, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "max_position_embeddings": 64,
}  # fmt: skip
LATENT = SPARSE | {
    **dict.fromkeys(("q_lora_rank", "kv_lora_rank"), 16),
    **dict.fromkeys(("qk_rope_head_dim", "qk_nope_head_dim", "head_dim"), 4),
    "v_head_dim": 8,
}
EXPERTS: dict[str, dict[str, Any]] = {
    **dict.fromkeys(
        "afmoe dots1 ernie4_5_moe exaone_moe glm4_moe gpt_oss hy_v3 minimax_m2 mixtral olmoe".split(),
        SPARSE,
    ),
    **dict.fromkeys(
        "granitemoe granitemoeshared hunyuan_v1_moe llama4_text phimoe qwen2_moe qwen3_moe".split(), SPARSE
    ),
    **dict.fromkeys("aria_text cohere2_moe flex_olmo solar_open".split(), SPARSE),
    **dict.fromkeys(("deepseek_v2", "deepseek_v3", "glm4_moe_lite"), LATENT),
}
NO_STAGES = {"granitemoe", "granitemoeshared", "hunyuan_v1_moe", "llama4_text", "olmoe", "phimoe"}
"""transformers does not say where their layers are."""


def decoder(name, sizes):
    """How a tiny decoder is built, with its plans."""

    def config():
        return CONFIG_MAPPING[name](**sizes)

    def build():
        torch.manual_seed(0)
        network = AutoModelForCausalLM.from_config(config())
        for each in network.parameters():
            nn.init.normal_(each, std=0.3)  # biases and sinks, too, which are zeros in a new network
        return network

    plans: dict[str, Any] = {
        "tensor_plan": CausalLM.tensor_plan(config()),
        "pipeline_split": CausalLM.pipeline_split(config()),
    }
    return build, plans


def written(network):
    """Scores of five tokens, and the tokens."""
    settings: dict[str, Any] = {"max_new_tokens": 5, "min_new_tokens": 5, "do_sample": False}
    answer = network.generate(
        torch.arange(4, 40).view(4, 9), **settings, output_scores=True, return_dict_in_generate=True
    )
    return torch.cat([torch.stack(answer.scores, 1).clamp(-50).flatten(), answer.sequences.flatten().float()])


@pytest.mark.parametrize("name", EXPERTS)
def test_mixtures_of_experts_are_cut_inside_each_expert_and_write_alike(name):
    build, plans = decoder(name, EXPERTS[name])
    assert difference_when_cut(build, written, **plans, tp=2) < 2e-4, "of logits up to 40"
    assert (plans["pipeline_split"] is None) is (name in NO_STAGES)
    if name not in NO_STAGES:
        assert difference_when_cut(build, written, **plans, pp=2) < 2e-4


@pytest.mark.parametrize("name", ["lfm2", "opt", "phi3"])
def test_decoders_for_which_transformers_has_no_plan_write_alike(name):
    build, plans = decoder(name, SPARSE | {"ffn_dim": 48, "word_embed_proj_dim": 32})
    assert difference_when_cut(build, written, **plans, tp=2) < 2e-4


def test_each_device_has_its_part_of_every_expert():
    build, plans = decoder("qwen3_moe", SPARSE)
    group, whole = ThreadGroup(tp=4), build()
    pieces = [build() for _ in group.ranks]
    for piece, ranks in zip(pieces, group.ranks, strict=True):
        tensor.cut(piece, tensor.check(plans["tensor_plan"], 4, "qwen3_moe"), ranks, "qwen3_moe")
    for name, dim in (("down_proj", 2), ("gate_up_proj", 1)):
        path = f"model.layers.1.mlp.experts.{name}"
        shares = [piece.get_parameter(path) for piece in pieces]
        assert {4 * each.numel() for each in shares} == {whole.get_parameter(path).numel()}
        if dim == 2:
            assert torch.equal(torch.cat(shares, dim), whole.get_parameter(path))
    group.run(lambda network: network(torch.arange(4, 13)[None]), pieces)
    assert group.ranks[0].counts["all_reduce"] == 2 * 2, "attention and experts of two layers"


def test_experts_of_which_something_is_left_whole_are_refused():
    build, plans = decoder("mixtral", SPARSE)
    styles = {name: style for name, style in plans["tensor_plan"].styles.items() if "down" not in name}
    with pytest.raises(WorkerContractError, match="leaves their down_proj whole"):
        difference_when_cut(build, written, tensor_plan=plans["tensor_plan"]._replace(styles=styles), tp=2)


def test_units_of_an_expert_that_cannot_be_divided_are_refused_before_any_work():
    _, plans = decoder("qwen3_moe", SPARSE | {"moe_intermediate_size": 18})
    with pytest.raises(UsageProblem, match="18 inner units of an expert"):
        tensor.check(plans["tensor_plan"], 4, "qwen3_moe")


@pytest.mark.parametrize("kind", ["doge", "hrm_text"])
def test_a_decoder_that_is_not_as_transformers_says_has_no_plan(kind):
    config = CONFIG_MAPPING[kind](num_hidden_layers=2)  # type: ignore[call-arg]
    assert None in (CausalLM.tensor_plan(config), CausalLM.pipeline_split(config))


@pytest.mark.parametrize("dims", [{"tp": 2}, {"tp": 4}, {"pp": 2}], ids=str)
def test_pages_are_judged_alike_with_a_bias_for_each_head_and_distance(dims):
    def build():
        torch.manual_seed(0)
        return AutoModelForSequenceClassification.from_config(biased.layout())

    torch.manual_seed(1)
    inputs = {"input_ids": torch.randint(4, 20, (5, 9)), "pixel_values": torch.randn(5, 3, 32, 32)}
    inputs["bbox"] = torch.randint(0, 30, (5, 9, 4)).sort(-1).values
    plans: dict[str, Any] = {
        "tensor_plan": PageClassifier.tensor_plan(biased.layout()),
        "pipeline_split": PageClassifier.pipeline_split(biased.layout()),
    }
    moved = difference_when_cut(build, lambda network: network(**inputs).logits, **plans, **dims)
    assert moved < 1e-4, "of logits up to 10 and more"


BART: dict[str, Any] = {"vocab_size": 40, "d_model": 32, "encoder_layers": 2, "decoder_layers": 2,
        "encoder_attention_heads": 4, "decoder_attention_heads": 4, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48,
        "pad_token_id": 0, "eos_token_id": 2, "decoder_start_token_id": 2, "init_std": 0.3}  # fmt: skip
T5: dict[str, Any] = {"vocab_size": 40, "d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_heads": 4,
      "pad_token_id": 0, "eos_token_id": 1, "decoder_start_token_id": 0}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "tp"),
    [
        *((name, 2) for name in ("bart", "blenderbot", "blenderbot-small", "m2m_100", "mbart", "pegasus", "plbart")),
        *((name, 2) for name in ("t5", "mt5", "umt5")),
        *((name, 4) for name in ("marian", "t5")),
    ],
)
def test_encoder_decoders_write_alike_token_by_token(name, tp):
    config = CONFIG_MAPPING[name](**(T5 if name.endswith("t5") else BART))

    def build():
        torch.manual_seed(0)
        return AutoModelForSeq2SeqLM.from_config(config).eval()

    def write(network):
        ids = torch.arange(4, 40).view(4, 9)
        settings: dict[str, Any] = {"max_new_tokens": 5, "min_new_tokens": 5, "do_sample": False, "num_beams": 2}
        written = network.generate(ids, **settings, output_scores=True, return_dict_in_generate=True)
        return torch.cat([torch.stack(written.scores, 1).clamp(-50).flatten(), written.sequences.flatten().float()])

    assert difference_when_cut(build, write, tensor_plan=Translate.tensor_plan(config), tp=tp) < 1e-4


@pytest.mark.parametrize("seed", [None, 7])
def test_ranks_draw_the_same_tokens_even_without_a_seed(seed, whole, cut):
    options = TextGenerationOptions.parse({"max_new_tokens": 12, "temperature": 5.0, "seed": seed})
    group, workers = cut("llama", tp=2)
    first, second = answers(group, workers, whole("llama")._replace(options=options))
    assert first == second
    assert len({result.text for result in first}) > 6, "hot enough that ranks would part"


@pytest.mark.parametrize("dims", [{"tp": 2}, {"pp": 2}], ids=str)
def test_streams_of_all_ranks_are_the_same(dims, whole, cut):
    group, workers = cut("gpt2", **dims)
    one = whole("gpt2")
    streams = group.run(lambda rank: [part.text for part in rank.stream(one.items[1], one.options)], workers)
    assert streams[0] == streams[1]
    assert "".join(streams[0]) == one.results[1].text


@pytest.mark.embedded
@pytest.mark.parametrize("tp", [2, 4])
def test_whisper_hears_and_writes_the_same(tp, whole, cut):
    from duomo_speech.windows import Window

    one = whole("whisper")
    heard = [Window(item.samples(16_000), 0.0) for item in one.items]
    group, workers = cut("whisper", tp=tp)

    def tokens(model):
        return model.forward(model.collate(model.preprocess(heard, one.options)))

    with torch.no_grad():
        expected = tokens(one.runner.executor.worker.model)
    assert group.run(lambda rank: tokens(rank.model), workers) == [expected] * tp
    assert any(len(each) > 4 for each in expected)
    counts = group.ranks[0].counts
    # Two layers: the encoder sums twice in each, for each window alone; the decoder three times, at every step.
    assert counts["all_reduce"] == 3 * 2 * 2 + 2 * 3 * counts["from_first_rank"]


@pytest.mark.embedded
def test_whisper_from_a_package_hears_the_same_over_three_ranks(recording_of_beckett, cut_job):
    with duomo.load("automatic-speech-recognition", "speech/whisper-tiny.en", device="cpu") as runner:
        whole = runner(recording_of_beckett)
        item, options = runner.task.Input.accept(recording_of_beckett), runner.task.Options.parse({})
        group, workers = cut_job(runner.executor.worker.job, tp=3)  # type: ignore[attr-defined]  # six heads, and weights that are no checkpoint
    prepare = [worker.prepare([item], options) for worker in workers]
    item_results = group.run(lambda at: workers[at].compute(prepare[at], options), range(3))
    assert [item_result.unwrap() for [item_result] in item_results] == [whole] * 3
    assert "fail better" in whole.text.lower()


@pytest.mark.parametrize("name", ["bert", "gpt2", "llama", "vit", "clip"])
def test_each_rank_holds_its_share_of_every_layer(name, whole, cut):
    def weights(model):
        return sum(
            each.numel() for key, each in model.network.named_parameters() if each.ndim == 2 and ".0." in f".{key}"
        )

    _, workers = cut(name, tp=4)
    assert {4 * weights(worker.model) for worker in workers} == {weights(whole(name).runner.executor.worker.model)}


def test_a_rank_never_runs_in_inference_mode(whole, cut, monkeypatch):
    group, workers = cut("bert", tp=2)
    modes = []
    forward = type(workers[0].model).forward

    def watched(model, batch):
        modes.append((torch.is_inference_mode_enabled(), torch.is_grad_enabled()))
        return forward(model, batch)

    monkeypatch.setattr(type(workers[0].model), "forward", watched)
    answers(group, workers, whole("bert"))
    assert modes == [(False, False)] * 2


def test_ranks_that_prepared_unlike_batches_say_so_instead_of_waiting(whole, cut):
    group, workers = cut("bert", tp=2)
    one = whole("bert")

    def part(rank):
        return rank.compute(rank.prepare(one.items[: 3 + rank.ranks.place], one.options), one.options)

    with pytest.raises(WorkerContractError, match="prepared another batch here than at rank 0"):
        group.run(part, workers)


REFUSED = [
    ("bert", {"tp": 3}, ["cannot be cut for tp=3", "it has 4 attention heads, which", "tp=2 is the largest"]),
    ("llama", {"tp": 8}, ["4 attention heads and 4 key-value heads, which 8", "tp=4 is the largest"]),
    ("bert", {"pp": 5}, ["cannot be cut for pp=5", "it has 4 layers", "pp=4 at most"]),
    ("clip", {"pp": 2}, ["has no pipeline split", "use dp", "Model.pipeline_split"]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "dims", "words"), REFUSED, ids=[words[0] + name for name, _, words in REFUSED])
def test_what_cannot_be_cut_is_refused_before_anything_is_loaded(name, dims, words, job_of, monkeypatch):
    job = job_of(name, **dims)
    monkeypatch.setattr(torch.nn.Module, "__init__", None)  # nothing is built
    with pytest.raises(UsageProblem) as caught:
        groups.check(job)
    for each in words:
        assert each in str(caught.value)


@pytest.mark.parametrize("executor", ["local", "ray"])
def test_weights_that_are_a_file_beside_a_config_are_refused_before_any_worker_starts(executor, monkeypatch):
    if executor == "ray":
        pytest.importorskip("ray")
    monkeypatch.setattr("duomo.execution.pools.child.load_worker", None)
    with pytest.raises(UsageProblem, match="'nlp/minilm' cannot be cut for tp=5") as caught:
        duomo.load("feature-extraction", "nlp/minilm", executor=executor, device="cpu", parallel="tp=5")
    assert "12 attention heads" in caught.value.why
    assert "Traceback" not in caught.value.why


def test_a_model_without_plans_is_refused_with_what_works(job_of, whole):
    with duomo.load("text-classification", "nlp/vader") as runner:
        plain = runner.executor.worker.job  # type: ignore[attr-defined]
    for dims, word in (({"tp": 2}, "tensor plan"), ({"pp": 2}, "pipeline split")):
        with pytest.raises(UsageProblem, match=f"'nlp/vader' has no {word}"):
            groups.check(plain._replace(plan=job_of("bert", **dims).plan))


def test_a_speed_mode_is_refused_with_a_group(job_of):
    with pytest.raises(UsageProblem, match="--optimize bf16 and tp=2 do not go together"):
        groups.check(job_of("bert", tp=2)._replace(optimize="bf16"))
    groups.check(job_of("bert")._replace(optimize="bf16"))
