"""Words of medicine and persons told by what stands beside them: a dose, a list, a score; a verb of persons."""

from __future__ import annotations

import re

_DOSE = re.compile(
    r"[ ]+(?:(?:\d+(?:[.,]\d+)?(?:/\d+(?:[.,]\d+)?)?[ ]?(?:mg|mcg|g|u|units?|ml|mL|%|tabs?|caps?|puffs?|gtts?|drops?|"
    r"IVP?|IM|SQ|PO|PR)"
    r"|gtts?|drip|patch|cream|ointment|inhaler|nebs?|shot|pump|mask|qhs|qd|qam|qpm|q\d{1,2}h?|BID|TID|QID|bid"
    r"|tid|qid|PRN|"
    r"prn|IVP|IV|IM|SQ|PO|PR|OU|x\d{1,2}d?)(?!\w)"
    r"|\d+(?:[.,]\d+)?(?:/\d+(?:[.,]\d+)?)?[ ]+(?:daily|weekly|nightly|BID|TID|QID|bid|tid|qhs|qd|PRN"
    r"|q\d{1,2}h?)(?!\w))"
)
"""What follows a drug."""
_LISTED = re.compile(
    r"(?:\b(?:[Tt]akes|[Tt]aking|[Uu]ses|[Ss]tart(?:ed|ing)?|[Ss]top(?:ped)?|[Rr]esumed?|[Cc]ontinued?|[Hh]old"
    r"|[Hh]olding|[Rr]eceived|"
    r"(?:[Ss]witched|[Cc]hanged|[Aa]llergic|[Ii]ntolerant) to|s/p)[ ]+"
    r"|\b(?:[Aa]llerg(?:y|ies)|[Mm]eds?|[Mm]edications?|Rx|PMHx?|PSH|Hx|Dx|Ddx|Labs|Vaccines?|Imaging"
    r"|Findings?)[ ]*:[ ]*)"
    r"(?P<list>(?:[^\s,;.:+&/]+(?:[ ](?!(?:by|per|with|w/|for|from"
    r"|on)\b)[^\s,;.:+&/]+){0,4}(?:[ ]*[,;+&][ ]*(?:then[ ]+|and[ ]+)?|[ ]+(?:and|then)[ ]+)?){1,12})"
)
"""Drugs, findings and operations in a row, behind what begins such a row."""
_PART = re.compile(r"(?:^|[,;+&][ ]*(?:then[ ]+|and[ ]+)?|\b(?:and|then)[ ]+)(?P<word>[A-Z][\w'’-]{2,})")
_WHOLE = re.compile(r"(?=[ ]*(?:$|[,;.+&]|\d)|[ ]+(?:and|then|gtt|drip|x\d|neg|pos|held|tube|on [a-z])\b)")
_MEASURE = re.compile(
    r"(?:['’]?s)?[ ]+(?:[A-Z][ ]+)?(?:score|scale|criteria|classification|index|sign|syndrome|stain|manoeuvre"
    r"|maneuver|reflex|"
    r"fracture|fx|procedure|drain|catheter|forceps|retractor|prep|formula|lines?|cyst|fat pad|anastomosis"
    r"|osteotomy)s?\b"
)
_PAIRED = re.compile(r"\b[A-Z][a-z]{2,}(?:-[A-Z][a-z]{2,})+")
_GRADE = re.compile(
    r"[ ]+(?:\d{1,2}[a-d]?|[IV]{1,3}[ABab]?|[ABC]|neg|pos|\+|\d+ ?ml)(?=[ ]*(?:$|[,.;)])|[ ]+(?:fx|fracture)\b)"
)
_SCORE = re.compile(r"[ ]+(?:\d{1,3}\.\d{1,2}|(?P<got>\d{1,3})/(?P<most>3[2-9]|[4-9]\d|1\d\d))(?![\d/.]\d|\w)")
"""A number with a fraction, or one of so many that it is not a date."""

