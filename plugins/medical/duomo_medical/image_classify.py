"""Any image classifier on DICOM: pixels in the right unit, window and orientation, and scores called what they are.

read → modality and range guards → develop → window → [image-classification] → uncalibrated scores
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import pydantic

from duomo.adapters import Adapter, Artifact, Case, Decision, DomainResult, Finding, Payload, Record, Uncalibrated, find
from duomo.errors import BadInput
from duomo.tasks.results import Label
from duomo_medical import dicom_gateway, pixels
from duomo_medical.dicom_file import DicomFile, modality, read
from duomo_medical.plugin import IMAGE_CLASSIFY
from duomo_medical.pseudonyms import Pseudonyms, of_any

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_SATURATED = 0.98
"""Share of pixels that may be black or white; more of them mean a wrong window or range."""


class Expects(Artifact):
    """What a model was made for, as its maker says; without it every result is for a person."""

    kind: ClassVar[str] = "medical.expects/1"
    modalities: tuple[str, ...]
    """Such as ``CR`` and ``DX``; never mixed with others."""
    window: str | tuple[float, float] | None = None
    """A name of `duomo_medical.pixels.WINDOWS` or (centre, width); the file's own when left out."""
    names: dict[str, str] = pydantic.Field(default_factory=dict)
    """The model's labels in the words of the domain."""


class ImageVerdict(Payload):
    """What a model says about one image, and how the image was brought before it."""

    labels: tuple[Label, ...]
    """Best first."""
    calibrated: bool
    """Whether the best score is a probability; otherwise it only ranks."""
    modality: str
    unit: str
    inverted: bool
    """Whether the file was stored as a negative."""
    directions: str


class ImageClassify(Adapter[DicomFile, ImageVerdict]):
    """The model is yours, and so are its labels; no accuracy is claimed for it."""

    spec = IMAGE_CLASSIFY
    Output = ImageVerdict
    task = "image-classification"

    @property
    def expects(self) -> Expects | None:
        """What the model was made for, if someone said so."""
        found = self.artifacts.get("expects")
        return found if isinstance(found, Expects) else None

    def read(self, source: str | os.PathLike[str]) -> Iterator[Any]:
        yield from dicom_gateway.files_of(source)

    def record(self, value: Any, position: int = 0) -> Record[DicomFile]:
        file = value if isinstance(value, DicomFile) else read(value)
        return dicom_gateway.record_of(file, Pseudonyms(of_any(self.secret)))

    def guards(self, phase: str) -> Sequence[Any]:
        return (self._is_its_modality,) if phase == "input" else ()

    def prepare(self, record: Record[DicomFile]) -> NDArray[Any]:
        """An image (H, W, 3) of uint8. Raises `BadInput` for several frames, which are several records."""
        frames = pixels.develop(record.payload.dataset)
        if len(frames.values) > 1:
            raise BadInput(
                f"this object has {len(frames.values)} frames", why="one image is classified at a time", fix="split it"
            )
        shown = frames.to_uint8(self.expects.window if self.expects else None)[0]
        return shown if shown.ndim == 3 else np.repeat(shown[..., None], 3, axis=2)

    def interpret(self, case: Case[DicomFile]) -> Uncalibrated:
        names = self.expects.names if self.expects else {}
        scores = {names.get(each.name, each.name): float(each.score) for each in case.raw.labels}
        best = max(scores.values(), default=0.0)
        return Uncalibrated(value=best, by_class=scores, method="the model's own")

    def decide(self, case: Case[DicomFile]) -> Decision | None:
        shown = self.prepare(case.record)
        saturated = float(np.mean((shown == 0) | (shown == 255)))
        if shown.min() == shown.max() or saturated > MAX_SATURATED:
            case.find(
                "OOD.RANGE",
                f"{saturated:.0%} of the pixels are black or white in this window: the model sees nothing",
                field="PixelData",
                fix="give the window that the model was trained with (Expects.window)",
            )
        if isinstance(case.score, Uncalibrated) and "policy" not in self.artifacts:
            return Decision(outcome="refer", reason="CALIB.MISSING: the score ranks and is not a probability")
        return super().decide(case)

    def result(self, case: Case[DicomFile]) -> ImageVerdict:
        frames, score = pixels.develop(case.record.payload.dataset), self.interpret(case)
        ranked = sorted(score.by_class.items(), key=lambda pair: -pair[1])
        return ImageVerdict(
            labels=tuple(Label(name=name, score=number) for name, number in ranked),
            calibrated=case.score is not None and case.score.kind != "uncalibrated",
            modality=_modality(case.record),
            unit=frames.unit,
            inverted=frames.inverted,
            directions=frames.directions,
        )

    @classmethod
    def example(cls) -> Self:
        return cls(artifacts={"expects": Expects(modalities=("OT",))}, secret=b"the secret of an example")

    @classmethod
    def samples(cls) -> list[Any]:
        from duomo_medical.phantom import dicom_bytes

        return [dicom_bytes(number=number) for number in range(3)]

    @classmethod
    def canaries(cls, marker: str) -> list[Any]:
        return dicom_gateway.DicomGateway.canaries(marker)

    def _is_its_modality(self, record: Record[DicomFile]) -> Iterator[Finding]:
        modality = _modality(record)
        if self.expects is None:
            text = "it is not stated for which modality this model was made"
        elif modality not in self.expects.modalities:
            made_for = ", ".join(self.expects.modalities)
            text = f"the image is of modality '{modality}', and the model was made for {made_for}"
        else:
            return
        yield find("OOD.MODALITY", text, field="Modality", record=record.key,
                   fix="give Expects(modalities=…) as its maker says, or another model")  # fmt: skip


def identical_outputs(results: Iterable[DomainResult[ImageVerdict]]) -> Finding | None:
    """OOD.RANGE where a model says the very same about different images: it sees none of them.

    A network that is given numbers a thousand times too large, or too small, answers so, and raises no error.
    """
    seen: dict[str, set[tuple[tuple[str, float], ...]]] = {}
    for each in results:
        if each.payload is not None:
            said = tuple((label.name, label.score) for label in each.payload.labels)
            seen.setdefault(each.provenance.input_digest, set()).add(said)
    if len(seen) > 2 and len(set().union(*seen.values())) == 1:
        return find("OOD.RANGE", f"{len(seen)} different images have the very same scores", field="PixelData",
                    fix="check range and normalisation of what the model is given", severity="block")  # fmt: skip
    return None


def _modality(record: Record[DicomFile]) -> str:
    return modality(record.payload.dataset)
