"""A DICOM header without the patient: elements kept, emptied, replaced or removed, through every sequence."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from duomo_medical import confidentiality as profile, terms
from duomo_medical.dicom_file import pydicom, quiet, value
from duomo_medical.pseudonyms import Pseudonyms

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydicom import Dataset
    from pydicom.dataelem import DataElement

IMPLEMENTATION_UID = "2.25.189724305583012741236917346108"
"""Who wrote the file: this program."""
_CODE = re.compile(r"[A-Z0-9_ ]{0,16}")
_CODED = re.compile(r"[\w.:\-/{}\[\]%]{1,64}")


def deidentify(dataset: Dataset, pseudonyms: Pseudonyms, *, pixels_cleaned: bool) -> Any:
    """A new data set in Explicit VR Little Endian without names, numbers, dates, private elements and overlays.

    Pixels are written uncompressed: a JPEG may carry comments, and a verifier must be able to read every byte.

    Args:
        dataset: as `duomo_medical.dicom_file.read` gives it, its pixels already redacted. It is not changed.
        pseudonyms: with the secret of the site.
        pixels_cleaned: whether all frames were read by OCR, which the header then says.
    """
    with quiet():
        patient = str(value(dataset, "PatientID", "") or value(dataset, "PatientName", ""))
        cleaner = _Cleaner(pseudonyms, patient, _words(dataset))
        clean = cleaner.dataset(dataset)
        _identify(clean, dataset, pseudonyms.key("patient", patient))
        _state_method(clean, pixels_cleaned)
        _file_meta(clean)
    return clean


class _Cleaner:
    """One file's elements, one after another; what it does not know to be harmless it drops."""

    def __init__(self, pseudonyms: Pseudonyms, patient: str, words: frozenset[str]) -> None:
        self.pseudonyms = pseudonyms
        self.patient = patient
        self.words = words
        self.digits = frozenset(run.lstrip("0") for word in words for run in re.findall(r"\d+", word))

    def dataset(self, dataset: Dataset) -> Any:
        clean = pydicom.Dataset()
        coded = _is_private_code(dataset)
        nested = not hasattr(dataset, "file_meta")
        for tag in sorted(dataset.keys()):
            if tag.is_private or tag.group in profile.NEVER_KEPT_GROUPS or profile.is_curve_or_overlay(tag.group):
                continue
            try:
                element = dataset[tag]
            except Exception:  # a value that its type does not allow says nothing that can be kept
                continue
            kept = self.element(element, dataset, coded=coded, nested=nested) if _is_its_own_type(element) else None
            if kept is not None:
                clean.add_new(tag, str(element.VR), kept)
        return clean

    def element(self, element: DataElement, parent: Dataset, *, coded: bool, nested: bool) -> object:
        """The value to keep, or None to drop the element."""
        keyword, kind = element.keyword, str(element.VR)
        if keyword.startswith(profile.WHERE_ON_EARTH):
            return None
        if kind == "SQ":
            if keyword in profile.DROP_SEQUENCES:
                return None
            return [self.dataset(item) for item in element.value if not _is_about_the_subject(item)]
        if keyword in profile.EMPTY_IF_PRESENT:
            return ""
        if kind == "UI":
            return _each(element.value, lambda uid: self.pseudonyms.uid(str(uid)))
        if kind in ("DA", "DT"):
            return _each(element.value, lambda date: self.pseudonyms.date(str(date), self.patient)) or None
        if keyword in profile.TABLES:
            return _table(parent, keyword, element.value)
        if keyword == "WaveformData":
            return _samples(parent, element.value)
        if kind in profile.BULK:
            return element.value if keyword in profile.PIXELS and not nested else None
        if kind in profile.NUMBERS:
            return None if keyword in profile.DROP_NUMBERS or self._is_a_given_number(element) else element.value
        if keyword in ("CodeValue", "LongCodeValue"):
            coded = coded or not profile.is_code(
                str(element.value).strip(), str(value(parent, "CodingSchemeDesignator"))
            )
        return self.text(keyword, kind, element.value, coded)

    def _is_a_given_number(self, element: DataElement) -> bool:
        """Whether a number is one that someone was given: too long for a count, or in one of the texts that go."""
        texts = [str(each).strip().partition(".")[0] for each in _list(element.value)]
        counts = str(element.VR) == "IS" and not profile.MEASURED.search(element.keyword)
        long = [text.lstrip("+-0") for text in texts if len(text.lstrip("+-0")) > profile.MOST_DIGITS]
        return bool(long) and (counts or any(text in self.digits for text in long))

    def text(self, keyword: str, kind: str, held: object, coded: bool) -> object:
        if keyword in profile.DUMMY:
            return profile.DUMMY[keyword]
        if keyword in ("CodeValue", "CodeMeaning", "LongCodeValue", "CodingSchemeDesignator"):
            kept = not coded and not self._names_someone(held)
            return held if kept and (keyword == "CodeMeaning" or _CODED.fullmatch(str(held).strip())) else "REMOVED"
        if self._names_someone(held):
            return None
        if keyword == "BodyPartExamined":
            return held if str(held).replace(" ", "").upper() in profile.BODY_PARTS else None
        if terms.is_term(keyword, "?") is not None:
            # One value of many that is not a term costs itself only: vendors add to ImageType what they like.
            many = [each if terms.is_term(keyword, str(each)) else "OTHER" for each in _list(held)]
            if keyword in terms.OPEN and all(_CODE.fullmatch(str(each).strip()) for each in many):
                return many
            return held if all(terms.is_term(keyword, str(each)) for each in _list(held)) else None
        if kind == "CS":
            kept = keyword not in profile.DROP_CODES and all(_CODE.fullmatch(str(each).strip()) for each in _list(held))
            return held if kept else None
        return held if keyword in profile.KEEP_TEXT else None

    def _names_someone(self, held: object) -> bool:
        texts = [str(each).casefold() for each in _list(held)]
        # A short name counts as a whole word only: every text has an "an" in it.
        tokens = {token for text in texts for token in re.split(r"[\W_]+", text)}
        # Scripts such as Chinese put no space between words.
        long = [word for word in self.words if len(word) >= 4 or not word.isascii()]
        return any(word in text for text in texts for word in long) or bool(tokens & self.words)


