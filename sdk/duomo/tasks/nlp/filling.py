"""Words for the masks of a text."""

from __future__ import annotations

from pydantic import Field

from duomo.inputs import Text
from duomo.tasks.base import ListOf, Options, Result, Task
from duomo.tasks.options import CUT, LongOrCut, Names


class Filling(Result):
    """One token that fits, and how sure the model is, in [0, 1] over all its tokens."""

    score: float
    token: int
    """Its number in the model's vocabulary."""
    token_str: str
    sequence: str
    """The text as the model reads it, with this token; other masks stay."""


class FilledMask(ListOf[Filling]):
    """What fits in one mask, the likeliest first."""

    fillings: list[Filling]


class MaskedText(ListOf[FilledMask]):
    """The masks of a text, in order."""

    masks: list[FilledMask]


class FillMaskOptions(Options):
    """Options of fill-mask."""

    top_k: int = Field(5, ge=1, description="how many tokens to give for each mask, likeliest first")
    targets: Names | None = Field(
        None, description="choose among these tokens only, as a list or separated by commas; scores stay the same"
    )
    long: LongOrCut = Field("error", description=CUT)


class FillMask(Task[Text, FillMaskOptions, MaskedText]):
    """The words that fit where a text has a mask: ``[MASK]``, ``<mask>``, or the model's own."""

    name = "fill-mask"
