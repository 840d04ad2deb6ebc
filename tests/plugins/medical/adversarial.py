"""What de-identification is measured on beyond templates: made to be hard, by a seed, about persons who never were.

`sentences` are clinical shorthand with an identity in the places where rules and taggers miss them; half of their
frames were read while rules were made (`DEVELOP`), the others were not. `CLINICAL` has nobody in it. `PLANTED` are
identities in the elements of DICOM files that seem to be codes, numbers or texts about machines.
"""

from __future__ import annotations

import random
import re
from typing import Any, NamedTuple

GIVEN = (
    "Ada Amir Anneke Aoife Beata Bogdan Chidi Darya Eleni Emeka Fatou Goran Hana Ilse Imani Joao Kenji Lena Leila "
    "Marek Maeve Nadia Noor Oskar Paola Quentin Rosa Sanjay Siobhan Tariq Umeko Viktor Wanda Xiomara Yusuf Zofia May "
    "Mark Hope Bill"
).split()
FAMILY = (
    "Abernethy Achterberg Balogun Bjornstad Castellanos Czerny Dimitriou Eriksen Farrukh Garrity Haddad Ivanenko "
    "Jansson Kowalczyk Lindqvist Mbeki Nakagawa O'Rourke Papadakis Quispe Ramaswamy Sorensen Takahashi Underhill "
    "Vasquez Whitlock Ximenes Yamamoto Zeller Brown Young Hart Stone Rivers Wells Long Fields Cross Grant Van-Dyke"
).split()
TOWNS = (
    "Ashbourne Brackwater Carrowmore Dunmere Eastleigh Falkirk Glenview Harrowgate Kelso Larkspur Millbrook Norwood"
).split()
STREETS = "Alder Beech Cedar Dock Elder Foundry Garden Hazel Ivy Juniper Kiln Larch".split()
COMPANIES = "Brightwater Logistics,Halden Steel,Norwick Bakery,Quayside Motors,Tamar Textiles".split(",")
WORDS = "zero one two three four five six seven eight nine".split()
MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()

DEVELOP = (
    "pt {low} c/o chest pain since {weekday}",
    "{CAPS}, {CAPSGIVEN} admitted w/ SOB, EF 35%",
    "spoke w/ {lowgiven} at bedside re: code status",
    "wife {given} at bedside, questions answered",
    "daughter {lowgiven} to pick up at discharge",
    "d/w Dr {family} re: INR 3.2, hold warfarin",
    "per {family} RN, pt slept well",
    "signed: {initials} {family} MD",
    "{family}/{family2} team to follow",
    "MRN{mrn} seen in clinic",
    "mrn # {spacedmrn}, BP 130/80",
    "dob {slashdate}, no known allergies",
    "DOB: {dotdate} K 4.1 Na 138",
    "{age90} yo M s/p fall",
    "{age90}F from {town} w/ hip fx",
    "pt is {age90}, lives alone in {town}",
    "tel {phone}, leave message w/ {given}",
    "cell: {dotphone} (sister)",
    "lives at {number} {street} St, {town}",
    "address {number} {street} Rd {town} {postcode}",
    "email {email} for results",
    "works at {company} as a welder",
    "employed by {company}, off work 2 wks",
    "transferred from {town} General on {monthday}",
    "seen in ED at St. {given}'s last {weekday}",
    "SSN {ssn} verified",
    "insurance id {idnumber} active",
    "acct {idnumber}, copay due",
    "pacer s/n {serial}, interrogated, HR 72",
    "{given}'s mother reports fever 38.4",
    "Mr {low} was seen, troponin 0.04",
    "Ms. {CAPS} refused meds",
    "hx per {given} {family} (son)",
    'pt known as "{given}" to staff',
    "next appt {isodate} w/ {family}",
    "last seen {monthday} by {initials} {family}",
    "f/u {slashdate} in {town} clinic",
    "{given} {initials} {family} is a 54M with COPD",
    "cc: Dr. {given} {family}, {town}",
    "faxed to {phone} attn {family}",
)
HELD_OUT = (
    "patient {low} reports dyspnea x3 days",
    "{CAPS} {CAPSGIVEN} - CHF exacerbation, BNP 900",
    "called {lowgiven}, no answer, will retry",
    "husband {given} present, consents",
    "son {lowgiven} holds POA",
    "paged Dr. {family} about K 2.9",
    "report given to {given} {family} RN at 0700",
    "attending: {initials}{initials2} {family}",
    "consult {family} group, GI bleed",
    "Med rec no {mrn}, room 12",
    "chart {spacedmrn} pulled, Hb 9.8",
    "born {slashdate}, G2P1",
    "d.o.b. {isodate}; Cr 1.1",
    "{age90}-yr-old lady, NWB left leg",
    "{age90}M, DNR/DNI, lives with son in {town}",
    "age {age90}, mild dementia",
    "phone {phone} after 5pm",
    "home # {dotphone}, ask for {given}",
    "resides {number} {street} Lane, {town}",
    "mail to {number}B {street} Ave, {town} {postcode}",
    "contact {email} re: biopsy",
    "retired from {company} in {town}",
    "injured at {company} plant",
    "arrived from {town} by EMS on {monthday}",
    "prior surgery at {town} Memorial {monthyear}",
    "social security {ssn} on file",
    "policy {idnumber} lapsed",
    "licence {idnumber} suspended for seizures",
    "device serial {serial} recalled",
    "{given}'s dad says rash x2 days",
    "Mrs {low} c/o nausea, given ondansetron 4 mg",
    "Mr. {CAPS} ambulating, O2 sat 94%",
    "info from {given} {family} (niece)",
    "goes by {given}, prefers morning visits",
    "return {isodate} to see Dr {family}",
    "admitted {monthday}, {family} to dictate",
    "repeat CT {slashdate} at {town}",
    "{given} {family}-{family2}, 61F, DM2 on metformin",
    "copy to {given} {family} in {town}",
    "left vm at {phone} for {family}",
)
CLINICAL = """
QRS 92 ms, QTc 440 ms, PR 160 ms
Troponin T 14 ng/L, CK-MB 3.2 ng/mL
Hb 101 g/L, Plt 250, WBC 7.8
Na 138 K 4.1 Cl 101 HCO3 24
Cr 1.1 mg/dL, eGFR 62, BUN 18
INR 2.3 on warfarin 5 mg daily
HbA1c 48 mmol/mol, glucose 182
EF 35%, LVEDP 18 mmHg
Grade 2 systolic murmur, NYHA III
Stage IIIB, T2 N1 M0
BP 120/80, HR 72, RR 16, SpO2 98%
GCS 15, pupils 3 mm
Temp 38.1, MAP 75
pH 7.35, PaCO2 40
Apgar 8 and 9 at 5 minutes
ASA 3, Mallampati 2
L4-L5 disc, C5-C6 stenosis
metformin 1000 mg BID, lisinopril 10 mg
Hct 38, MCV 88, ferritin 12
CRP 14 mg/L, ESR 30 mm/h
TSH 2.1, T4 normal
Gleason 3+4, PSA 6.2
vancomycin trough 15, day 3
oxygen 2 L by nasal cannula
wound 3 x 2 cm, clean
"""
"""Nobody is in it: 119 words, each of which should stay."""


