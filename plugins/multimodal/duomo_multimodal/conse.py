"""ConSE: a shared space of texts and images out of a classifier and a sentence embedder, with no training.

An image is the mean of what its likeliest classes are called: z(image) = Σ p(c) · E(name of c) over the
`TOP_K` best classes c, where E embeds a sentence. Both sides are centred on the mean class name, or every
cosine would be high: all class names are, first of all, names of things.

Norouzi et al., "Zero-Shot Learning by Convex Combination of Semantic Embeddings", ICLR 2014
(https://arxiv.org/abs/1312.5650); centring and the mean over an image and its mirror image are ours.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import PIL.Image
import PIL.ImageOps
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch.nn import functional as F

import duomo
from duomo import Image, Runner, WeightsRef
from duomo.config import cache_path, replacing
from duomo.tasks.results import Classification
from duomo_multimodal.space import Embed, Search, Space, ZeroShot

LOG = logging.getLogger("duomo.multimodal")

TOP_K = 10
SCALE = 15.0
"""Steepness of the softmax over cosines: with it the mean confidence is the accuracy (0.75 and 0.67) on two
mixes of 12 packaged photos, with and without a class near them; higher is overconfident."""


class Conse(Space[Any, Any]):
    """The space: a classifier, a sentence embedder, and the vectors of the class names."""

    def __init__(self, classifier: Runner[Any], embedder: Runner[Any], names: list[str], table: torch.Tensor) -> None:
        self.classifier = classifier
        self.embedder = embedder
        self.row = {name: index for index, name in enumerate(names)}
        self.table = table
        """Vectors of the class names, (classes, D)."""
        self.centre = table.mean(dim=0)

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Load the two models that the spec's `uses` names; the class names are embedded once for all runs."""
        uses = dict(use.split("=") for use in weights.spec.uses)
        classifier, embedder = (
            duomo.load(task, uses[task], device=str(device), dtype=str(dtype).removeprefix("torch."))
            for task in ("image-classification", "feature-extraction")
        )
        return cls(classifier, embedder, *_class_names(classifier, embedder))

    def prepare(self, images: Sequence[Image]) -> list[Any]:
        return [(picture, PIL.ImageOps.mirror(picture)) for picture in (image.pil() for image in images)]

    def embed_pictures(self, prepared: list[Any]) -> torch.Tensor:
        views = [view for pair in prepared for view in pair]
        outcomes = self.classifier.map(views, top_k=TOP_K)
        vectors = torch.stack([self._convex(outcome.unwrap()) for outcome in outcomes])
        return self._centred(vectors.reshape(len(prepared), 2, -1).sum(dim=1))

    def embed_texts(self, texts: Sequence[str]) -> torch.Tensor:
        return self._centred(_vectors(self.embedder, texts))

    def probabilities(self, cosines: torch.Tensor) -> torch.Tensor:
        return (cosines * SCALE).softmax(dim=-1)

    def _convex(self, classes: Classification) -> torch.Tensor:
        rows = [self.row[label.name] for label in classes.labels]
        weights = torch.tensor([label.score for label in classes.labels])
        return weights @ self.table[rows]

    def _centred(self, vectors: torch.Tensor) -> torch.Tensor:
        return F.normalize(F.normalize(vectors, dim=-1) - self.centre, dim=-1)


class ConseZeroShot(Conse, ZeroShot):
    """ConSE for zero-shot-image-classification."""


class ConseEmbed(Conse, Embed):
    """ConSE for multimodal-embedding."""


class ConseSearch(Conse, Search):
    """ConSE for image-search."""


def _class_names(classifier: Runner[Any], embedder: Runner[Any]) -> tuple[list[str], torch.Tensor]:
    """What the classifier can answer, and the vectors of those names, from the cache or made now.

    A classifier says all its names when asked for more labels than it has. Embedding a thousand names
    takes seconds, so the table is kept under a name made of both models' revisions.
    """
    parts = [classifier.meta.model, classifier.meta.revision, embedder.meta.model, embedder.meta.revision]
    key = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
    file = cache_path() / "conse" / f"{key}.safetensors"
    if file.is_file():
        with safe_open(file, framework="pt") as saved:
            return json.loads(saved.metadata()["names"]), saved.get_tensor("table")
    blank = PIL.Image.new("RGB", (64, 64))
    names = sorted(label.name for label in classifier(blank, top_k=1_000_000).labels)
    table = _vectors(embedder, names)
    try:
        _write(file, names, table)
    except OSError as error:  # a home that is read-only costs seconds a start, and no result
        LOG.warning("'%s' cannot be kept: %s; DUOMO_CACHE names another folder", file, error.strerror or error)
    return names, table


def _write(file: Path, names: list[str], table: torch.Tensor) -> None:
    """Write the table so that no other process ever reads half of it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with replacing(file) as fresh:
        save_file({"table": table}, fresh, metadata={"names": json.dumps(names)})


def _vectors(embedder: Runner[Any], texts: Sequence[str]) -> torch.Tensor:
    return torch.from_numpy(np.stack([outcome.unwrap().vector for outcome in embedder.map(texts, batch_size=32)]))
