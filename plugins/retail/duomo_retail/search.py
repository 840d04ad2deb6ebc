"""retail/product-search: products for a shopper's words or image, from one index of meaning and words."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from duomo.adapters import Adapter, Artifact, Case, FittedOn, Payload, Reason, Record, Uncalibrated
from duomo.errors import BadInput, UsageProblem
from duomo_retail.arrays import ArrayArtifact
from duomo_retail.lexical import Lexicon
from duomo_retail.plugin import PRODUCT_SEARCH
from duomo_retail.product_text import words
from duomo_retail.records import Product, ShopperQuery

BLOCK = 65_536
"""Products compared at once: a query never needs more memory than this many scores."""


class Ranking(Artifact):
    """How a list is made."""

    kind: ClassVar[str] = "retail.search-ranking/1"
    top_k: int = 10
    lexical: float = 0.4
    """Weight of shared words beside the cosine; chosen on 41 queries that are not those reported."""
    least: float = 0.3
    """A list whose best score lies below is empty: nothing is better than anything."""


class ProductIndex(ArrayArtifact):
    """Vectors of products, (products, D), each of length 1, and what is said about them."""

    kind: ClassVar[str] = "retail.product-index/1"
    model: str
    """Whose space the vectors are of."""
    ids: list[str]
    texts: list[str]
    """Words of each product, abbreviations written out."""
    facets: list[dict[str, str]]
    pictured: list[bool]

    @functools.cached_property
    def lexicon(self) -> Lexicon:
        """The same products by their words."""
        return Lexicon([text.split() for text in self.texts])

    def cosines(self, query: NDArray[np.float32]) -> NDArray[np.float64]:
        """Cosines of a vector of length 1 with each product, (products,), block by block."""
        parts = [self.array[i : i + BLOCK] @ query for i in range(0, len(self.ids), BLOCK)]
        return np.concatenate(parts).astype(float)

    def allowed(self, wanted: Mapping[str, str]) -> NDArray[np.bool_]:
        """Which products have all of these facets, (products,)."""
        return np.array([all(each.get(name) == value for name, value in wanted.items()) for each in self.facets])


class SearchHit(Payload):
    """One product of a list."""

    product_id: str
    score: float
    cosine: float
    matched_on: list[str]
    """Words of the query that the product has, ``meaning``, ``image``."""
    facets: dict[str, str]


class SearchHits(Payload):
    """A list for one query, the best first; empty when nothing fits."""

    query: str
    hits: list[SearchHit]
    searched: int
    """Products that the facets left."""


class ProductSearch(Adapter[ShopperQuery, SearchHits]):
    """Search by text or image. `fit` puts a catalogue into the artefact ``index``."""

    spec = PRODUCT_SEARCH
    Input = ShopperQuery
    Output = SearchHits
    task = "multimodal-embedding"

    @property
    def index(self) -> ProductIndex:
        """The artefact ``index``. Raises `UsageProblem` before there is one, or for another model's."""
        fix = "search.index_products(products), or duomo.adapt('retail/product-search', artifacts=FOLDER)"
        found = self.artifact("index", ProductIndex, "retail/product-search has no catalogue", fix)
        if self.runner is not None and found.model != self._model():
            raise UsageProblem(
                f"the index was made with '{found.model}'",
                why=f"queries go through '{self._model()}', whose vectors mean something else",
                fix=f"duomo.adapt('retail/product-search', model='{found.model.partition('@')[0]}'), or index again",
            )
        return found

    @property
    def ranking(self) -> Ranking:
        """The artefact ``ranking``, or the defaults."""
        found = self.artifacts.get("ranking")
        return found if isinstance(found, Ranking) else _DEFAULTS

    def record(self, value: object, position: int = 0) -> Record[ShopperQuery]:
        if isinstance(value, str):
            value = {"text": value}
        return super().record(value, position)

    def prepare(self, record: Record[ShopperQuery]) -> dict[str, Any]:
        query = record.payload
        if bool(query.text.strip()) == bool(query.image):
            raise BadInput(
                f"query '{record.key}' has {'both a text and an image' if query.image else 'nothing to look for'}",
                why="one of the two is looked for at a time",
                fix='{"text": "red wine"} or {"image": "bottle.jpg"}',
            )
        return {"image": query.image} if query.image else {"text": " ".join(words(query.text))}

    def interpret(self, case: Case[ShopperQuery]) -> Uncalibrated | None:
        """The best hit's score: it orders products, and is not a probability that one is right."""
        index, query, ranking = self.index, case.record.payload, self.ranking
        cosines = index.cosines(np.asarray(case.raw.vector, np.float32))
        asked = words(query.text)
        scores = cosines + ranking.lexical * index.lexicon.scores(asked) if asked else cosines
        allowed = index.allowed(query.facets) if query.facets else np.ones(len(index.ids), bool)
        scores = np.where(allowed, scores, -np.inf)
        count = min(query.top_k or ranking.top_k, len(scores))
        best = np.argsort(-scores, kind="stable")[:count]  # of equal ones those that the catalogue has first
        best = best[np.isfinite(scores[best])]
        if len(best) == 0 or scores[best[0]] < ranking.least:
            reason = "no product has these facets" if not allowed.any() else "nothing in the catalogue is near"
            case.find("OOD.RANGE", reason, field="text" if query.text else "image", severity="warn",
                      fix="show what sells most, or ask for other words")  # fmt: skip
            best = best[:0]
        case.raw = (best, cosines, scores, int(allowed.sum()))
        return Uncalibrated(value=float(scores[best[0]]), method="cosine + words") if len(best) else None

    def explain(self, case: Case[ShopperQuery]) -> Sequence[Reason]:
        best, query = case.raw[0], case.record.payload
        found = self._matched(query, words(query.text), int(best[0])) if len(best) else []
        return [Reason(code="MATCHED", text="the first hit matched on " + ", ".join(found))] if found else []

    def result(self, case: Case[ShopperQuery]) -> SearchHits:
        index, query = self.index, case.record.payload
        best, cosines, scores, searched = case.raw
        asked = words(query.text)
        hits = [
            SearchHit(
                product_id=index.ids[row],
                score=float(scores[row]),
                cosine=float(cosines[row]),
                matched_on=self._matched(query, asked, row),
                facets=index.facets[row],
            )
            for row in best.tolist()
        ]
        return SearchHits(query=query.text or query.image, hits=hits, searched=searched)

    @classmethod
    def example(cls) -> Self:
        import duomo  # the model of the task, which other adapters' examples do without

        products = [
            Product(product_id="1", name="red wine", category=["drinks"]),
            Product(product_id="2", name="dog food", category=["pets"], facets={"brand": "own"}),
            Product(product_id="3", name="frzn pizza", category=["frozen food"]),
        ]
        return cls(runner=duomo.load(cls.task)).index_products(products)

    @classmethod
    def samples(cls) -> list[Any]:
        return [{"text": "a bottle of wine"}, {"text": "something for my puppy", "facets": {"brand": "own"}}]

    def index_products(self, products: Iterable[Product]) -> Self:
        """An adapter that searches these products: name, category path, description and image, each embedded.

        A product's vector is the mean of its parts: a category alone or a name alone says too little. An image that
        cannot be read raises its `BadInput`.
        """
        if self.runner is None:
            raise UsageProblem("a catalogue needs a model", fix="duomo.adapt('retail/product-search')")
        products = list(products)
        parts: list[Any] = []
        owners: list[int] = []
        texts = []
        for row, product in enumerate(products):
            name, path = " ".join(words(product.name)), " ".join(words(" ".join(product.category)))
            about = " ".join(words(product.description))
            texts.append(" ".join([path, name, *words(product.brand), about]).strip())
            mine = [{"text": each} for each in (name, path, about) if each]
            mine += [{"image": product.image}] if product.image else []
            if not mine:
                raise BadInput(
                    f"product '{product.product_id}' has nothing to be found by",
                    why="it has no name, category, description or image",
                    fix="give it one of them",
                )
            parts += mine
            owners += [row] * len(mine)
        sums = None
        for owner, outcome in zip(owners, self._embed(parts), strict=True):
            vector = np.asarray(outcome, np.float64)
            sums = np.zeros((len(products), len(vector))) if sums is None else sums
            sums[owner] += vector
        if sums is None:
            raise BadInput("a catalogue of no products", why="there is nothing to search", fix="give some products")
        index = ProductIndex.of(
            sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12),
            model=self._model(),
            ids=[each.product_id for each in products],
            texts=texts,
            facets=[each.facets for each in products],
            pictured=[bool(each.image) for each in products],
            fitted_on=FittedOn(n=len(products)),
        )
        made = type(self)(runner=self.runner, artifacts={**self.artifacts, "index": index}, secret=self.secret)
        made.origin = self.origin
        return made

    def _embed(self, parts: Sequence[Any]) -> Iterable[Any]:
        """The vector of each part; equal texts, of which a catalogue has many, are embedded once."""
        assert self.runner is not None
        keys = [tuple(each.items()) for each in parts]
        distinct = list(dict.fromkeys(keys))
        outcomes = self.runner.map([dict(each) for each in distinct])
        vectors = {key: outcome.unwrap().vector for key, outcome in zip(distinct, outcomes, strict=True)}
        return (vectors[key] for key in keys)

    def _model(self) -> str:
        assert self.runner is not None
        meta = self.runner.meta
        return f"{meta.model}@{meta.revision}".rstrip("@")

    def _matched(self, query: ShopperQuery, asked: Sequence[str], row: int) -> list[str]:
        found = self.index.lexicon.matched(asked, row)
        by_picture = bool(query.image) and self.index.pictured[row]
        return found + (["picture"] if by_picture else []) or ["meaning"]


_DEFAULTS = Ranking()
