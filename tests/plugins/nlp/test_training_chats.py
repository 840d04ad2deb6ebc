"""Chats that a decoder learns from: the answers alone, as the template marks them for transformers."""

from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

import duomo
from duomo import Recipe
from duomo.errors import BadInput
from duomo.inputs import Prompt
from duomo.training import Order
from duomo_nlp.training.causal import Causal
from tests.plugins.nlp.test_training import Whole, opened

TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'assistant' %}a dog : {% generation %}{{ m.content }}"
    "{{ eos_token }}{% endgeneration %}{% else %}Ada : {{ m.content }}\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}a dog : {% endif %}"
)


def chat(*turns: str) -> dict[str, Any]:
    """A row whose odd turns are the assistant's."""
    return {"messages": [{"role": ("user", "assistant")[at % 2], "content": turn} for at, turn in enumerate(turns)]}


CHATS = [
    chat("the cat", "sat on the mat"),
    chat("Ada", "met Bob", "in Paris", "and London"),
    chat("a dog", "one two three", "the mat"),
    chat("Bob", "the cat sat on the mat in London"),
]


@pytest.fixture
def folder(checkpoint: Any) -> Any:
    return checkpoint("llama", AutoModelForCausalLM, chat_template=TEMPLATE)


def test_learning_the_answers_of_chats_is_a_loop_written_by_hand(folder, tmp_path):
    """With the mask that transformers makes of ``{% generation %}``, and one mean over all answers of a batch."""
    recipe = Recipe(epochs=3, batch=3, micro=2, lr=0.1, optimizer="sgd", only_answers=True)
    fit = duomo.finetune(
        "text-generation", CHATS, model=f"dir:{folder}", train="all", validation=0, out=tmp_path / "out", recipe=recipe
    )
    network: Any = AutoModelForCausalLM.from_pretrained(folder).train()
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    named = dict(network.named_parameters())
    groups = [
        {"params": [each for each in named.values() if each.dim() > 1], "weight_decay": recipe.decay},
        {"params": [each for each in named.values() if each.dim() == 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.SGD(groups, lr=1.0, momentum=0.9)
    order = Order(0, len(CHATS), recipe.batch)
    total = order.steps_per_epoch * recipe.epochs
    num_learned = []
    for step in range(total):
        sums, counts = [], 0
        for at in order.rows(step):
            made: Any = tokenizer.apply_chat_template(
                CHATS[at]["messages"], return_dict=True, return_assistant_tokens_mask=True
            )
            ids, mask = torch.tensor([made["input_ids"]]), torch.tensor([made["assistant_masks"]]).bool()
            labels = ids.where(mask, -100)
            sums.append(network(input_ids=ids, labels=labels).loss * mask.sum())
            counts += int(mask.sum())
        torch.stack(sums).sum().div(counts).backward()
        num_learned.append(counts)
        torch.nn.utils.clip_grad_norm_(list(named.values()), 1.0)
        for group in optimizer.param_groups:
            group["lr"] = recipe.lr * (1 - step / total)
        optimizer.step()
        optimizer.zero_grad()
    assert len(set(num_learned)) > 1, "answers of unlike lengths"
    found = load_file(fit.folder / "model.safetensors")
    for name, each in network.state_dict().items():
        if name in found:
            torch.testing.assert_close(found[name], each, atol=1e-6, rtol=1e-5, msg=name)


@pytest.mark.parametrize(
    ("template", "messages", "named"),
    [
        (None, CHATS[0]["messages"], "needs messages and a chat template"),
        (TEMPLATE, "the cat sat", "needs messages and a chat template"),
        (TEMPLATE, chat("the cat")["messages"], "has no answer to learn"),
        (TEMPLATE, chat("the cat " * 40, "sat")["messages"], "has no answer to learn"),
        (
            "{{ messages[-1].content }}",
            chat("the", "cat", "sat", "on"),
            "message 2",
        ),
    ],
    ids=["no template", "a text", "no answer", "cut off", "written otherwise"],
)
def test_a_row_whose_answers_cannot_be_told_is_named(checkpoint, template, messages, named):
    model = opened(Causal, checkpoint("llama", AutoModelForCausalLM, chat_template=template), [])
    model.only_answers, model.limit = True, 32
    with pytest.raises(BadInput, match=named):
        model.preprocess([Prompt.accept(messages)], Whole)


def test_the_end_of_a_chat_is_written_once(checkpoint):
    """A template like ChatML's has a line break behind the sign of the end."""
    template = "{% for m in messages %}{{ m.content + eos_token + '\n' }}{% endfor %}"
    model = opened(Causal, checkpoint("llama", AutoModelForCausalLM, chat_template=template), [])
    (features,) = model.preprocess([Prompt.accept(chat("the cat", "sat")["messages"])], Whole)
    assert features["ids"].count(model.wrapper.eos_token_id) == 2
