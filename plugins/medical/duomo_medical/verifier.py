"""A second opinion on a cleaned DICOM file: it knows the original, shares no rule with the cleaner, and trusts no tag.

The cleaner keeps a list of what is harmless. The verifier has a list of what identifies (after PS3.15 Table E.1-1),
collects those values from the original, wherever they stand, and looks for their bytes in the whole output.
"""

from __future__ import annotations

import datetime
import io
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from duomo_medical.burned_in import Reader, find_lines, views
from duomo_medical.dicom_file import pydicom, quiet

if TYPE_CHECKING:
    from pydicom import Dataset

MIN_LENGTH = 4
"""Shorter values occur by chance in any file; they are compared element by element instead."""
IDENTIFYING = frozenset(
    """
    AccessionNumber AcquisitionComments AdditionalPatientHistory AdmissionID AdmittingDiagnosesDescription Allergies
    AttendingPhysicianIdentificationSequence AuthorObserverSequence CassetteID ClinicalTrialCoordinatingCenterName
    ClinicalTrialProtocolID ClinicalTrialProtocolName ClinicalTrialSiteID ClinicalTrialSiteName
    ClinicalTrialSponsorName ClinicalTrialSubjectID CountryOfResidence CurrentPatientLocation DetectorID
    DeviceSerialNumber DischargeDiagnosisDescription EthnicGroup FillerOrderNumberImagingServiceRequest
    FrameComments GantryID GeneratorID ImageComments ImageID ImagingServiceRequestComments InstitutionAddress
    InstitutionCodeSequence InstitutionName InstitutionalDepartmentName InsurancePlanIdentification
    IssuerOfAdmissionID IssuerOfPatientID MedicalAlerts MedicalRecordLocator MilitaryRank NameOfPhysiciansReadingStudy
    Occupation OperatorsName OrderEnteredBy OtherPatientIDs OtherPatientNames PatientAddress PatientAge
    PatientBirthName PatientComments PatientID PatientInsurancePlanCodeSequence PatientMotherBirthName PatientName
    PatientReligiousPreference PatientSex PatientSize PatientState PatientTelephoneNumbers PatientTransportArrangements
    PatientWeight PerformedLocation PerformedProcedureStepDescription PerformedProcedureStepID PerformedStationName
    PerformedStationAETitle PerformingPhysicianName PersonAddress PersonName PersonTelephoneNumbers
    PhysiciansOfRecord PlateID PlacerOrderNumberImagingServiceRequest ProtocolName RTPlanDescription RTPlanLabel
    RTPlanName ReasonForStudy ReasonForTheImagingServiceRequest ReasonForTheRequestedProcedure ReferringPhysicianName
    ReferringPhysicianAddress ReferringPhysicianTelephoneNumbers RegionOfResidence RequestedProcedureComments
    RequestedProcedureDescription RequestedProcedureID RequestedProcedureLocation RequestingPhysician
    RequestingService ResponsibleOrganization ResponsiblePerson RetrieveAETitle ReviewerName
    ScheduledProcedureStepDescription ScheduledProcedureStepID ScheduledStationAETitle ScheduledStationName
    SeriesDescription SourceApplicationEntityTitle SmokingStatus SpecialNeeds StationName StudyComments
    StudyDescription StudyID TextComments TextString TextValue TreatmentMachineName UnformattedTextValue
    VerifyingObserverName VerifyingOrganization VisitComments
    """.split()
)
_NEVER_KEPT = frozenset("AE LT PN ST UC UR UT".split())
"""Types of value that people fill with words of their own; no cleaned file needs any of them."""
_TEXT = frozenset("AE AS CS LO LT PN SH ST UC UR UT".split())
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_NAME_PARTS = re.compile(r"[\^=,\s]+")
_HARMLESS = frozenset(
    "anonymized anonymous removed unknown none test anon chest head brain abdomen axial original".split()
)
"""Names of nobody, and DICOM's own words; a cleaned file may hold them."""


_PICTURES = frozenset("PixelData FloatPixelData DoubleFloatPixelData".split())