def _words(dataset: Dataset) -> frozenset[str]:
    """Every text of this file that goes, and parts of names: none may come back inside a text that is kept.

    An institution that is called like its scanner costs the file its Manufacturer; that is cheap.
    """
    found: set[str] = set()
    for element in _all_elements(dataset):
        kind = str(element.VR)
        if kind not in profile.CHARACTERS or element.keyword in profile.KEEP_TEXT:
            continue
        if kind == "CS" and not element.tag.is_private:
            continue
        for each in _list(element.value):
            text = str(each).strip(" \0").casefold()
            if kind == "PN":
                # One letter is an initial, but one character of Chinese is a name.
                found.update(part for part in re.split(r"[\^=,\s]+", text) if len(part) > 1 or not part.isascii())
            if element.keyword.startswith("Institution"):
                found.update(set(re.findall(r"[^\W\d_]{4,}", text)) - profile.OF_ANY_HOUSE)
            if len(text) >= 4:
                found.add(text)
    return frozenset(found - profile.HARMLESS_WORDS)


def _all_elements(dataset: Dataset) -> Iterable[Any]:
    for tag in list(dataset.keys()):
        try:
            element = dataset[tag]
        except Exception:
            continue
        if str(element.VR) == "SQ":
            for item in element.value:
                yield from _all_elements(item)
        elif element.keyword not in ("CodeValue", "LongCodeValue") or _is_private_code(dataset):
            yield element


def _is_its_own_type(element: DataElement) -> bool:
    """Whether an element of the dictionary has the type that the dictionary gives it.

    A comment that calls itself a row of numbers would be written again, byte by byte.
    """
    if not element.keyword:
        return False
    own = str(pydicom.datadict.dictionary_VR(element.tag))
    return str(element.VR) in (own, *own.split(" or "))


def _is_about_the_subject(item: Dataset) -> bool:
    names = value(item, "ConceptNameCodeSequence")
    return bool(names) and str(value(names[0], "CodeValue", "")) in profile.ABOUT_THE_SUBJECT


def _table(parent: Dataset, keyword: str, held: object) -> object:
    """As many numbers as the table says it has: words can stand behind the last one."""
    described = _list(value(parent, profile.TABLES[keyword]))
    if len(described) != 3:
        return None
    count = int(described[0]) or 1 << 16
    return held[: 2 * count] if isinstance(held, bytes) else _list(held)[:count]


def _samples(parent: Dataset, held: bytes) -> bytes:
    """The bytes that hold a sample of a channel."""
    names = ("NumberOfWaveformChannels", "NumberOfWaveformSamples", "WaveformBitsAllocated")
    channels, samples, bits = (int(value(parent, name, 0)) for name in names)
    end = channels * samples * bits // 8
    return held[: end + end % 2]


