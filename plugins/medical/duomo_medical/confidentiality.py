"""What may stay in a DICOM header: a profile that keeps what it knows to be harmless, and nothing else.

After the Basic Application Level Confidentiality Profile of DICOM PS3.15 Annex E (edition 2025c), with the options
Clean Pixel Data and Retain Longitudinal Temporal Information With Modified Dates. The standard lists what to remove
and changes every year; this lists what to keep, so that an element nobody thought of goes. Stricter than the
standard: no free text stays, and no time of day.
"""

from __future__ import annotations

import re

EDITION = "PS3.15 2025c, basic profile by allow list 2"
"""Written into each file, so that one can see by which rules it was cleaned."""

METHODS = (
    ("113100", "Basic Application Confidentiality Profile"),
    ("113107", "Retain Longitudinal Temporal Information Modified Dates Option"),
)
PIXELS_CLEANED = ("113101", "Clean Pixel Data Option")
"""Written besides `METHODS` when every frame was read by OCR."""

CHARACTERS = frozenset(("LO", "SH", "PN", "ST", "LT", "UT", "UC", "UR", "AE", "AS", "CS", "UN"))
"""Types of value that can hold words."""
NUMBERS = frozenset("IS DS US SS UL SL UV SV FL FD AT".split())
BULK = frozenset("OB OW OF OD OL OV".split())

KEEP_TEXT = frozenset(
    """
    Manufacturer ManufacturerModelName ConvolutionKernel FilterType RescaleType ImagedNucleus CodingSchemeVersion
    SequenceName
    """.split()
)
"""Free text that names machines and methods; a value in which an identifier of the file occurs goes all the same."""

DROP_CODES = frozenset(
    """
    PatientSex PatientSexNeutered SmokingStatus TypeOfPatientID ContentLabel StudyStatusID StudyPriorityID
    PatientSpeciesDescription ResponsiblePersonRole BarcodeValue
    """.split()
)
"""Elements of type CS that are about the patient, or written by hand."""

DROP_NUMBERS = frozenset(
    """
    PatientSize PatientWeight PregnancyStatus PatientBodyMassIndex MeasuredAPDimension MeasuredLateralDimension
    PatientAgeInt NumberOfPatientRelatedStudies NumberOfPatientRelatedSeries NumberOfPatientRelatedInstances
    """.split()
)

BODY_PARTS = frozenset(
    """
    ABDOMEN ABDOMENPELVIS ADRENAL ANKLE AORTA ARM AXILLA BACK BLADDER BRAIN BREAST BRONCHUS BUTTOCK CALCANEUS CALF
    CAROTID CEREBELLUM CERVIX CHEEK CHEST CHESTABDOMEN CHESTABDPELVIS CIRCLEOFWILLIS CLAVICLE COCCYX COLON CORNEA
    CORONARYARTERY CSPINE CTSPINE DUODENUM EAR ELBOW ESOPHAGUS EXTREMITY EYE EYELID FACE FEMUR FINGER FOOT
    GALLBLADDER HAND HEAD HEADNECK HEART HIP HUMERUS ILEUM ILIUM IAC JAW JEJUNUM KIDNEY KNEE LARYNX LEG LIVER LSPINE
    LSSPINE LUNG MANDIBLE MAXILLA MEDIASTINUM MOUTH NECK NECKCHEST NECKCHESTABDOMEN NECKCHESTABDPELV NOSE ORBIT
    OVARY PANCREAS PARATHYROID PAROTID PATELLA PELVIS PENIS PHARYNX PROSTATE RECTUM RIB SCALP SCAPULA SCROTUM
    SHOULDER SINUS SJOINT SKIN SKULL SPINE SPLEEN SSPINE STERNUM STOMACH SUBMANDIBULAR TESTIS THIGH THUMB THYMUS
    THYROID TIBIA TLSPINE TMJ TOE TONGUE TRACHEA TSPINE ULNA URETER URETHRA UTERUS VAGINA VULVA WHOLEBODY WRIST
    ZYGOMA
    """.split()
)
"""Terms of BodyPartExamined (PS3.16 Annex L); any other word in it may be a name, and goes."""

MOST_DIGITS = 5
"""A count of series, images or acquisitions with more digits is a number that someone was given."""

MEASURED = re.compile(r"Exposure|Current|Time|Dose|Duration|Pulse|Area|Pressure|Counts|Length|Bytes|Offset")
"""Whole numbers with many digits that are measurements, and no count."""

PALETTES = frozenset(
    f"{segmented}{colour}PaletteColorLookupTable{part}"
    for colour in ("Red", "Green", "Blue", "Alpha")
    for segmented, part in (("", "Data"), ("Segmented", "Data"), ("", "Descriptor"))
)
PIXELS = frozenset("PixelData FloatPixelData DoubleFloatPixelData".split())
"""Kept where the image itself has them: nobody reads what is printed in an image inside a sequence."""
TABLES = {
    "LUTData": "LUTDescriptor",
    **{name: f"{name.removesuffix('Data')}Descriptor" for name in PALETTES if re.match("[RGBA].*Data", name)},
}
"""Tables of numbers, and the element that says how many there are. All other binary elements go: documents, icons,
certificates, padding, profiles."""

