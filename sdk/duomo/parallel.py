"""What a model says so that its network can be cut over several devices, and what it may ask while it is.

    TensorPlan     every layer is cut: each device has some of its heads and columns (``tp``)
    PipelinePlan   the stack of layers is cut: each device has some of the layers (``pp``)

Light: nothing here imports torch. The cutting itself is in `duomo.execution.sharding`.
"""

from __future__ import annotations

import contextlib
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from duomo.errors import UsageProblem, did_you_mean

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

STYLES = {"colwise": 1, "packed_colwise": 2, "qkv_colwise": 3, "rowwise": 1, "packed_rowwise": 2}
"""How a layer is cut, in the words of transformers' ``tp_plan``, and into how many equal parts its units fall
first: ``packed_colwise`` is gate and up in one, ``qkv_colwise`` query, key and value. The weights of experts lie in one
parameter for all of them, which is cut as each one's layer would be."""
SUMMED = "moe_tp_experts"
"""The style of a module of experts, each of which has a part of its units here: what it gives is summed."""
ONCE = "once"
"""The style of a parameter that is added to what is summed: the first device has it, and the others have zeros."""
WHOLE = frozenset({"colwise_gather_output", "colwise_rep", "replicate", "replicated_with_grad_allreduce"}) | {
    "embedding_rowwise",
    "local_params",
    "mla_kv_a_proj",
    "rowwise_rep",
    "rowwise_split_input",
}
"""Styles of transformers' plans whose layer reads and gives whole vectors: it stays as it is, on each device."""
GPT2 = {
    "h.*.attn.c_attn": "qkv_colwise",
    "h.*.attn.c_proj": "rowwise",
    "h.*.mlp.c_fc": "colwise",
    "h.*.mlp.c_proj": "rowwise",
}
"""Styles of GPT-2's layers, alone and behind an encoder."""
GPT2_HEADS = {"h.*.attn": ("num_heads", "split_size")}
"""GPT-2 asks its attention how wide a query is; the others count the heads they find."""

T5 = {
    "block.*.layer.*.{SelfAttention,EncDecAttention}.{q,k,v}": "colwise",
    "block.*.layer.*.{SelfAttention,EncDecAttention}.o": "rowwise",
    "block.*.layer.*.DenseReluDense.{wi,wi_0,wi_1}": "colwise",
    "block.*.layer.*.DenseReluDense.wo": "rowwise",
}
T5_HEADS = {"block.*.layer.*.{SelfAttention,EncDecAttention}": ("n_heads", "inner_dim")}
DISTANCES = "relative_attention_bias.weight"
"""In T5: how far tokens lie apart, with a column for each head."""


class TensorPlan(NamedTuple):
    """How the layers of a network are cut for tensor parallelism.

    A name is the end of a module's dotted name; ``*`` stands for a number, ``{a,b}`` for either:
    ``"layer.*.attention.self.{query,key,value}"``.
    """

    styles: Mapping[str, str]
    """One of `STYLES` for each linear layer that is cut: ``colwise`` where heads or inner units begin, ``rowwise``
    where they end, which sums over the devices. What is not named stays whole."""
    divisible: Mapping[str, int]
    """What the number of devices must divide: ``{"attention heads": 12, "inner units": 3072}``."""
    divided: Mapping[str, tuple[str, ...]] = {}
    """Attributes of modules that hold such a number and are to be divided: ``{"attn": ("num_heads",)}``."""
    sliced: Mapping[str, int] = {}
    """Parameters besides linear layers that have an entry for each head or inner unit, and along which dimension:
    ``{"relative_position_bias_table": 1}``."""
    is_loose: bool = False
    """Whether a name of `styles` may mean nothing in some networks: a plan of transformers names all that any
    configuration of an architecture has."""


def encoder_decoder_plan(config: PreTrainedConfig) -> TensorPlan:
    """The plan of networks whose two stacks have layers of BART's form: Marian, Pegasus, Whisper and others."""
    attention = "layers.*.{self_attn,encoder_attn}"
    return TensorPlan(
        {
            f"{attention}.{{q,k,v}}_proj": "colwise",
            f"{attention}.out_proj": "rowwise",
            "layers.*.fc1": "colwise",
            "layers.*.fc2": "rowwise",
        },
        {
            "attention heads of the encoder": config.encoder_attention_heads,
            "attention heads of the decoder": config.decoder_attention_heads,
            "inner units of the encoder": config.encoder_ffn_dim,
            "inner units of the decoder": config.decoder_ffn_dim,
        },
        {attention: ("num_heads",)},
    )


def t5_plan(config: PreTrainedConfig) -> TensorPlan:
    """The plan of T5, mT5 and UMT5."""
    divisible = {"attention heads": config.num_heads, "inner units": config.d_ff}
    return TensorPlan(T5, divisible, T5_HEADS, {DISTANCES: 1})


class PipelinePlan(NamedTuple):
    """Where the stack of layers of a network is; names as in `TensorPlan`."""

    layers: str
    """The ``ModuleList`` that the network runs through, one layer after another, hidden states in and out."""
    num_layers: int
    first: tuple[str, ...] = ()
    """Embeddings that only the first stage needs."""
    last: tuple[str, ...] = ()
    """Linear layers that only the last stage needs."""


class Microbatch(NamedTuple):
    """Rows that go through the stages together."""

    length: int
    """To which they are padded."""
    rows: tuple[int, ...]


