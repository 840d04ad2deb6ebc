"""What models that make vectors of texts share, whatever computes them: prompts, and texts to windows of tokens."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from duomo.errors import BadOption, InputTooLong
from duomo.inputs import Comparison, Text
from duomo.tasks.nlp.embedding import FeatureExtractionOptions, SemanticSearchOptions, SentenceSimilarityOptions
from duomo.tasks.nlp.windows import read, was_cut

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

Features = dict[str, Any]
"""As in `duomo.model`, which stands beside the tasks."""
CORPUS = ("document", "passage", "corpus")
"""Names of the prompt for the texts that are searched, the first that is there."""
TEMPERATURE = 0.05
"""Cosines are divided by it before the softmax: the usual scale of 20 of sentence-transformers' contrastive losses."""
FITTING = 0.15
"""Under ``multi_label`` a label with this cosine scores 0.5. Of 39 sentences on 13 topics, MiniLM puts
87 % of the right labels above it and 97 % of the wrong ones below."""


class Recipe(Protocol):
    """How a checkpoint makes its vectors, as far as the reading goes."""

    @property
    def pooling(self) -> Sequence[str]:
        """How token vectors become one; several are joined, in this order."""

    @property
    def includes_prompt(self) -> bool:
        """Whether the prompt's tokens are pooled too."""

    @property
    def prompts(self) -> Mapping[str, str]:
        """Prompts by name."""

    @property
    def default_prompt(self) -> str:
        """The name of the prompt before every text; empty where there is none."""


class VectorReader:
    """Texts to windows of tokens; features hold ``texts``: windows by text."""

    tokenizer: Tokenizer
    recipe: Any
    """A `Recipe`."""

    @functools.cached_property
    def special(self) -> frozenset[int | None]:
        """The special tokens."""
        added = self.tokenizer.get_added_tokens_decoder().values()
        return frozenset(self.tokenizer.token_to_id(each.content) for each in added if each.special)

    def prompt(self, text: str | None, name: str | None, *, usual: tuple[str, ...] = ()) -> str:
        """What goes before a text: the caller's own, the one of that name, the first of `usual`, or the default."""
        recipe: Recipe = self.recipe
        prompts = recipe.prompts
        if text is not None and name is not None:
            raise BadOption(
                "prompt and prompt_name say two things", why="one prompt goes before a text", fix="pass one of them"
            )
        if text is not None:
            return text
        if name is None:
            name = next((each for each in usual if prompts.get(each)), recipe.default_prompt)
        elif name not in prompts:
            known = ", ".join(prompts) or "none"
            raise BadOption(
                f"this checkpoint has no prompt named '{name}'", why=f"it has: {known}", fix="pass the text: prompt=…"
            )
        return prompts.get(name or "", "")

    def read(
        self, groups: Sequence[Sequence[str]], long: str, prompt: str = "", pooling: str | None = None
    ) -> list[Features]:
        """One features dict a group of texts, each with `prompt` before it."""
        recipe: Recipe = self.recipe
        texts = [prompt + text if prompt else text for group in groups for text in group]
        cut = iter(read(self.tokenizer, texts, long))
        skip = 0 if recipe.includes_prompt or not prompt else self._length_of(prompt)
        features = []
        for group in groups:
            found = [next(cut) for _ in group]
            features.append(
                {
                    "texts": found,
                    "truncated": any(was_cut(text, long) for text in found),
                    "windows": max(len(text) for text in found),
                    "num_tokens": sum(len(window) for text in found for window in text),
                    "pooling": tuple(recipe.pooling) if pooling is None else (pooling,),
                    "skip": skip,
                }
            )
        return features

    def read_given(self, texts: Sequence[str], long: str, prompt: str) -> list[Features]:
        """Read texts of the options, which are no fault of an item. Raises `BadOption` for one that is too long."""
        try:
            return self.read([[text] for text in texts], long, prompt)
        except InputTooLong as error:
            raise BadOption(f"a text to compare with is too long: {error.what}", why=error.why, fix=error.fix) from None

    @staticmethod
    def rows(features: list[Features]) -> tuple[list[Encoding], list[int]]:
        """All windows of all texts, and how many first tokens of each are not pooled: those of a prompt."""
        texts = [(text, each["skip"]) for each in features for text in each["texts"]]
        # A prompt is in the first window of its text.
        skips = [skip * (not at) for text, skip in texts for at in range(len(text))]
        return [window for text, _ in texts for window in text], skips

    def _length_of(self, prompt: str) -> int:
        """Tokens at the beginning of a text that are its prompt's, with the special ones before it."""
        ids = self.tokenizer.encode(prompt).ids
        return len(ids) - (bool(ids) and ids[-1] in self.special)


class TextVectors(VectorReader):
    """One text an item."""

    def check_options(self, options: FeatureExtractionOptions) -> None:
        """Refuse a prompt by a name that the checkpoint has not."""
        self.prompt(options.prompt, options.prompt_name)

    def preprocess(self, items: Sequence[Text], options: FeatureExtractionOptions) -> list[Features]:
        """Texts to windows."""
        prompt = self.prompt(options.prompt, options.prompt_name)
        return self.read([[item] for item in items], options.long, prompt, options.pooling)


class TextComparisons(VectorReader):
    """A text and those that it is compared with."""

    def check_options(self, options: SentenceSimilarityOptions) -> None:
        """Refuse a prompt by a name that the checkpoint has not."""
        self.prompt(options.prompt, options.prompt_name)

    @staticmethod
    def estimate(item: Any) -> int:
        """About as many tokens as there are."""
        return sum(1 + len(text) // 5 for text in (item.source, *item.sentences))

    def preprocess(self, items: Sequence[Comparison], options: SentenceSimilarityOptions) -> list[Features]:
        """Texts to windows, the first of an item its source."""
        prompt = self.prompt(options.prompt, options.prompt_name)
        return self.read([[item.source, *item.sentences] for item in items], options.long, prompt)


class TextQueries(VectorReader):
    """A text that others are searched for; features hold it as ``query``."""

    def preprocess(self, items: Sequence[Text], options: SemanticSearchOptions) -> list[Features]:
        """Texts to windows, with the prompt of queries."""
        prompt = self.prompt(options.prompt, options.prompt_name, usual=("query",))
        features = self.read([[item] for item in items], options.long, prompt)
        return [{**each, "query": str(item)} for item, each in zip(items, features, strict=True)]
