"""What any model can do that puts texts and images into one space: choose labels, embed, search.

A space is a subclass of `Space` that says how it embeds; it becomes a model for a task by joining
it with one of the three classes at the end: ``class ConseSearch(Conse, Search)``.
"""

from __future__ import annotations

import functools
import hashlib
import os
from abc import abstractmethod
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, TypeVar

import torch

from duomo import Image, Model, Result
from duomo.errors import BadInput, BadOption, InputTooLong
from duomo.inputs import TextOrImage
from duomo.tasks.multimodal import ImageSearchOptions, ImageSearchResult, MultimodalEmbeddingOptions
from duomo.tasks.multimodal.classification import ZeroShotImageClassificationOptions
from duomo.tasks.results import Classification, Embedding, Hit

In = TypeVar("In")
R = TypeVar("R", bound=Result)


class Space(Model[In, R]):
    """Texts and images as vectors of length 1; the nearer, the more alike in meaning."""

    batch_size = 8
    template = "{}"
    """The sentence around a label when the caller gives none."""

    @abstractmethod
    def prepare(self, images: Sequence[Image]) -> list[Any]:
        """Do what can be done to images on the CPU, ahead of `embed_pictures`: decoding is part of it."""

    @abstractmethod
    def embed_pictures(self, prepared: list[Any]) -> Iterable[torch.Tensor]:
        """Embed images on the CPU, each as (D,) of length 1: the rows of (N, D)."""

    @abstractmethod
    def embed_texts(self, texts: Sequence[str]) -> Iterable[torch.Tensor]:
        """Embed texts likewise. Raises `InputTooLong`; nothing is cut."""

    def collate(self, features: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Leave texts and images of one batch side by side; they go through different networks."""
        return features

    def forward(self, batch: list[dict[str, Any]]) -> list[torch.Tensor]:
        """Embed each text or prepared image."""
        texts = [each["text"] for each in batch if "text" in each]
        pictures = [each["picture"] for each in batch if "picture" in each]
        of_texts = iter(self.embed_texts(texts) if texts else ())
        of_pictures = iter(self.embed_pictures(pictures) if pictures else ())
        return [next(of_texts) if "text" in each else next(of_pictures) for each in batch]

    def features(self, items: Sequence[TextOrImage]) -> list[dict[str, Any]]:
        """Texts as they are; images decoded and prepared."""
        pictures = iter(self.prepare([item.image for item in items if item.image is not None]))
        return [{"text": str(i.text)} if i.text is not None else {"picture": next(pictures)} for i in items]


class ZeroShot(Space[Image, Classification]):
    """Choose among labels for an image: the cosine with each label, as a probability."""

    @abstractmethod
    def probabilities(self, cosines: torch.Tensor) -> torch.Tensor:
        """Turn cosines of images with labels, (N, labels), into scores in [0, 1]."""

    def check_options(self, options: ZeroShotImageClassificationOptions) -> None:
        """Refuse a template without a place for the label, and labels that are too long."""
        self._labels(tuple(options.labels), self._around(options))

    def preprocess(self, items: Sequence[Image], options: ZeroShotImageClassificationOptions) -> list[dict[str, Any]]:
        return [{"picture": each} for each in self.prepare(items)]

    def postprocess(
        self, output: list[torch.Tensor], features: list[dict[str, Any]], options: ZeroShotImageClassificationOptions
    ) -> list[Classification]:
        labels = self._labels(tuple(options.labels), self._around(options))
        scores = self.probabilities(torch.stack(output) @ labels.T).tolist()
        return [Classification.ranked(options.labels, row) for row in scores]

    def _around(self, options: ZeroShotImageClassificationOptions) -> str:
        return self.template if options.template is None else options.template

    @functools.cached_property
    def _labels(self) -> Callable[[tuple[str, ...], str], torch.Tensor]:
        """Vectors of a set of labels, kept: most runs ask for the same ones again and again."""

        @functools.lru_cache(maxsize=16)
        def embed(labels: tuple[str, ...], template: str) -> torch.Tensor:
            if "{}" not in template:
                raise BadOption(
                    f"option 'template' cannot be {template!r}",
                    why="it has no {} where the label goes",
                    fix="template='a photo of {}'",
                )
            try:
                return torch.stack([*self.embed_texts([template.replace("{}", label) for label in labels])])
            except InputTooLong as error:  # of the options, and no fault of the image
                raise BadOption(f"a label is too long: {error.what}", why=error.why, fix=error.fix) from None

        return embed


class Embed(Space[TextOrImage, Embedding]):
    """Texts and images as vectors that can be compared with each other."""

    def preprocess(self, items: Sequence[TextOrImage], options: MultimodalEmbeddingOptions) -> list[dict[str, Any]]:
        return self.features(items)

    def postprocess(
        self, output: list[torch.Tensor], features: list[dict[str, Any]], options: MultimodalEmbeddingOptions
    ) -> list[Embedding]:
        return [Embedding.model_construct(vector=row.float().numpy()) for row in output]


class Search(Space[TextOrImage, ImageSearchResult]):
    """Find the images nearest to a text or an image; each image is embedded once."""

    kept = 20_000
    """Images whose vectors are kept for the next search, unless one gallery alone has more."""

    def check_options(self, options: ImageSearchOptions) -> None:
        """Refuse a gallery with a file that is gone; one that is damaged is left out, and the results say so."""
        for index, image in enumerate(options.images):
            if isinstance(image.source, os.PathLike):
                try:
                    _identity(image)
                except OSError as error:
                    raise BadOption(
                        f"{_called(options.images, index)} cannot be searched",
                        why=str(error),
                        fix="leave it out of option 'images', or replace it",
                    ) from None

    def preprocess(self, items: Sequence[TextOrImage], options: ImageSearchOptions) -> list[dict[str, Any]]:
        features = self.features(items)
        for feature, item in zip(features, items, strict=True):
            feature["query"] = str(item.text) if item.text is not None else item.name
        return features

    def postprocess(
        self, output: Iterable[torch.Tensor], features: list[dict[str, Any]], options: ImageSearchOptions
    ) -> list[ImageSearchResult]:
        places, vectors, left_out = self._gallery(options.images)
        return [
            ImageSearchResult.model_construct(
                query=feature["query"], hits=_best(row, places, options), left_out=list(left_out)
            )
            for feature, row in zip(features, self.scores(output, vectors), strict=True)
        ]

    def scores(self, queries: Iterable[torch.Tensor], images: list[torch.Tensor]) -> torch.Tensor:
        """How near each query is to each image, (queries, images): the cosine of their vectors."""
        return torch.stack(list(queries)) @ torch.stack(images).T

    def _gallery(self, images: tuple[Image, ...]) -> tuple[list[int], list[torch.Tensor], list[str]]:
        """Which images can be searched, their vectors, and why the others cannot.

        Only those not seen before are embedded. Raises `BadOption` where none can be read.
        """
        known, keys, faults = self._known, dict[int, Hashable](), dict[int, str]()
        for index, image in enumerate(images):
            try:
                keys[index] = _identity(image)
            except (BadInput, OSError) as error:
                faults[index] = _reason(error)
        unreadable: dict[Hashable, str] = {}
        todo = [(key, index) for key, index in {key: index for index, key in keys.items()}.items() if key not in known]
        for start in range(0, len(todo), self.batch_size):
            read: dict[Hashable, Any] = {}
            for key, index in todo[start : start + self.batch_size]:
                try:
                    [read[key]] = self.prepare([images[index]])
                except (BadInput, OSError) as error:
                    unreadable[key] = _reason(error)
            if read:
                known.update(zip(read, self.embed_pictures(list(read.values())), strict=True))
        faults |= {index: unreadable[key] for index, key in keys.items() if key in unreadable}
        left_out = [f"{_called(images, index)}: {faults[index]}" for index in sorted(faults)]
        places = [index for index in keys if index not in faults]
        if not places:
            raise BadOption(
                "none of the images in option 'images' can be searched", why=left_out[0], fix="name images that open"
            )
        for index in places:
            known[keys[index]] = known.pop(keys[index])  # to the end: those searched longest ago are the first to go
        while len(known) > max(self.kept, len(places)):
            del known[next(iter(known))]
        return places, [known[keys[index]] for index in places], left_out

    @functools.cached_property
    def _known(self) -> dict[Hashable, torch.Tensor]:
        return {}


def _called(images: Sequence[Image], index: int) -> str:
    return f"image {index} of the gallery" + (f" ('{images[index].name}')" if images[index].name else "")


def _reason(error: BadInput | OSError) -> str:
    return f"{error.what}: {error.why}" if isinstance(error, BadInput) else str(error)


def _identity(image: Image) -> Hashable:
    """What tells an image from others: for a file its path and time, else its pixels."""
    if isinstance(image.source, os.PathLike):
        stat = os.stat(image.source)
        return str(image.source), stat.st_mtime_ns, stat.st_size
    pixels = image.array()
    return pixels.shape, hashlib.sha256(pixels.data).digest()


def _best(cosines: torch.Tensor, places: list[int], options: ImageSearchOptions) -> list[Hit]:
    # Equal images stand in the order of the gallery, whatever top_k is.
    scores, order = (each[: options.top_k] for each in cosines.sort(descending=True, stable=True))
    return [
        Hit.model_construct(index=places[at], item=options.images[places[at]].name or str(places[at]), score=score)
        for at, score in zip(order.tolist(), scores.tolist(), strict=True)
    ]
