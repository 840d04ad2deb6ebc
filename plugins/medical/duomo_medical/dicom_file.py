"""From bytes to a DICOM data set, or to an error that names no patient."""

from __future__ import annotations

import contextlib
import hashlib
import io
import logging
import os
import sys
import warnings
import zlib
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from duomo.errors import BadInput, InputMissing, InputTooLarge, InputUnreadable, RequirementMissing
from duomo.inputs import check_unsealed

if TYPE_CHECKING:
    from types import ModuleType

    from pydicom import Dataset

MAX_BYTES = 2 << 30
"""Larger files are refused before they are read."""
MAX_INFLATED = 64 << 20
"""Bytes that a deflated file may inflate to, whatever its own size; a larger one to `MAX_RATIO` times its size."""
MAX_RATIO = 100
"""Deflate reaches 1,032; images and headers stay far below this."""
MAGIC = slice(128, 132)
"""Where a file of PS3.10 says ``DICM``, behind a preamble of any content."""
MODALITIES = frozenset(
    """
    ANN AR ASMT AU BDUS BI BMD CFM CR CT CTPROTOCOL DG DMS DOC DX ECG EEG EMG EOG EPS ES FID GM HC HD IO IOL IVOCT
    IVUS KER KO LEN LS M3D MG MR NM OAM OCT OP OPM OPT OPTBSV OPTENF OPV OSS OT PA PLAN POS PR PT PX REG RESP RF RG
    RTDOSE RTIMAGE RTINTENT RTPLAN RTRAD RTRECORD RTSEGANN RTSTRUCT RWV SEG SM SMR SR SRF STAIN TEXTUREMAP TG US VA VL
    XA XAPROTOCOL XC
    """.split()
)
"""Defined terms of PS3.3 C.7.3.1.1.1 (2025c)."""


def _import_pydicom() -> ModuleType:
    """Import pydicom with ``dl`` kept out of reach.

    python-gdcm, which pydicom wakes, tries ``import dl`` (a module of Python 2), and a folder of that name in the
    working directory makes the import of pydicom itself fail. None in `sys.modules` says that there is no such module.
    """
    absent = "dl" not in sys.modules
    if absent:
        sys.modules["dl"] = None  # type: ignore[assignment]
    try:
        import pydicom
        import pydicom.pixels
    except ImportError:
        raise RequirementMissing("pydicom is not installed", fix="pip install duomo-medical") from None
    finally:
        if absent:
            del sys.modules["dl"]
    return pydicom


pydicom = _import_pydicom()


class DicomFile:
    """A data set, and the bytes it was read from; it shows itself without naming anyone."""

    __slots__ = ("content", "dataset")

    def __init__(self, dataset: Dataset, content: bytes) -> None:
        self.dataset = dataset
        self.content = content

    def __repr__(self) -> str:
        return f"DicomFile({len(self.content)} bytes, {hashlib.sha256(self.content).hexdigest()})"


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep pydicom from checking, printing and logging values: its warnings quote them, and they may name a patient."""
    logger = pydicom.config.logger
    was = logger.level
    logger.setLevel(logging.CRITICAL + 1)  # those below it inherit the level, but not being disabled
    try:
        with warnings.catch_warnings(), pydicom.config.disable_value_validation():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(was)


def read(source: str | os.PathLike[str] | bytes) -> DicomFile:
    """Read one file of DICOM PS3.10.

    Raises:
        InputMissing: there is no such file.
        InputTooLarge: beyond `MAX_BYTES`.
        InputUnreadable: not DICOM, cut short, or damaged. No message quotes the file's name or content.
    """
    content = _bytes_of(source)
    if content[MAGIC] != b"DICM":
        raise InputUnreadable(
            "this is not a DICOM file",
            why="bytes 128 to 131 are not 'DICM', whatever the name of the file says",
            fix="export it from the archive as a DICOM part 10 file",
        )
    with quiet():
        _check_inflated(content)
        try:
            dataset = pydicom.dcmread(io.BytesIO(content))
            complete = _is_complete(dataset) and not _has_half_an_element(dataset, content)
        except Exception as error:  # the library's words may quote the file's
            raise _damaged(
                f"its elements end in the middle or contradict one another ({type(error).__name__})"
            ) from None
    if not complete:
        raise _damaged("an element is longer than what is left of the file")
    if not len(dataset):
        raise _damaged("it ends after its header")
    return DicomFile(dataset, content)


def value(dataset: Dataset, keyword: str, default: object = None) -> Any:
    """An element's value, or `default` where it is absent, empty or not what its type says."""
    try:
        with quiet():
            found = dataset.get(keyword, default)
    except Exception:  # a value such as 1A where a number belongs
        return default
    return default if found is None or found == "" else found