class Sentence(NamedTuple):
    """A sentence, and (start, end, kind) of what identifies in it."""

    text: str
    spans: list[tuple[int, int, str]]


def sentences(frames: tuple[str, ...], count: int, seed: int) -> list[Sentence]:
    """`count` sentences, the frames in turn, with somebody new in each."""
    rng = random.Random(seed)
    return [_filled(frames[at % len(frames)], rng) for at in range(count)]


def leaks(sentence: Sentence, spans: Any) -> bool:
    """Whether a letter or digit of what identifies is in no span."""
    hidden = {at for span in spans for at in range(span[0], span[1])}
    return any(
        sentence.text[at].isalnum() and at not in hidden for start, end, _ in sentence.spans for at in range(start, end)
    )


def clinical_words(spans_of: Any) -> tuple[int, int, list[str]]:
    """How many words of `CLINICAL` stay, of how many, and which do not."""
    words, lost = 0, []
    for line in CLINICAL.strip().splitlines():
        hidden = {at for span in spans_of(line, []) for at in range(span[0], span[1])}
        for match in re.finditer(r"[\w/.+%-]*\w[\w/.+%-]*", line):
            words += 1
            if hidden & set(range(*match.span())):
                lost.append(match[0])
    return words - len(lost), words, lost


def planted(keyword: str, held: Any) -> bytes:
    """A DICOM file with an identity in one element; a code or its meaning in the item of a sequence."""
    import pydicom

    from duomo_medical.phantom import dicom_bytes

    if keyword == "Modality":
        return dicom_bytes(modality=held)
    if keyword not in ("CodeValue", "CodeMeaning"):
        return dicom_bytes(**{keyword: held})
    item: Any = pydicom.Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = "T-D1100", "SRT", "Head"
    setattr(item, keyword, held)
    return dicom_bytes(AnatomicRegionSequence=[item])


def _filled(frame: str, rng: random.Random) -> Sentence:
    values = _values(rng)
    text, spans, end = "", [], 0
    for match in re.finditer(r"\{(\w+)\}", frame):
        text += frame[end : match.start()]
        value = values[match[1]]
        spans.append((len(text), len(text) + len(value), match[1]))
        text, end = text + value, match.end()
    return Sentence(text + frame[end:], spans)