def _is_private_code(dataset: Dataset) -> bool:
    scheme = str(value(dataset, "CodingSchemeDesignator", ""))
    coded = any(name in dataset for name in ("CodeValue", "LongCodeValue", "URNCodeValue", "CodeMeaning"))
    return coded and scheme not in profile.STANDARD_SCHEMES


def _identify(clean: Dataset, original: Dataset, pseudonym: str) -> None:
    if "PatientName" in original or "PatientID" in original:
        clean.PatientName = f"ANON^{pseudonym}"
        clean.PatientID = pseudonym


def _state_method(clean: Dataset, pixels_cleaned: bool) -> None:
    """(0012,0062) to (0012,0064): that it was done, by which rules, and in codes."""
    methods = [*profile.METHODS, *([profile.PIXELS_CLEANED] if pixels_cleaned else [])]
    clean.PatientIdentityRemoved = "YES"
    clean.DeidentificationMethod = profile.EDITION
    clean.DeidentificationMethodCodeSequence = [pydicom.Dataset() for _ in methods]
    for item, (code, meaning) in zip(clean.DeidentificationMethodCodeSequence, methods, strict=True):
        item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code, "DCM", meaning
    clean.LongitudinalTemporalInformationModified = "MODIFIED"
    if pixels_cleaned:
        clean.BurnedInAnnotation = "NO"


def _file_meta(clean: Dataset) -> None:
    """A header of our own: no preamble, no application titles, no private information."""
    meta = pydicom.dataset.FileMetaDataset()
    clean.SpecificCharacterSet = "ISO_IR 192"
    meta.MediaStorageSOPClassUID = value(clean, "SOPClassUID", "1.2.840.10008.5.1.4.1.1.66")
    meta.MediaStorageSOPInstanceUID = value(clean, "SOPInstanceUID", "2.25.0")
    meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    meta.ImplementationClassUID = IMPLEMENTATION_UID
    clean.file_meta = meta
    clean.preamble = b"\0" * 128


def to_bytes(clean: Dataset) -> bytes:
    """The file of a data set that `deidentify` made."""
    file = io.BytesIO()
    with quiet():
        clean.save_as(file, enforce_file_format=True)
    return file.getvalue()


def native_pixels(dataset: Dataset, stored: np.ndarray[Any, Any]) -> None:
    """Write decoded pixels back, uncompressed, with nothing in bits or bytes that hold no pixel.

    Unused high bits once held overlays, and bytes behind the last pixel are never shown: both can hide text.
    """
    in_colour = stored.ndim == 4
    if in_colour and str(value(dataset, "PhotometricInterpretation", "")).startswith("PALETTE"):
        dataset.BitsStored = stored.dtype.itemsize * 8  # of the palette's colours, no longer of its indices
        for name in profile.PALETTES:
            if name in dataset:
                del dataset[name]
    for name in ("PixelData", "FloatPixelData", "DoubleFloatPixelData"):
        if name in dataset:
            del dataset[name]
    if stored.dtype.kind == "f":
        name = "FloatPixelData" if stored.dtype.itemsize == 4 else "DoubleFloatPixelData"
        kind = "OF" if stored.dtype.itemsize == 4 else "OD"
        dataset.add_new(name, kind, stored.astype(stored.dtype.newbyteorder("<")).tobytes())
        return
    if value(dataset, "BitsAllocated") == 1:
        dataset.add_new("PixelData", "OB", pydicom.pixels.pack_bits(stored.ravel()))
        return
    allocated = stored.dtype.itemsize * 8
    bits = min(int(value(dataset, "BitsStored", allocated)), allocated)
    if unused := allocated - bits:
        # Up and down again: an arithmetic shift gives signed numbers their sign back.
        stored = (stored << unused) >> unused
    content = np.ascontiguousarray(stored).astype(stored.dtype.newbyteorder("<")).tobytes()
    dataset.add_new("PixelData", "OB" if allocated == 8 else "OW", content + b"\0" * (len(content) % 2))
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = allocated, bits, bits - 1
    dataset.PixelRepresentation = int(stored.dtype.kind == "i")
    dataset.SamplesPerPixel = 3 if in_colour else 1
    if in_colour:
        dataset.PlanarConfiguration = 0
        dataset.PhotometricInterpretation = "RGB"


def _list(held: object) -> list[Any]:
    if held is None:
        return []
    return list(held) if isinstance(held, pydicom.multival.MultiValue | list | tuple) else [held]


def _each(held: object, change: Callable[[Any], object]) -> object:
    changed = [change(each) for each in _list(held)]
    return changed if len(changed) > 1 else (changed[0] if changed else "")
