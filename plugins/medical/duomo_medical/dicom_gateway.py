"""DICOM in, DICOM without the patient out.

    read → decode → paint over print (OCR, with the header's texts) → clean the header → write → verify

Pixels come first, because the header knows the names that OCR has to look for; afterwards nobody does.
"""

from __future__ import annotations

import copy
import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from duomo import load
from duomo.adapters import Adapter, Artifact, Case, Decision, Finding, Payload, Record, Source, find
from duomo.errors import BadInput, DuomoError, InputMissing, InputUnreadable, counted
from duomo.inputs import is_hidden
from duomo_medical import burned_in, confidentiality, deidentify, pixels, verifier
from duomo_medical.dicom_file import DicomFile, modality, quiet, read, value
from duomo_medical.plugin import DICOM_GATEWAY
from duomo_medical.pseudonyms import Pseudonyms, of_any

if TYPE_CHECKING:
    from pydicom import Dataset

OCR_TASK = "optical-character-recognition"
CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
"""SOP classes of images of a screen, of paper, or of film."""
COPIES = frozenset(("DERIVED", "SECONDARY", "SCREEN SAVE"))
"""Words of ImageType for what no scanner made by itself."""
DIRECTORY = "1.2.840.10008.1.3.10"
"""SOP class of a DICOMDIR: an index with the names of all patients on a disc."""


class CleanFile(Payload):
    """A DICOM file that may go on, or why there is none."""

    file_name: str
    """What to call it: the old name may have been the patient's."""
    content: bytes = b""
    """The file; empty when a person has to look first."""
    modality: str = ""
    frames: int = 0
    boxes: tuple[tuple[int, int, int, int], ...] = ()
    """Left, top, right, bottom of what was painted over, on every frame."""
    lines_found: int = 0
    lines_known: int = 0
    """How many of the lines of print stood in the header too."""
    values_checked: int = 0
    """Identifying values of the original that the verifier looked for in the new file."""
    profile: str = confidentiality.EDITION


class Cleaned(NamedTuple):
    """What was done to one file."""

    content: bytes
    frames: int
    redaction: burned_in.Redaction | None
    verdict: verifier.Verdict
    looked: bool
    """Whether every frame was read by OCR, or there is none."""