DROP_SEQUENCES = frozenset(
    """
    OriginalAttributesSequence ModifiedAttributesSequence DigitalSignaturesSequence MACParametersSequence
    EncryptedAttributesSequence OtherPatientIDsSequence IssuerOfPatientIDQualifiersSequence ReferencedPatientSequence
    ReferencedPatientPhotoSequence RequestAttributesSequence RequestedProcedureCodeSequence IconImageSequence
    PersonIdentificationCodeSequence PhysiciansOfRecordIdentificationSequence InstitutionCodeSequence
    PerformingPhysicianIdentificationSequence OperatorIdentificationSequence VerifyingObserverSequence
    AuthorObserverSequence ParticipantSequence CustodialOrganizationSequence GraphicAnnotationSequence
    CodingSchemeIdentificationSequence ContributingEquipmentSequence DeidentificationMethodCodeSequence
    """.split()
)
"""Sequences whose very subject is who, where and by whom."""

WHERE_ON_EARTH = "GPS"
"""Elements named so say where a photo was taken."""

ABOUT_THE_SUBJECT = frozenset("121029 121030 121031 121032 121033 121034".split())
"""DICOM's codes for content items with the name, number, birth date, sex, age and species of the subject."""

OF_ANY_HOUSE = frozenset(
    "medical center centre hospital clinic university institute department systems health imaging radiology general "
    "healthcare technologies corporation".split()
)
"""Words that hospitals and makers of scanners share."""

EMPTY_IF_PRESENT = frozenset(
    """
    PatientBirthDate PatientSex AccessionNumber StudyID ReferringPhysicianName StudyTime SeriesTime ContentTime
    AcquisitionTime ContentCreatorName
    """.split()
)
"""Type 2 in most kinds of object: they must be there and may be empty."""

DUMMY = {"TextValue": "REMOVED", "PersonName": "REMOVED", "SegmentLabel": "SEGMENT", "RTPlanLabel": "PLAN"}
"""Type 1 where they occur: an empty one would break the file."""

STANDARD_SCHEMES = frozenset("DCM SCT SRT SNM3 UCUM LN RADLEX RFC3066 MDC FMA ISO3166_1 ISO639_1 UMLS".split())
"""Code schemes anyone can look up; the words of a private scheme go."""

CODE_FORMS = {"SCT": r"\d{6,18}", "SRT": r"[A-Z0-9]{1,2}-[A-Z0-9]{3,8}", "SNM3": r"[A-Z0-9]{1,2}-[A-Z0-9]{3,8}",
              "DCM": r"1\d{5}|[A-Z]{2,16}", "LN": r"\d{1,5}-\d", "RADLEX": r"RID\d{1,6}"}  # fmt: skip
"""What codes of a standard scheme look like; something else under its name may be a number of a patient."""

HARMLESS_WORDS = frozenset("anonymous anonymized removed unknown none chest head brain abdomen axial original".split())
"""Descriptions that are one of DICOM's own words; codes with the same word stay."""

NEVER_KEPT_GROUPS = (0x0002, 0x0004)
"""Written again (file meta), or refused (directories)."""


def is_curve_or_overlay(group: int) -> bool:
    """Repeating groups 50xx (curves, with audio) and 60xx (overlays: a second image, often with the name in it)."""
    return group & 0xFF00 in (0x5000, 0x6000)


def is_code(code: str, scheme: str) -> bool:
    """Whether it can be a code of this scheme: its form, and for SNOMED CT and LOINC its check digit."""
    form = CODE_FORMS.get(scheme)
    if form is not None and not re.fullmatch(form, code):
        return False
    if scheme == "SCT":
        return _verhoeff(code)
    return scheme != "LN" or _mod10(code.replace("-", ""))


_TURNS = ("1576283094", "5803796142", "8916043527", "9453126870", "4286573901", "2793806415", "7046913258")


def _verhoeff(digits: str) -> bool:
    """Whether the last digit is Verhoeff's check digit of the others, as in every SNOMED CT identifier."""
    check = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) if place % 8 == 0 else int(_TURNS[place % 8 - 1][int(digit)])
        # The dihedral group of a pentagon: turns and reflections.
        check = _compose(check, value)
    return check == 0


def _compose(one: int, other: int) -> int:
    if one < 5:
        return (one + other) % 5 if other < 5 else 5 + (one + other) % 5
    return 5 + (one - other) % 5 if other < 5 else (one - other) % 5


def _mod10(digits: str) -> bool:
    """Whether the last digit is Luhn's check digit of the others, as in every LOINC code."""
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    return sum(each - 9 * (each > 9) for each in doubled) % 10 == 0