def _values(rng: random.Random) -> dict[str, str]:
    given, family, other = rng.choice(GIVEN), rng.choice(FAMILY), rng.choice(FAMILY)
    digits = "".join(str(rng.randrange(1, 10)) for _ in range(20))
    day, month, year = rng.randint(1, 28), rng.randint(1, 12), rng.randint(1930, 2024)
    return {
        "given": given, "family": family, "family2": other, "low": family.lower(), "lowgiven": given.lower(),
        "CAPS": family.upper(), "CAPSGIVEN": given.upper(), "initials": f"{given[0]}.", "initials2": f"{other[0]}.",
        "town": rng.choice(TOWNS), "street": rng.choice(STREETS), "number": digits[:3], "postcode": digits[:5],
        "company": rng.choice(COMPANIES), "mrn": digits[:7], "spacedmrn": f"{digits[:3]} {digits[3:6]} {digits[6:8]}",
        "slashdate": f"{month}/{day}/{year}", "dotdate": f"{day:02}.{month:02}.{year}",
        "isodate": f"{year}-{month:02}-{day:02}", "monthday": f"{MONTHS[month - 1]} {day}",
        "monthyear": f"{MONTHS[month - 1]} {year}", "weekday": rng.choice(["Monday", "Tuesday", "Friday", "Sunday"]),
        "age90": str(rng.randint(90, 104)), "phone": f"{digits[:3]}-555-{digits[3:7]}",
        "dotphone": f"{digits[:3]}.555.{digits[3:7]}",
        "email": f"{given}.{family}@example.org".lower().replace("'", ""),
        "ssn": f"{digits[:3]}-{digits[3:5]}-{digits[5:9]}", "idnumber": f"{other[0].upper()}{digits[:8]}",
        "serial": f"PJN{digits[:6]}S",
    }  # fmt: skip


PLANTED: tuple[tuple[str, Any], ...] = (
    # Codes that are words of somebody's own.
    ("BodyPartExamined", "QUAGGA"), ("CodeValue", "4471983"), ("CodeMeaning", "Quagga protocol"),
    ("ScanningSequence", "QUAGGA"), ("SequenceVariant", "QUAGGA"), ("ScanOptions", "QUAGGA JO"),
    ("PatientPosition", "QUAGGA"), ("Laterality", "Q QUAGGA"), ("ViewPosition", "QUAGGA"),
    ("ImageType", ["ORIGINAL", "PRIMARY", "QUAGGA"]), ("Modality", "QUAGGA"), ("ConversionType", "QUAGGA"),
    ("PresentationIntentType", "QUAGGA"), ("AcquisitionType", "QUAGGA"), ("RescaleType", "QUAGGA"),
    # Numbers that were given to somebody.
    ("SeriesNumber", "4471983"), ("AcquisitionNumber", "4471983"), ("InstanceNumber", "4471983"),
    ("ImagesInAcquisition", "4471983"), ("TemporalPositionIdentifier", "4471983"), ("StackID", "4471983"),
    ("EchoNumbers", "4471983"), ("NumberOfTemporalPositions", "4471983"), ("PatientWeight", "93.4242"),
    ("PatientSize", "1.934242"), ("BarcodeValue", "4471983"), ("AccessionNumber", "4471983"),
    # Texts about machines and methods.
    ("Manufacturer", "Quagga Imaging"), ("ManufacturerModelName", "Quagga's scanner"), ("SequenceName", "quagga_t2"),
    ("ProtocolName", "Quagga head"), ("SeriesDescription", "Quagga follow-up"), ("StudyDescription", "Quagga CT"),
    ("SoftwareVersions", "quagga-1"), ("ConvolutionKernel", "QUAGGA30"), ("FilterType", "QUAGGA"),
    ("StationName", "QUAGGAWS"), ("DeviceSerialNumber", "4471983"), ("ImageComments", "seen by Quagga"),
    ("PatientComments", "Quagga, J."), ("AdditionalPatientHistory", "Quagga fell"),
    ("DerivationDescription", "for Quagga"),
    ("ContrastBolusAgent", "Quagga 300"), ("ReasonForStudy", "Quagga"), ("AdmittingDiagnosesDescription", "Quagga"),
    # Persons, places and times.
    ("OperatorsName", "Quagga^Jo"), ("PerformingPhysicianName", "Quagga^Jo"), ("OtherPatientIDs", "4471983"),
    ("PatientAddress", "4 Quagga Lane"), ("MilitaryRank", "Quagga"), ("Occupation", "quagga keeper"),
    ("EthnicGroup", "Quagga"), ("PatientTelephoneNumbers", "555-4471983"), ("InstitutionAddress", "Quagga St"),
    ("InstitutionalDepartmentName", "Quagga ward"), ("CurrentPatientLocation", "Quagga 4"),
    ("IssuerOfPatientID", "QUAGGA"), ("PatientAge", "093Y"),
)  # fmt: skip
"""Keyword and what is planted there; ``CodeValue`` and ``CodeMeaning`` stand in the item of a sequence."""
TELL = re.compile(rb"quagga|4471983|93\.?4242|093y", re.IGNORECASE)
"""What must be nowhere in a file that was passed on."""