class DicomGateway(Adapter[DicomFile, CleanFile]):
    """De-identification that fails closed: what cannot be cleaned or checked is not given out.

    Args:
        ocr: ``auto`` takes the core task's model if one is installed; ``none`` reads nothing, and every image is
            then referred; or a function from a page (H, W, 3) of uint8 to its lines.
        text_free: modalities whose pixels this site vouches for, such as ``("CT", "MR")``: their images pass without
            OCR unless they are screenshots, or say themselves that they are derived or have print in them.
        secret: of pseudonyms, the same for all files that are to stay together.
    """

    spec = DICOM_GATEWAY
    Output = CleanFile
    batch_size = 1

    def __init__(
        self,
        *,
        runner: object = None,
        artifacts: Mapping[str, Artifact] | None = None,
        secret: bytes | str | None = None,
        ocr: burned_in.Reader | Literal["auto", "none"] = "auto",
        text_free: Sequence[str] = (),
    ) -> None:
        # A runner is an OCR here; the walk must not feed it records.
        super().__init__(artifacts=artifacts, secret=secret)
        self.pseudonyms = Pseudonyms(of_any(self.secret))
        self.text_free = frozenset(text_free)
        self._ocr: Any = runner if runner is not None else ocr
        self._read: burned_in.Reader | None = None
        self._settled = False

    def read(self, source: str | os.PathLike[str]) -> Iterator[Any]:
        """One file, or all files of a folder; the order is that of their names, which go no further."""
        yield from files_of(source)

    def record(self, value: Any, position: int = 0) -> Record[DicomFile]:
        return record_of(read(value) if not isinstance(value, DicomFile) else value, self.pseudonyms)

    def guards(self, phase: str) -> Sequence[Any]:
        return {"input": (_documents, _is_whole), "output": (_print_in_pixels, _second_opinion)}.get(phase, ())

    def score(self, prepared: Sequence[Record[DicomFile]]) -> list[Cleaned]:
        with quiet():
            return [self._cleaned(each.payload) for each in prepared]

    def decide(self, case: Case[DicomFile]) -> Decision:
        checked = case.raw.verdict.num_values
        return Decision(outcome="accept", reason=f"{checked} identifying values looked for, none found")

    def result(self, case: Case[DicomFile]) -> CleanFile:
        done: Cleaned = case.raw
        held_back = any(each.severity in ("refer", "block") and not each.overridden for each in case.findings)
        seen = done.redaction
        return CleanFile(
            file_name=f"{case.record.key}.dcm",
            content=b"" if held_back else done.content,
            modality=modality(case.record.payload.dataset),
            frames=done.frames,
            boxes=seen.boxes if seen else (),
            lines_found=seen.num_lines if seen else 0,
            lines_known=seen.num_known if seen else 0,
            values_checked=done.verdict.num_values,
        )

    @classmethod
    def example(cls) -> DicomGateway:
        return cls(secret=b"the secret of an example", ocr="none", text_free=("OT",))

    @classmethod
    def samples(cls) -> list[Any]:
        from duomo_medical.phantom import dicom_bytes

        return [dicom_bytes(patient=f"Made^{name}", number=at) for at, name in enumerate(("Ada", "Ben", "Cleo"))]

    @classmethod
    def canaries(cls, marker: str) -> list[Any]:
        from duomo_medical.phantom import dicom_bytes

        return [dicom_bytes(patient=marker, StationName=marker, PatientComments=marker, Manufacturer=marker)]

    def _reader(self) -> burned_in.Reader | None:
        """The OCR to use; looked up once, at the first image."""
        if not self._settled:
            self._settled = True
            found = self._ocr
            if found == "auto":
                try:
                    found = load(OCR_TASK)
                except DuomoError:  # not installed, or not usable here: images are referred
                    found = "none"
            if found != "none":
                self._read = lambda page: _lines_of(found(page))
        return self._read

    def _cleaned(self, file: DicomFile) -> Cleaned:
        """One file; a value that is not what its type says may stop any step, and then nothing is given out."""
        try:
            return self._clean(file)
        except ValueError as error:  # the library's words may quote the file's
            raise InputUnreadable(
                "a value of this DICOM file is not what its type says",
                why=f"{type(error).__name__} while it was cleaned; which value it is would say too much",
                fix="send it again from the archive",
            ) from None

    def _clean(self, file: DicomFile) -> Cleaned:
        dataset = copy.deepcopy(file.dataset)
        reader, redaction, frames = None, None, 0
        looked = True
        if pixels.has_pixels(dataset):
            stored = pixels.decode(dataset)
            reader, frames = self._reader(), len(stored)
            if reader is not None:
                seeds = [each.text for each in verifier.identifying(dataset)]
                redaction = burned_in.redact(stored, reader, seeds)
                stored = redaction.stored
            else:
                looked = self._vouched_for(dataset)
            deidentify.native_pixels(dataset, stored)
        clean = deidentify.deidentify(dataset, self.pseudonyms, pixels_cleaned=reader is not None)
        content = deidentify.to_bytes(clean)
        verdict = verifier.verify(file.content, content, reader)
        return Cleaned(content, frames, redaction, verdict, looked)

    def _vouched_for(self, dataset: Dataset) -> bool:
        kinds = value(dataset, "ImageType", [])
        kinds = {str(each).strip().upper() for each in ([kinds] if isinstance(kinds, str) else kinds)}
        says_so = value(dataset, "BurnedInAnnotation") == "YES"
        # A screenshot bears the modality of what it shows.
        captured = str(value(dataset, "SOPClassUID", "")).startswith(CAPTURE)
        pictured = captured and value(dataset, "Modality") not in ("OT", "SC")
        return value(dataset, "Modality") in self.text_free and not (kinds & COPIES or says_so or pictured)