def functional_group(dataset: Dataset, keyword: str, frame: int = 0) -> Dataset | None:
    """Read what an enhanced object says under `keyword` of one frame, or of all frames; None where it does not."""
    frames = value(dataset, "PerFrameFunctionalGroupsSequence") or []
    for groups in (frames[frame : frame + 1], value(dataset, "SharedFunctionalGroupsSequence") or []):
        found = value(groups[0], keyword) if groups else None
        if found:
            group: Dataset = found[0]
            return group
    return None


def modality(dataset: Dataset) -> str:
    """Modality where it is one of DICOM's own terms; whatever else stands there may be a name."""
    found = str(value(dataset, "Modality", ""))
    return found if found in MODALITIES else ""


def _bytes_of(source: str | os.PathLike[str] | bytes) -> bytes:
    if isinstance(source, bytes | bytearray):
        size, content = len(source), bytes(source)
    elif isinstance(source, str | os.PathLike):
        check_unsealed("a DICOM file")
        path = Path(source)
        if not os.path.isfile(path):  # of a name that is too long, too
            raise InputMissing(
                "there is no such file", why="its name is left out here: it may name a patient", fix="check the path"
            )
        size = path.stat().st_size
        content = path.read_bytes() if size <= MAX_BYTES else b""
    else:
        raise BadInput(f"a DICOM file is expected, not {type(source).__name__}", fix="pass a path or bytes")
    if size > MAX_BYTES:
        raise InputTooLarge(f"{size:,} bytes are more than the limit of {MAX_BYTES:,}", fix="split the file by frames")
    if not size:
        raise InputUnreadable("this file is empty", fix="copy or download it again")
    return content


def _check_inflated(content: bytes) -> None:
    """Refuse a deflated file that inflates to more than it may, before pydicom holds all of it.

    Raises:
        InputTooLarge: It inflates to more than `MAX_INFLATED` and more than `MAX_RATIO` times its size.
    """
    file = io.BytesIO(content)
    file.seek(MAGIC.stop)
    try:
        header = pydicom.filereader.data_element_generator(file, False, True, stop_when=lambda tag, *_: tag.group != 2)
        syntax = next((each.value for each in header if each.tag == 0x00020010), b"")
        if syntax.rstrip(b" \0").decode("ascii", "replace") != pydicom.uid.DeflatedExplicitVRLittleEndian:
            return
        deque(header, maxlen=0)
    except Exception:  # the reader will say what is wrong with it
        return
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    limit = min(max(MAX_INFLATED, MAX_RATIO * len(content)), MAX_BYTES)
    size, rest = 0, content[file.tell() :]
    with contextlib.suppress(zlib.error):  # the reader will say so
        while rest and not inflater.eof:
            size += len(inflater.decompress(rest, 1 << 20))
            rest = inflater.unconsumed_tail
            if size > limit:
                raise InputTooLarge(
                    f"this DICOM file inflates to more than {limit:,} bytes",
                    why=f"it has {len(content):,} bytes; no image and no header deflates {MAX_RATIO} times",
                    fix="have the archive send it as Explicit VR Little Endian",
                )


def _is_complete(dataset: Dataset) -> bool:
    """Whether every element has all its bytes; pydicom reads what there is and says nothing."""
    for tag in list(dataset.keys()):
        raw = dataset.get_item(tag)
        length = getattr(raw, "length", None)
        held = getattr(raw, "value", None)
        if length not in (None, 0xFFFFFFFF) and isinstance(held, bytes) and len(held) < length:
            return False
    return True


def _has_half_an_element(dataset: Dataset, content: bytes) -> bool:
    """Whether the file ends within the eight bytes that say what comes next, which pydicom passes over."""
    last = dataset.get_item(max(dataset.keys())) if len(dataset) else None
    start, length = getattr(last, "value_tell", None), getattr(last, "length", None)
    deflated = dataset.file_meta.get("TransferSyntaxUID") == pydicom.uid.DeflatedExplicitVRLittleEndian
    if deflated or not start or length in (None, 0xFFFFFFFF):
        return False
    rest = content[start + length :]
    return len(rest) < 8 and any(rest)


def _damaged(why: str) -> InputUnreadable:
    return InputUnreadable("this DICOM file is damaged", why=why, fix="send it again from the archive")