class Evidence(NamedTuple):
    """One value of the original that identifies."""

    where: str
    """The element's keyword or tag; never its value."""
    text: str
    needles: tuple[bytes, ...]
    """What its bytes could look like in a file, in lower case."""


class Verdict(NamedTuple):
    """What a verification found."""

    num_values: int
    """Identifying values in the original."""
    left: tuple[str, ...]
    """Elements of which a value is still there; words and numbers are not repeated."""
    private: int
    overlays: int
    problems: tuple[str, ...]
    """What a cleaned file must or must not have besides."""
    lines: int | None
    """Lines of print that OCR still reads; None when it was not asked."""

    @property
    def clean(self) -> bool:
        """Whether nothing at all was found."""
        return not (self.left or self.private or self.overlays or self.problems or self.lines)


def verify(original: bytes, output: bytes, read: Reader | None = None) -> Verdict:
    """Compare a cleaned file with its original, byte by byte and element by element.

    Args:
        original: the file before.
        output: the file after.
        read: an OCR; with it all frames of the output are read again.
    """
    with quiet():
        before = pydicom.dcmread(io.BytesIO(original), force=True)
        after = pydicom.dcmread(io.BytesIO(output))
        evidence = list(identifying(before))
        same = _unchanged(before, after)
        haystack = output.lower()
        left = [each.where for each in evidence if any(_occurs(needle, haystack) for needle in each.needles)]
        elements = [tag for tag, _, _ in _walk(after)]
        return Verdict(
            len(evidence),
            tuple(dict.fromkeys(left + same)),
            sum(tag.is_private for tag in elements),
            sum(tag.group & 0xFF00 in (0x5000, 0x6000) for tag in elements),
            tuple(_problems(after, output)),
            len(_lines(after, read)) if read is not None else None,
        )


def identifying(dataset: Dataset) -> Iterator[Evidence]:
    """All values of a data set that identify: by keyword, by type (names, dates, UIDs), and all private text."""
    codecs = _codecs(dataset)
    for tag, element, keyword in _walk(dataset):
        kind = str(element.VR)
        is_text = kind in _TEXT and (
            keyword in IDENTIFYING or kind in _NEVER_KEPT or tag.is_private or tag.group & 0xFF00 == 0x6000
        )
        if not (is_text or kind in ("DA", "DT", "UI")):
            continue
        held = element.value
        for each in held if isinstance(held, list | tuple | pydicom.multival.MultiValue) else [held]:
            text = str(each).strip(" \0")
            if kind == "UI" and text in pydicom.uid.UID_dictionary:
                continue
            if len(text) < MIN_LENGTH or not any(letter.isalnum() for letter in text):
                continue
            if text.casefold() in _HARMLESS:
                continue
            needles = {spelled.casefold() for spelled in _spellings(text, kind)} - _HARMLESS
            coded = {coded for needle in needles for coded in _encoded(needle, codecs)}
            yield Evidence(keyword or str(tag), text, tuple(sorted(coded)))


def spellings_of_date(date: str) -> list[str]:
    """How people and programs write a day given as YYYYMMDD."""
    try:
        day = datetime.datetime.strptime(date[:8], "%Y%m%d")
    except ValueError:
        return [date]
    return [
        day.strftime("%Y%m%d"),
        *(day.strftime(f"%Y{mark}%m{mark}%d") for mark in "-./"),
        *(day.strftime(f"%d{mark}%m{mark}%Y") for mark in "-./"),
        *(day.strftime(f"%m{mark}%d{mark}%Y") for mark in "-/"),
        f"{day.day} {_MONTHS[day.month - 1]} {day.year}",
        f"{_MONTHS[day.month - 1]} {day.day}, {day.year}",
    ]


def _spellings(text: str, kind: str) -> list[str]:
    if kind in ("DA", "DT"):
        return spellings_of_date(text.replace(".", "") if kind == "DA" else text)
    if kind == "PN":
        return [text, *(part for part in _NAME_PARTS.split(text) if len(part) >= MIN_LENGTH)]
    return [text]