def matches(pattern: str, name: str) -> bool:
    """Whether `pattern` of a plan means the module called `name`."""
    return _compiled(pattern).fullmatch(name) is not None


def _compiled(pattern: str) -> re.Pattern[str]:
    words = re.escape(pattern).replace(r"\*", r"\d+").replace(r"\{", "(").replace(r"\}", ")").replace(",", "|")
    return re.compile(rf"(.*\.)?{words}")


def bucket(length: int, limit: int) -> int:
    """The length to which a row is padded: a multiple of 16 up to 64, then four steps to each doubling.

    Few lengths mean few shapes, which compiled kernels and allocators want; padding stays below a quarter
    of a long row. Never above `limit`, the most that a model reads.
    """
    step = max(16, 1 << max(0, (length - 1).bit_length() - 3))
    return min(-(-length // step) * step, max(limit, length))


def schedule(lengths: Sequence[int], stages: int, limit: int) -> list[Microbatch]:
    """Rows to microbatches for a pipeline, the shortest first; each row is in one of them.

    With m microbatches a pipeline of p stages idles (p - 1) / (m + p - 1) of its time (Huang et al. 2019,
    "GPipe"), so there are about four for each stage, of about equally many tokens.
    """
    padded = [bucket(length, limit) for length in lengths]
    budget = max(1, -(-sum(padded) // (4 * stages)))
    found: list[Microbatch] = []
    rows: list[int] = []
    for at in sorted(range(len(padded)), key=padded.__getitem__):
        if rows and (padded[rows[0]] != padded[at] or (len(rows) + 1) * padded[at] > budget):
            found.append(Microbatch(padded[rows[0]], tuple(rows)))
            rows = []
        rows.append(at)
    return [*found, Microbatch(padded[rows[0]], tuple(rows))] if rows else found


_GROUP: ContextVar[Any] = ContextVar("duomo_group", default=None)
_PLACE: ContextVar[Callable[[Any], Any] | None] = ContextVar("duomo_place", default=None)


def from_first_rank(values: object) -> Any:
    """A tensor that decides how a loop goes on, such as the tokens drawn: in a group the first rank's, for all.

    Ranks that go on differently would wait for each other for ever. Outside a group `values` themselves.
    """
    group = _GROUP.get()
    return values if group is None else group.from_first_rank(values)


def shard_if_grouped(network: object) -> Any:
    """A network that was just loaded, cut to this rank's share; outside a group the network itself."""
    place = _PLACE.get()
    return network if place is None else place(network)


def stages_of(network: object) -> int:
    """Over how many stages a network's layers are spread; 1 when it is whole.

    More than one means: give it rows padded to a `schedule`, with a mask, and ``run_stages`` runs them all.
    """
    return int(getattr(network, "num_stages", 1))


@contextlib.contextmanager
def in_group(group: object, place: Callable[[Any], Any] | None = None) -> Iterator[None]:
    """Make `group` the one that `from_first_rank` asks and `place` what `shard_if_grouped` does; for workers."""
    tokens = _GROUP.set(group), _PLACE.set(place)
    try:
        yield
    finally:
        _GROUP.reset(tokens[0])
        _PLACE.reset(tokens[1])


class ParallelDims(NamedTuple):
    """Sizes of the three ways to be parallel, with the names of torchtitan."""

    dp: int = 1
    """Copies of the model; each takes batches of its own."""
    pp: int = 1
    """Devices in a row that hold the layers of one copy."""
    tp: int = 1
    """Devices side by side that share each layer."""

    @property
    def group(self) -> int:
        """Devices of one copy."""
        return self.pp * self.tp

    @property
    def total(self) -> int:
        """Devices of all copies."""
        return self.dp * self.pp * self.tp

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``dp=2,tp=2``; what is not named is 1. Raises `UsageProblem`."""
        sizes: dict[str, int] = {}
        for part in filter(None, (each.strip() for each in text.split(","))):
            axis, equals, size = (each.strip() for each in part.partition("="))
            if axis not in cls._fields:
                near = did_you_mean(axis, cls._fields)
                raise UsageProblem(
                    f"unknown parallel dimension '{axis}'",
                    why=f"{near} there are dp (copies), tp (within layers) and pp (between layers)".strip(),
                    fix="dp=2, or dp=2,tp=2",
                )
            if axis in sizes:
                raise UsageProblem(f"'{axis}' is given twice in '{text}'", fix=f"{axis}={sizes[axis]}")
            if not (equals and size.isascii() and size.isdecimal() and int(size) > 0):
                raise UsageProblem(
                    f"'{part}' is not a valid size", why="it is a whole number of devices, 1 or more", fix=f"{axis}=1"
                )
            sizes[axis] = int(size)
        if not sizes:
            raise UsageProblem("no parallel dimension is named", fix="dp=2, or dp=2,tp=2")
        return cls(**sizes)

    def __str__(self) -> str:
        named = [f"{axis}={size}" for axis, size in zip(self._fields, self, strict=True) if size != 1]
        return ",".join(named) or "dp=1"


if not TYPE_CHECKING:  # to a type checker, a module with a __getattr__ has every name there is

    def __getattr__(name: str) -> object:
        renamed = {"agreed": from_first_rank, "placed": shard_if_grouped}
        if name not in renamed:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        warnings.warn(f"duomo.parallel.{name} is now {renamed[name].__name__}", DeprecationWarning, stacklevel=2)
        return renamed[name]
