"""What may stay in a DICOM header: a profile that keeps what it knows to be harmless, and nothing else.

After the Basic Application Level Confidentiality Profile of DICOM PS3.15 Annex E (edition 2025c), with the options
Clean Pixel Data and Retain Longitudinal Temporal Information With Modified Dates. The standard lists what to remove
and changes every year; this lists what to keep, so that an element nobody thought of goes. Stricter than the
standard: no free text stays, and no time of day.
"""

from __future__ import annotations

import re

EDITION = "PS3.15 2025c, basic profile by allow list 1"
"""Written into each file, so that it can be told by which rules it was cleaned."""

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
"""Of type CS, and about the patient, or written by hand."""

DROP_NUMBERS = frozenset(
    """
    PatientSize PatientWeight PregnancyStatus PatientBodyMassIndex MeasuredAPDimension MeasuredLateralDimension
    PatientAgeInt NumberOfPatientRelatedStudies NumberOfPatientRelatedSeries NumberOfPatientRelatedInstances
    """.split()
)

PALETTES = frozenset(
    f"{segmented}{colour}PaletteColorLookupTable{part}"
    for colour in ("Red", "Green", "Blue", "Alpha")
    for segmented, part in (("", "Data"), ("Segmented", "Data"), ("", "Descriptor"))
)
PIXELS = frozenset("PixelData FloatPixelData DoubleFloatPixelData".split())
"""Kept where the image itself has them: nobody reads what is printed in a picture inside a sequence."""
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

HARMLESS_WORDS = frozenset("anonymous anonymized removed unknown none chest head brain abdomen axial original".split())
"""Descriptions that are one of DICOM's own words; codes with the same word stay."""

NEVER_KEPT_GROUPS = (0x0002, 0x0004)
"""Written anew (file meta), or refused (directories)."""


def is_curve_or_overlay(group: int) -> bool:
    """Repeating groups 50xx (curves, with audio) and 60xx (overlays: a second picture, often with the name in it)."""
    return group & 0xFF00 in (0x5000, 0x6000)