def _lines_of(page: object) -> Any:
    """The lines of what an OCR gave: the core's task has them in ``lines``."""
    return getattr(page, "lines", page)


def _documents(record: Record[DicomFile]) -> Iterator[Finding]:
    if "EncapsulatedDocument" in record.payload.dataset:
        yield find(
            "PHI.TEXT",
            "it holds a whole document (PDF, CDA or a model), which cannot be cleaned",
            field="EncapsulatedDocument",
            record=record.key,
            fix="take the document out and clean it by itself",
        )


def _is_whole(record: Record[DicomFile]) -> Iterator[Finding]:
    dataset = record.payload.dataset
    if "Rows" in dataset and not pixels.has_pixels(dataset):
        yield find("QUALITY.FORMAT", "it describes an image and holds none: it may have been cut short",
                   field="PixelData", record=record.key, fix="send it again from the archive")  # fmt: skip


def _print_in_pixels(case: Case[DicomFile]) -> Iterator[Finding]:
    """What OCR saw, or that nobody looked. A person who looked may override it, and the audit log keeps that."""
    done: Cleaned = case.raw
    if not done.looked:
        text, fix = "these pixels were not searched for text: no OCR is installed", "duomo models add starter, or look"
    elif done.redaction is not None and (done.redaction.residual or done.verdict.lines):
        text, fix = "print can still be read after it was painted over", "paint over it by hand"
    else:
        if done.redaction is not None and done.redaction.num_lines:
            text = f"{counted(done.redaction.num_lines, 'line of print was', 'lines of print were')} painted over"
            yield find("PHI.PIXEL", text, field="PixelData", record=case.record.key, severity="info")
        return
    yield find("PHI.PIXEL", text, field="PixelData", record=case.record.key, fix=fix)


def _second_opinion(case: Case[DicomFile]) -> Iterator[Finding]:
    """What the verifier found in the output."""
    verdict: verifier.Verdict = case.raw.verdict
    for code, fields in (
        ("PHI.HEADER", [*verdict.left, *verdict.problems]),
        ("PHI.PRIVATE", ["private elements"] * verdict.private),
        ("PHI.OVERLAY", ["overlay data"] * verdict.overlays),
    ):
        if fields:
            text = f"the verifier found in the output: {', '.join(dict.fromkeys(fields))}"
            fix = "do not use the file; report which element it was"
            yield find(code, text, field=fields[0], record=case.record.key, fix=fix)


def files_of(source: str | os.PathLike[str]) -> Iterator[Path]:
    """A file, or all files of a folder by name, but hidden ones. Raises `InputMissing`, without the name."""
    path = Path(source)
    if not os.path.exists(path):
        raise InputMissing("there is no such file or folder", fix="check the path")
    if not path.is_dir():
        yield path
        return
    for each in sorted(path.rglob("*")):
        if each.is_file() and not any(map(is_hidden, each.relative_to(path).parts)):
            yield each


def record_of(file: DicomFile, pseudonyms: Pseudonyms) -> Record[DicomFile]:
    """A file as a record: its key is made of its UID, its group of its patient. Raises `BadInput` for a DICOMDIR."""
    dataset = file.dataset
    if value(dataset.file_meta, "MediaStorageSOPClassUID") == DIRECTORY or "DirectoryRecordSequence" in dataset:
        raise BadInput(
            "this is a DICOMDIR, the index of a disc",
            why="it lists patients, and is of no use for files that were renamed",
            fix="leave it out, and make a new one of the cleaned files",
        )
    own = str(value(dataset, "SOPInstanceUID", "")) or hashlib.sha256(file.content).hexdigest()
    patient = str(value(dataset, "PatientID", "") or value(dataset, "PatientName", ""))
    group = pseudonyms.key("patient", patient) if patient else None
    source = Source(size=len(file.content), format="dicom", reader="pydicom")
    return Record(file, pseudonyms.key("instance", own), group, source=source)
