"""Result classes that several tasks share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self, SupportsIndex, overload

from duomo.errors import UsageProblem
from duomo.tasks.base import ListOf, Result
from duomo.tasks.encoding import Vector, as_vector

if TYPE_CHECKING:
    import numpy as np


class Label(Result):
    """One label and how sure the model is, in [0, 1]."""

    name: str
    score: float


class Classification(ListOf[Label]):
    """Labels, the best first."""

    labels: list[Label]

    @property
    def top(self) -> Label:
        """The best label."""
        return self.labels[0]

    @classmethod
    def ranked(cls, names: Sequence[str], scores: Sequence[float], top_k: int | None = None) -> Self:
        """The `top_k` best of `names` by `scores` (all when None); ties keep the order of `names`."""
        order = sorted(range(len(names)), key=scores.__getitem__, reverse=True)[:top_k]  # stable in reverse, too
        return cls.of([{"name": names[i], "score": scores[i]} for i in order])

    @classmethod
    def of(cls, labels: Sequence[Mapping[str, object]]) -> Self:
        """From name and score of each label, the best first; in half the time of building one after another."""
        found: Self = cls.__pydantic_validator__.validate_python({"labels": labels})
        return found


class Number(Result):
    """One number, in the unit that the model was trained on."""

    value: float


class Embedding(Result):
    """A vector. Two of the same model are compared by `similarity`; ``numpy.stack(embeddings)`` is a matrix."""

    vector: Vector
    """Float32 of shape (dim,); a list of numbers in JSON."""

    if TYPE_CHECKING:

        def __init__(self, *, vector: Vector | Sequence[float]) -> None: ...

    @classmethod
    def model_construct(cls, _fields_set: set[str] | None = None, **values: Any) -> Self:
        """Build without validation; the vector may be any sequence of numbers."""
        values["vector"] = as_vector(values["vector"])
        return super().model_construct(_fields_set, **values)

    def __len__(self) -> int:
        return len(self.vector)

    def __iter__(self) -> Iterator[float]:  # type: ignore[override]  # pydantic's would give the field and its name
        return iter(self.vector.tolist())

    @overload
    def __getitem__(self, index: SupportsIndex) -> float: ...
    @overload
    def __getitem__(self, index: slice) -> Vector: ...
    def __getitem__(self, index: SupportsIndex | slice) -> float | Vector:
        return self.vector[index] if isinstance(index, slice) else float(self.vector[index])

    @property
    def dim(self) -> int:
        """Length of the vector."""
        return len(self.vector)

    @property
    def array(self) -> Vector:
        """The same as `vector`."""
        return self.vector

    def numpy(self) -> Vector:
        """Return the vector, as torch's tensors do; changing the array changes the result.

        It can be written to, though results are frozen: `torch.from_numpy` warns of an array that cannot.
        """
        return self.vector

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        import numpy as np

        return np.array(self.vector, dtype) if copy else np.asarray(self.vector, dtype)

    def __eq__(self, other: object) -> bool:
        import numpy as np

        return type(self) is type(other) and np.array_equal(self.vector, np.asarray(other))

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[object, ...]:
        return _embedding, (type(self), self.vector.tobytes())

    def similarity(self, other: Embedding | Vector) -> float:
        """Cosine of the angle between two vectors, in [-1, 1]. Raises `UsageProblem` for what is not one as long."""
        import numpy as np

        a, b = self.vector, np.asarray(other)
        if b.dtype.kind not in "fiu" or b.shape != a.shape:
            raise UsageProblem(
                f"a vector of {len(a)} numbers is expected, not {type(other).__name__} of shape {b.shape}",
                why="the angle is one between two vectors of the same model",
                fix="embedding.similarity(runner(text))",
            )
        return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


def _embedding(kind: type[Embedding], content: bytes) -> Embedding:
    import numpy as np

    return kind.model_construct(vector=np.frombuffer(content, np.float32).copy())


class Hit(Result):
    """One thing found."""

    index: int
    """Its position in what was searched."""
    item: str
    """The text, or the image's name."""
    score: float


class SearchResult(ListOf[Hit]):
    """What was found, the best first."""

    query: str
    hits: list[Hit]

    @property
    def top(self) -> Hit:
        """The best hit."""
        return self.hits[0]
