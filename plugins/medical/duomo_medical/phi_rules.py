"""Identifying text that has a shape: numbers, addresses, dates, titles, and names by what stands before them."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from duomo_medical.plain import without_accents

_MONTHS = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?|"
    r"Nov(?:ember)?|Dec(?:ember)?)"
)
_NAME = r"(?-i:[A-ZÀ-ÞŠŽĐŁ])[\w'’\-]+"
_NAMES = rf"{_NAME}(?:[ ]+(?:(?-i:[A-Z])\.?[ ]+)?{_NAME}){{0,3}}"
_TITLES = r"(?:Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Sir|Dame|Rev|Capt|Sgt|Nurse|Sister)\.?"
_STREETS = (
    r"(?:Street|St|Avenue|Ave|Road|Rd|Lane|Ln|Drive|Dr|Court|Ct|Boulevard|Blvd|Way|Place|Pl|Square|Sq|Highway|Hwy|"
    r"Trail|Terrace|Parkway|Pkwy|Circle|Crescent|Close|Row|Walk|Gate|Hill|Grove)"
)
_PARTICLE = (
    r"(?:an|am|im|zum|zur|auf|v|u|na|pri|pod|nad|ob|sur|sous|les?|la|las|los|el|des?|du|d[aeio]s?|del|dell[aeo]|degli|"
    r"dalla|van|von|der|den|het|ter|ten|op|y|e|and|the|of|upon)"
)
_WORD = rf"(?:(?-i:{_PARTICLE})|d['’]\w+|(?-i:[A-ZÀ-ÞŠŽĐŁΑ-Ω])[\w'’.\-]{{0,30}})(?!\w)"
_STREET_OF = (
    r"(?:ul\.|ulica|trg|cesta|rue|quai|cours|chemin|impasse|allée|route de|avenue d[eu]|viale|vicolo|piazza|"
    r"corso|calle|avenida|plaza|paseo|camino|rua|travessa|praça|estrada)"
)
"""Words for a street that stand before its name, as in "rue de la Paix"."""
_OF_STREET = (
    r"(?:utca|(?-i:u\.)|útja|út|tér|tere|körút|krt\.|fasor|rakpart|rkp\.|kapu|ulica|ulice|vei|"
    r"veien|gata|gatan|vej|gade|väg|vägen|tee|tänav|str\.|strasse|straße|weg|allee|chaussee|terrasse|laan|straat|plein|etorbidea|kalea)"
)
"""Words for a street that stand behind its name, as in "Bécsi utca"."""
_PART = rf"(?:{_WORD}|(?-i:{_STREET_OF}|{_OF_STREET})|\"[\w ]+\")"
_TOWN = rf"(?:{_WORD}|\d\b)"
_VALUES = r"(?:HR|RR|BP|MAP|WBC|RBC|Hb|Hgb|Plt|CK|LDH|ALT|AST|ALP|CRP|BNP|BUN|Na|K|Cl|Cr|Ca|Mg|INR|PSA|TSH)"
_POSTCODE = (
    r"(?:\d{2}-\d{3}|\d{3}[ ]\d{2}|\d{4}-\d{3}|\d{5}-\d{3,4}|\d{4}[ ]?(?-i:[A-Z]{2})|\d{4,6}|"
    r"[A-Z]{1,2}\d[A-Z\d]?[ ]?\d[A-Z]{2}|[A-Z]\d[A-Z][ ]?\d[A-Z]\d)\b"
)
_HOUSE = r"\d{1,5}[a-zA-Z]?\b\.?"
_FLAT = r"\.?[ ]*#?[ ]*(?:(?=\w*\d)\w{1,5}|(?-i:[A-Z]))\b"
_UNIT = (
    r"(?:mg|mcg|ug|kg|lbs?|mL|dL|cm|mm|mmHg|bpm|mmol|IU|units?|tablets?|doses?|weeks?|months?|days?|hours?|minutes?)"
)
_TOP_LEVEL = r"(?:com|org|net|edu|gov|io|info|biz|[a-z]{2})"
_NUMBERED = r"(?:MRN|SSN|ID|record|account|card|license|licence|policy|case|accession)"
_COUNT = r"(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)"
_BEFORE_A_NAME = (
    r"(?:name(?:d| is|'s|\?)?|called|calls? me|I'm|I am|this is|patient|mother|father|daughter|son|wife|husband|"
    r"guardian|signed|attending|seen by|dear|hi|hello)"
)
_NOBODY = (
    r"(?:I|You|He|She|It|We|They|Who|That|This|There|One|Some|Any|Every|No|Pt|Pts|Patients?|Mother|Father|Mom|Dad|"
    r"Parents?|Wife|Husband|Spouse|Partner|Daughters?|Sons?|Brother|Sister|Sibling|Family|Friend|Child|Baby|Caregiver|"
    r"Nurse|Doctor|Staff|Team|Never|Now|Also|Still|Currently|Previously|Formerly|Recently|"
    r"\w*body|(?:any|some|every)one|Physician|Clinician|Therapist|Pharmacist|Reports?|Charts?|Records?|Letter|Study|Scan)"
)
_DOES = (
    r"(?:live[sd]|reside[sd]|say|says|said|tells|told|asked|thinks|loves|married|grew up|was born|works (?:for|at|as)|"
    r"is an? (?:\w+ ){0,2}(?:person|man|woman|boy|girl)|has (?:two|three|four|no) (?:children|daughters|sons))"
)
"""What only persons do."""
_NO_NAME = (
    r"(?:the|his|her|their|a|an|is|was|who|has|had|and|or|of|in|on|at|to|no|not|any|pt|patient|family|staff|team|nursing|"
    r"nurse|rn|md|dr|wife|husband|mother|father|son|daughter|sister|brother|ems|icu|ed|ortho\w*|cardio\w*|neuro\w*|"
    r"surg\w*|pharm\w*|radiol\w*|consult\w*|also|still|again|often|now|then|reports?|denies|states|refus\w+|c/o|"
    r"present\w*|will|would|can|could|should|may|is|to|protocol|policy|report|chart|night|day|morning|evening|primary|care|provider|physician|doctor)"
)
"""What stands behind such words and is nobody."""
_HEADINGS = (
    r"(?:Assessment|Plan|Impression|Findings?|History|Hx|HPI|PMH|PSH|Subjective|Objective|Labs?|Vitals?|Exam|"
    r"Medications?|Meds|Allerg(?:y|ies)|Diagnos[ie]s|Discharge|Procedure|Indication|Technique|Comparison|Comments?|Notes?|Review|"
    r"Chief|Social|Family|Physical|Hospital|Course|Disposition|Recommendations?|Summary)"
)
_STATES = (
    r"(?-i:A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|PA|RI|S[CD]|T[NX]|UT|V[AT]|"
    r"W[AIVY])"
)
_FIRM = (
    r"(?-i:Inc|Corp|Corporation|Ltd|LTD|Limited|LLC|LLP|PLC|Plc|GmbH|AG|SA|NV|CO|Bancorp|Holdings?|Trust|ETF|ETN|Fund|"
    r"CORPORATION|INC|CORP)"
)

RULES: tuple[tuple[str, str], ...] = (
    ("EMAIL", r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+"),
    ("URL", r"(?:https?://|www\.)\S+"),
    ("URL", rf"(?<![\w-])(?<!\w\.)[\w-]+(?:\.[\w-]+)*\.{_TOP_LEVEL}(?:\.[a-z]{{2}})?(?:/\S*)?\b"),
    ("IP", r"\b(?:\d{1,3}\.){3}\d{1,3}\b|\b(?:[0-9a-f]{0,4}:){3,7}[0-9a-f]{1,4}\b"),
    ("ACCOUNT", r"\b[A-Z]{2}\d{2}(?:[ ]?[A-Z0-9]{2,4}){3,8}\b"),
    ("ID", r"\b\d{3}-\d{2}-\d{4}\b"),
    ("DATE", r"\b\d{1,4}(?:-\d{1,2}-|/\d{1,2}/|\.\d{1,2}\.)\d{1,4}\b(?:[T ]\d{1,2}:\d{2}(?::\d{2})?)?"),
    # A day and a month without a year, where a nought tells them from a share or a blood pressure.
    ("DATE", r"(?<![\d/.])(?:\d{2}/0[1-9]|0[1-9]/(?!10)(?:[12]\d|3[01]))(?![\d/]|[ ]?%)"),
    # A month of a year: 5/2024, 2024-05.
    (
        "DATE",
        r"(?<![\w/.,-])(?:(?:0?[1-9]|1[0-2])[/-](?:19|20)\d\d|(?:19|20)\d\d[/-](?:0[1-9]|1[0-2]))(?![\w/-]|[.,]\d)",
    ),
    ("DATE", rf"\b\d{{1,2}}(?:st|nd|rd|th)?[ ]+(?:of[ ]+)?{_MONTHS}\b\.?(?:,?[ ]+\d{{4}})?"),
    ("DATE", rf"\b\d{{1,2}}[-/.]{_MONTHS}\b(?:[-/.]\d{{2,4}}\b)?|\b\d{{1,2}}{_MONTHS}\d{{2,4}}\b"),
    ("DATE", rf"\b{_MONTHS}\b\.?[ ]+\d{{1,2}}(?:st|nd|rd|th)?(?:,?[ ]+\d{{4}})?|\b{_MONTHS},?[ ]+\d{{4}}"),
    ("DATE", r"\b(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day\b"),
    ("AGE", r"\b(?:9\d|1[01]\d)(?=[ -]*(?:years?|yrs?|yo\b|y/o|y\.o))"),
    # Shorthand: 96M, 93F. A temperature of 98F is none.
    ("AGE", r"(?<![\d.,/])(?<!\bT )(?<!\bT: )(?<!\btemp )(?<!\btemp: )(?:9\d|1[01]\d)(?=(?-i:[MF])\b)"),
    ("AGE", r"(?<![\d.,/])(?:9\d|1[01]\d)(?=[ -]?(?:males?|females?|man|woman|gentleman|lady)\b)"),
    ("AGE", r"\b(?:aged?|age of|turn(?:s|ed|ing)?)[: ]+(9\d|1[01]\d)\b(?!%|\.\d)"),
    ("AGE", r"\b(?:d\.|died|deceased)(?: at| aged)?[ ]+(9\d|1[01]\d)\b"),
    ("AGE", rf"\b(?:pt|patient|he|she|who) (?:is|was) (9\d|1[01]\d)\b(?!%|[./]\d|[ ]?{_UNIT}\b)"),
    ("AGE", rf"\b(?:ninety|(?:a |one )?hundred)(?:[ -](?:and[ ])?{_COUNT})?(?=[ -]*(?:years?|yrs?)\b)"),
    ("PHONE", r"(?<![\w.])(?=[(+]{0,2}\d(?:[^\w\n]{0,4}\d){5})\(?\+?\d[\d().\-/ x]{5,24}\d(?!\w|\.\d)"),
    ("ID", rf"\b{_NUMBERED}\b[ ]*(?:number|no\.?|num|nr|#)?[ ]*(?:is|:|#)?[ ]*([A-Z]{{0,3}}[ -]?\d[\w-]{{3,}})"),
    ("ID", r"\b(?-i:(?=[A-Z0-9-]{0,40}\d)(?=[A-Z0-9-]{0,40}[A-Z])[A-Z0-9][A-Z0-9-]{5,})\b"),
    ("NUMBER", r"(?<![\w.,])(?!(?:19|20)\d\d\b)\d{4,}(?!\w)"),
    ("ADDRESS", r"\bP\.?[ ]?O\.?[ ]?Box[ ]+\d+\b"),
    ("ADDRESS", rf"\b(?:Apt|Suite|Unit|Room|Floor|Flat|Ste)\b{_FLAT}"),
    ("ADDRESS", rf"\b\d{{1,5}}[a-zA-Z]?[ ]+(?:{_NAME}[ ]+){{0,3}}{_STREETS}\b\.?"),
    ("ADDRESS", rf"\b(?:{_NAME}[ ]+){{1,3}}{_STREETS}\b\.?"),
    ("ADDRESS", r"\b[A-Z]{1,2}\d[A-Z\d]?[ ]?\d[A-Z]{2}\b|\b\d{5}(?:-\d{3,4})?\b"),
    ("ADDRESS", r"\b\d{4}[ ]?(?-i:[A-Z]{2})\b|\b[A-Z]\d[A-Z][ ]?\d[A-Z]\d\b"),
    # A street and its number, and on the next line a town and its code.
    (
        "ADDRESS",
        rf"(?<!\w)(?!{_HEADINGS}\b)(?:P\.?O\.? Box|(?:{_HOUSE}[ ,]+)?{_PART}(?:[ ]+{_PART}){{0,7}}+)(?:[ ]+{_HOUSE})?"
        rf"\n{_TOWN}(?:[ ]+{_TOWN}){{0,5}}+,[ ]*(?!{_VALUES}\b)(?:(?-i:[A-Z\d]{{1,4}})[ ]+)?{_POSTCODE}"
        rf"(?![ ]*{_UNIT}\b)",
    ),
    (
        "ADDRESS",
        rf"\b(?:{_HOUSE}[ ,]+)?(?:{_STREET_OF}|(?-i:Via))[ ]+(?:{_PARTICLE}[ ]+(?:\w+[ ]+)?){{0,3}}"
        rf"{_NAME}(?:[ ]+{_NAME}){{0,3}}(?:[ ]+{_HOUSE})?",
    ),
    ("ADDRESS", rf"\b(?:{_STREET_OF}[ ]+[^\W\d]{{4,}}[ ]+{_HOUSE}|{_HOUSE}[ ]+{_STREET_OF}[ ]+[^\W\d]{{4,}})"),
    (
        "ADDRESS",
        rf"\b(?:{_HOUSE}[ ]+)?(?:{_WORD}[ ]+){{0,3}}{_NAME}[ ]+(?:[^\W\d]+[ ]+)?{_OF_STREET}(?!\w)(?:[ ]+{_HOUSE})?",
    ),
    # The lines below a flat: town, state, code.
    (
        "ADDRESS",
        rf"\b(?:Apt|Suite|Flat|Ste)\b{_FLAT}((?:\W*\n[^\w\n]*(?!{_HEADINGS}\b)(?:{_WORD}[ ]*){{1,5}}"
        rf"(?:{_POSTCODE})?(?=\s*(?:\n|$))){{1,3}})",
    ),
    # From Mobile, AL. Many states are written as a test or a finding is.
    (
        "ADDRESS",
        rf"\b(?:in|from|at|near|of|to)[ ]+({_NAME}(?:[ ]+{_NAME}){{0,2}},[ ]*{_STATES})(?=[ ]*(?:[.;)]|\d{{5}}|\n|$))",
    ),
    (
        "ORGANIZATION",
        rf"\b{_NAME}[,.]?[ ]+(?:(?:{_NAME}|(?-i:[A-Z])|&|and|of|for|the|\d+|\(\w+\))[,.]?[ ]+){{0,7}}{_FIRM}\b\.?"
        r"(?:[ ]+(?-i:[A-Z\d][A-Z\d.%]*)(?!\w))*",
    ),
    ("PERSON", rf"\b{_TITLES}[ ]+({_NAMES})"),
    ("PERSON", rf"\b{_BEFORE_A_NAME}[:, ]+({_NAMES})"),
    # As it is typed at the bedside: no capitals.
    ("PERSON", rf"\b(?:mr|mrs|ms|miss|dr|drs|prof)\.?[ ]+(?!{_NO_NAME}\b)([^\W\d_][\w'’\-]+)"),
    ("PERSON", rf"\b(?:w/|with|from|per)[ ]+(?!{_NO_NAME}\b)([^\W\d_]['’\w\-]+)(?=[ ]+at bedside\b)"),
    (
        "PERSON",
        rf"\b(?:pt|patient|son|daughter|wife|husband|mother|father|sister|brother|niece|nephew)[ ]+"
        rf"(?!{_NO_NAME}\b)([^\W\d_]['’\w\-]{{2,}})(?=[ ]+"
        rf"(?:c/o|reports?|refus\w+|holds|denies|states|to pick|present\b|(?:(?:was|is) )?(?:updated|informed|notified"
        rf"|aware|contacted|visiting|visited|phoned|rang|called|keen|brought|drove|asking|asked|wants|helps)\b))",
    ),
    (
        "PERSON",
        rf"\b(?:called|spoke (?:w/|with|to)|paged|d/w)[ ]+(?!{_NO_NAME}\b)([^\W\d_]['’\w\-]+)(?=,| (?:at|re|about)\b)",
    ),
    ("PERSON", r"(?m:^)(?-i:([A-Z][A-Z'’\-]{2,}, [A-Z]{2,}))(?=[ ])"),
    ("PERSON", r"\b(?-i:([A-Z][a-z'’\-]+/[A-Z][a-z'’\-]+))(?=[ ]+(?:team|group|service)\b)"),
    ("PERSON", rf"\b(?!{_NOBODY}\b)({_NAME}(?:[ ]+{_NAME})?)(?=[ ]+{_DOES}\b)"),
    # Who writes in a chat: [09:14] kdimitriou: hello
    ("PERSON", rf"(?m:^)\[?\d{{1,2}}:\d{{2}}\]?[ ]+(?!{_NO_NAME}:)([\w.\-]+)(?=:[ ])"),
    ("PERSON", rf"(?m:^)[^\w\n]*(?!(?:{_NOBODY}|{_HEADINGS})\b)({_NAME})(?=:[ ]*[\"“])"),
)
"""Kind and pattern, without regard to case; where there is a group, only the group is meant."""

_COMPILED = [(kind, re.compile(pattern, re.IGNORECASE)) for kind, pattern in RULES]
_MEASURED = (
    r"(?-i:QRS|QTc?|PR|RR|HR|BP|MAP|CVP|EF|LVEF|Hb|Hgb|HGB|Hct|HCT|WBC|RBC|Plt|PLT|MCV|Na|K|Cl|Ca|Mg|Phos|Cr|BUN|eGFR|INR|PTT?|"
    r"aPTT|BNP|CRP|ESR|TSH|A1c|HbA1c|pH|[pP][aA]?C?O2|Sp?O2|SaO2|FiO2|PEEP|GCS|BMI|PSA|AST|ALT|ALP|GGT|LDH|CK(?:-MB)?|LDL|HDL|"
    r"LVEDP|PCWP|SBP|DBP|T4|T3|FT4|MELD|Mallampati|Killip|Fitzpatrick|Child-Pugh|"
    r"NYHA|ASA|Apgar|EDSS|MMSE|ECOG|CHA2DS2-VASc|HCO3|Troponin [TI]|Troponin|Ferritin|Lactate|Glucose|Creatinine|Grade|"
    r"Stage|Class|Gleason|Temp)"
)
"""What is measured in a note, as it is written before its number."""
_OF_A_TEST = rf"(?-i:ms|[mnpuµf]?g|[mun]?mol|mEq|[mk]?U|IU|fL|%|mmHg|{_UNIT})(?:/(?-i:d?L|m[lL]|mol|kg|min|hpf))?"
_MEASUREMENTS = re.compile(
    rf"\b{_MEASURED}\b[ ]?[:=]?[ ]?[<>~]?\d{{1,4}}(?:[.,]\d+)?(?:[ ]?{_OF_A_TEST})?(?!\w|[-/]\d)"  # QRS 92 ms
    rf"|\b\d+(?:[.,]\d+)?[ -]?{_UNIT}(?:/{_UNIT})?\b"  # 182 mg/dL
    r"|\b\d+(?:[.,]\d+)?[ ]?%"
    r"|\b\d+(?:[.,]\d+)?[ ]?(?-i:L|mm/h|L/min)(?!\w)"  # 2 L by nasal cannula
    rf"|\b{_MEASURED}[ ](?-i:[IV]{{1,3}}[ABCabc]?|normal|negative|positive)(?!\w)"  # NYHA III
    r"|(?-i:\b(?:[cpy]{0,2}T[0-4][a-d]?|[cpy]{0,2}N[0-3][a-c]?|[cpy]{0,2}M[01])(?=[ ,.;]|$))"  # T2 N1 M0
    r"|(?-i:\b(?:C[1-8]|T(?:1[0-2]|[1-9])|L[1-6]|S[1-5])(?:[-/][CTLS]?\d{1,2})?(?![\w]|-\d))"  # L4-L5
    r"|\b(?!0)\d{2,3}/(?!0)\d{2,3}\b(?![/\d])"  # a blood pressure
    r"|(?-i:\bG\d{1,2}[ ]?P\d{1,2}\b)"  # pregnancies and births
    r"|(?<!\d)[1-8]?\d[ -](?:years?|yrs?)(?:[ -]old)?\b",  # ages of 90 and more identify
    re.IGNORECASE,
)


class Span(NamedTuple):
    """A piece of text that identifies: text[start:end]."""

    start: int
    end: int
    kind: str


def by_shape(text: str) -> Iterator[Span]:
    """Everything in a text that looks like an identifier."""
    for kind, pattern in _COMPILED:
        for match in pattern.finditer(text):
            yield Span(*match.span(1 if pattern.groups else 0), kind)


def without_measurements(text: str, spans: Iterable[Span]) -> Iterator[Span]:
    """Spans with doses, values with units, blood pressures and ages below 90 cut out: a note is for medicine."""
    measured = [match.span() for match in _MEASUREMENTS.finditer(text)]
    ends, starts = [last for _, last in measured], [first for first, _ in measured]
    for span in spans:
        start = span.start
        within = measured[bisect_right(ends, start) : bisect_right(starts, span.end)]
        for first, last in [*within, (span.end, span.end)]:
            if last <= start:
                continue
            if any(letter.isalnum() for letter in text[start:first]):
                yield Span(start, first, span.kind)
            start = max(start, last)


def known(text: str, identifiers: list[str]) -> Iterator[Span]:
    """Every place of what the chart knows of the patient, whole or word by word, without regard to case and accents."""
    bare = without_accents(text)
    for identifier in map(without_accents, identifiers):
        for word in {identifier.strip(), *re.split(r"[\s,;^]+", identifier)}:
            if len(word) > 2:
                for match in re.finditer(rf"(?<!\w){re.escape(word)}(?!\w)", bare, re.IGNORECASE):
                    yield Span(*match.span(), "KNOWN")