def _encoded(text: str, codecs: Iterable[str]) -> Iterator[bytes]:
    for codec in codecs:
        try:
            yield text.encode(codec).lower()
        except (UnicodeEncodeError, LookupError):
            continue


def _codecs(dataset: Dataset) -> list[str]:
    declared = dataset.get("SpecificCharacterSet") or []
    try:
        own = pydicom.charset.convert_encodings(declared)
    except (LookupError, ValueError):
        own = []
    return list(dict.fromkeys(["utf-8", "latin-1", "utf-16-le", "utf-16-be", *own]))


def _occurs(needle: bytes, haystack: bytes) -> bool:
    """A number counts only where it does not stand in the middle of a longer one."""
    if needle not in haystack:  # far cheaper than a search that looks at its neighbours
        return False
    if not re.fullmatch(rb"[0-9.]+", needle):
        return True
    return re.search(rb"(?<![0-9.])" + re.escape(needle) + rb"(?![0-9])", haystack) is not None


def _walk(dataset: Dataset) -> Iterator[tuple[Any, Any, str]]:
    """Every element, with those of the header and of all sequences."""
    for part in (getattr(dataset, "file_meta", None) or (), dataset):
        for tag in list(part.keys()) if part else ():
            try:
                element = part[tag]
            except Exception:  # unreadable values are not identifying; the bytes are searched all the same
                continue
            yield tag, element, element.keyword
            if str(element.VR) == "SQ":
                for item in element.value:
                    yield from _walk(item)


def _unchanged(before: Dataset, after: Dataset) -> list[str]:
    """Identifying elements, however short, with a value that the original had under the same name."""
    old: dict[str, set[str]] = {}
    for _, element, keyword in _walk(before):
        if keyword in IDENTIFYING and str(element.VR) in _TEXT | {"DS", "IS"} and str(element.value).strip():
            old.setdefault(keyword, set()).add(str(element.value))
    return [
        keyword
        for _, element, keyword in _walk(after)
        if keyword in old and str(element.value) in old[keyword] and str(element.value).casefold() not in _HARMLESS
    ]


def _problems(after: Dataset, output: bytes) -> Iterator[str]:
    if any(output[:128]):
        yield "the preamble is not empty"
    if after.get("PatientIdentityRemoved") != "YES":
        yield "PatientIdentityRemoved is not YES"
    codes = {item.get("CodeValue") for item in after.get("DeidentificationMethodCodeSequence") or ()}
    if "113100" not in codes:
        yield "DeidentificationMethodCodeSequence does not name the profile 113100"
    for keyword in ("EncapsulatedDocument", "DataSetTrailingPadding", "IconImageSequence", "PatientBirthDate"):
        if after.get(keyword):
            yield f"{keyword} is there"
    if after.file_meta.get("TransferSyntaxUID") != "1.2.840.10008.1.2.1":
        yield "the transfer syntax is not Explicit VR Little Endian, in which every byte can be searched"
    for tag, element, keyword in _walk(after):
        types = str(pydicom.datadict.dictionary_VR(tag)).split(" or ") if keyword else [str(element.VR)]
        if str(element.VR) not in types:
            yield f"{keyword} is of a type that is not its own"
        if keyword.startswith("GPS"):
            yield f"{keyword} says where it was taken"
    if sum(keyword in _PICTURES for *_, keyword in _walk(after)) > sum(keyword in after for keyword in _PICTURES):
        yield "an image stands inside a sequence, where it is not read"
    for keyword in ("SourceApplicationEntityTitle", "PrivateInformation", "SendingApplicationEntityTitle"):
        if after.file_meta.get(keyword):
            yield f"{keyword} is in the header of the file"


def _lines(after: Dataset, read: Reader) -> list[Any]:
    if "PixelData" not in after:
        return []
    stored = after.pixel_array
    colour = int(after.get("SamplesPerPixel", 1)) == 3
    frames = stored if stored.ndim == (4 if colour else 3) else stored[None]
    return [line for frame in frames for view in views(frame[None]) for line in find_lines(view, read)]
