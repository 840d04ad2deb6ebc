"""Texts written from texts: translations, summaries, answers to instructions."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from duomo.inputs import Prompt, Text
from duomo.tasks.base import LongPolicy, Options, Result, Task
from duomo.tasks.options import CUT, MOST_BEAMS, LongOrCut

PARTS = "for a text longer than the model reads: error, truncate, or window: parts of whole sentences, joined by spaces"


class Written(Result):
    """How the writing of a text ended."""

    finish_reason: Literal["stop", "length"]
    """``stop``: the model ended; ``length``: at least one part reached its bound."""
    num_new_tokens: int


class Text2TextOptions(Options):
    """Options of text-to-text generation."""

    max_new_tokens: int | None = Field(
        None, ge=1, description="stop after this many tokens; the checkpoint's own bound when left out, else 256"
    )
    num_beams: int | None = Field(
        None, ge=1, le=MOST_BEAMS, description="beams of the search, 1 for greedy; the checkpoint's own when left out"
    )
    long: LongOrCut = Field("error", description=CUT)


class GeneratedText(Written):
    """What a model wrote."""

    generated_text: str

    @property
    def text(self) -> str:
        """The same."""
        return self.generated_text


class Text2TextGeneration(Task[Text, Text2TextOptions, GeneratedText]):
    """A text written from a text."""

    name = "text2text-generation"


class DialogueOptions(Text2TextOptions):
    """Options of dialogue."""

    long: LongOrCut = Field(
        "truncate",
        description="for a conversation longer than the model reads: error, or truncate: the first turns are left out",
    )


class Dialogue(Task[Prompt, DialogueOptions, GeneratedText]):
    """The next turn of a conversation."""

    name = "dialogue"


class SummarizationOptions(Text2TextOptions):
    """Options of summarization."""

    long: LongPolicy = Field("error", description=PARTS)  # type: ignore[assignment]


class Summary(Written):
    """What a text says, in fewer words of the model's own."""

    summary_text: str

    @property
    def text(self) -> str:
        """The same."""
        return self.summary_text


class Summarization(Task[Text, SummarizationOptions, Summary]):
    """What a text says, in fewer words."""

    name = "summarization"


class TranslationOptions(SummarizationOptions):
    """Options of translation."""

    src_lang: str | None = Field(
        None,
        description="language of the text, by its English name or as the checkpoint writes it (en, eng_Latn); its own "
        "when left out",
    )
    tgt_lang: str | None = Field(
        None, description="language to translate into, written alike; may be left out where the checkpoint has one"
    )


class Translation(Written):
    """A text in another language."""

    translation_text: str

    @property
    def text(self) -> str:
        """The same."""
        return self.translation_text


class Translate(Task[Text, TranslationOptions, Translation]):
    """A text in another language."""

    name = "translation"