_HUMAN = re.compile(
    r"(?:['’]s[ ]+(?:wife|husband|mother|father|mom|dad|son|daughter|sister|brother|niece|nephew|aunt|uncle"
    r"|family|friend|"
    r"neighbou?r|partner|parents?)\b"
    r"|[ ]+(?:and[ ]+[A-Z][a-z]+[ ]+)?(?:read(?! out)|saw|signed|assist(?:ed|ing)|covering|slept|sleeping"
    r"|wrote|wants|wanted|needs|"
    r"took|ate|agrees|agreed|asked|asks|arrived|left|drove|phoned|texted|repeated|picked|visited|visits|felt"
    r"|feels|gave|"
    r"spoke|reviewed|turned|walked|cried|came|comes|thinks|worries|prefers|wishes|understands|knows"
    r"|refuse[sd]?|gait[ ]+(?:steady|stable)|"
    r"family|(?:is|was)[ ]+(?:my|a|an|the|our|his|her)|employees?|to[ ]+(?:see|follow|call|cover|sign))\b)"
)
"""What only persons do or have."""
_ADDRESSED = re.compile(
    r"(?:\b(?:sp(?:oke|eak)|talk(?:ed)?|hand(?:ed)?[ ]?o(?:ff|ver)|message|letter|report"
    r"|note)[ ]+(?:left[ ]+)?(?:to|with|w/|for)"
    r"|\b(?:contact|cc|attn|ask|asked|tell|told|d/w|(?:seen|reviewed|signed|dictated|assisted|covered|read"
    r"|drawn)[ ]+(?:by|with|w/))"
    r"|\b(?:room|rm|bed)[ ]+\d+[a-zA-Z]?):?[ ]*$",
    re.IGNORECASE,
)
"""Who is spoken to, by whom something was done, and who lies where."""


_FIRST_NAMED = re.compile(
    r"\b(?:john|jane|baby|mary|james|robert|michael|david|maria|jose|anna|linda|susan)[ ]+(?:[A-Z]\.?[ ]+)?$",
    re.IGNORECASE,
)
"""First names that are nothing else: JANE DOE has no dyspnoea on exertion."""


def is_surname(text: str, start: int) -> bool:
    """Whether a first name stands right before text[start:]."""
    return bool(_FIRST_NAMED.search(text[max(0, start - 12) : start]))


def is_of_a_person(text: str, start: int, end: int) -> bool:
    """Whether text[start:end] does what only persons do, or is spoken to."""
    return bool(_HUMAN.match(text, end)) or bool(_ADDRESSED.search(text[max(0, start - 40) : start]))


def is_dosed_or_graded(text: str, start: int, end: int) -> bool:
    """Whether a dose stands behind text[start:end], or a score, a sign or a grade that is called so."""
    if _named(text, start):
        return False
    if end - start > 3 and _DOSE.match(text, end):
        return True
    if (score := _SCORE.match(text, end)) and (not score["most"] or int(score["got"]) <= int(score["most"])):
        return True
    pair = _PAIRED.search(text, max(0, start - 24), min(len(text), end + 24))
    while pair and pair.end() < end:
        pair = _PAIRED.search(text, pair.end())
    if pair and pair.start() <= start and not _named(text, pair.start()):
        return bool(_GRADE.match(text, pair.end()) or _MEASURE.match(text, pair.end()))
    return bool(_MEASURE.match(text, end))


def listed(text: str) -> frozenset[int]:
    """Where words begin that stand in a row of drugs, findings or operations."""
    found = set()
    for row in _LISTED.finditer(text):
        for part in _PART.finditer(row["list"]):
            at, end = (row.start("list") + each for each in part.span("word"))
            if (_DOSE.match(text, end) or _WHOLE.match(text, end)) and not _named(text, at):
                found.add(at)
    return frozenset(found)


def _named(text: str, start: int) -> bool:
    """Whether a title, a word for a person or another capital word without a mark stands before."""
    before = re.search(r"(\S+)[ ]+$", text[max(0, start - 24) : start])
    if before is None:
        return False
    word, mark = before[1].lower().strip(".:,"), before[1][-1]
    return word in _PERSONS or (
        mark not in ",;.:+&" and before[1].istitle() and len(before[1]) > 2 and word not in _OPENERS
    )


_PERSONS = frozenset(
    "mr mrs ms miss dr prof pt patient nurse rn md by per with w/ son daughter wife husband mother father sister "
    "brother mom dad partner friend for from to".split()
)
_OPENERS = frozenset(
    "takes taking uses started start starting stopped stop resume resumed continue continued hold holding "
    "received then and given on rx meds allergies labs".split()
)
