"""Tokens of a checkpoint's tokenizer that its network has no vector for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from duomo.errors import BadInput, WeightsMismatch

if TYPE_CHECKING:
    from duomo.pretrained import Network, Processor


def refuse_rowless(network: Network, tokenizer: Processor) -> Callable[[Sequence[int]], None]:
    """Make a token that the network has no vector for bad input: it was added, and the network not resized.

    Elsewhere that is an IndexError, or on a GPU the end of the process. Costs nothing where every token has a vector.

    Args:
        network: of texts.
        tokenizer: of transformers.

    Returns:
        What raises `BadInput` for such a token among those of a text, before the network is run.

    Raises:
        WeightsMismatch: such a token stands in every text.
    """
    embedding = _table(network)
    rows = getattr(embedding, "num_embeddings", None) or len(embedding.weight)  # a quantized one has no such name
    if max([*tokenizer.added_tokens_decoder, tokenizer.vocab_size - 1]) < rows:
        return lambda _: None

    def look(ids: Sequence[int]) -> None:
        lost = next((token for token in ids if token >= rows), None)
        if lost is not None:
            raise BadInput(**describe(lost, "this text holds", "leave it out of the text, or "))

    def check(_: object, given: tuple[Any, ...]) -> None:
        look(given[0][given[0] >= rows].tolist())

    def describe(token: int, where: str, fix: str) -> dict[str, str]:
        name = tokenizer.convert_ids_to_tokens(token)
        return {
            "what": f"{where} {name!r}, a token that the network has no vector for",
            "why": f"its number is {token:,}, and the vectors end at {rows - 1:,}: tokens were added, and none to them",
            "fix": f"{fix}train the network with it, after network.resize_token_embeddings(len(tokenizer))",
        }

    backend = getattr(tokenizer, "backend_tokenizer", None)  # that of LayoutLMv3 asks for places, too
    always = [each for each in (backend.encode("a").ids if backend else tokenizer("a").input_ids) if each >= rows]
    if always:
        raise WeightsMismatch(**describe(always[0], f"'{network.name_or_path}' puts into every text", ""))
    for module in network.modules():  # an encoder and a decoder may have modules of their own for one table
        if module is embedding or (hasattr(module, "num_embeddings") and module.weight is embedding.weight):
            module.register_forward_pre_hook(check)
    return look


def _table(network: Network) -> Network:
    """The vectors of a network's tokens; some that read texts beside images do not say where they are."""
    try:
        return network.get_input_embeddings()
    except NotImplementedError:
        rows = network.config.get_text_config().vocab_size
        return next(each for each in network.modules() if getattr(each, "num_embeddings", 0) == rows)
