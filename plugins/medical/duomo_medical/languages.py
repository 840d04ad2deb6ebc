"""Whether a note is English: names in another language are found by no rule and no tagger here."""

from __future__ import annotations

import re

from duomo.errors import BadInput

ENGLISH = frozenset(
    """
    the of and to in is that it for was on are as with his at be this from have or by had not but all were when can an
    which if do will about out then she he her him who has been could no any also there other year old patient denies
    reports left right without given seen per pain history
    """.split()
)
OTHERS = frozenset(
    """
    der das und ist nicht mit ein eine einer einen wurde wird seit bei nach auf aus zur zum im sich auch keine kein über
    frau herr herrn geb geboren patientin aufnahme entlassung befund klagt jahre jähriger jährige stellt sich vor wegen
    les des dans une avec pour sur qui mais été est du aux depuis né née patiente monsieur madame ans chez présente pas
    sans au sous hospitalisé hospitalisée admis admise douleur douleurs
    el los las una con por que para del paciente refiere años desde señor señora dolor ingresa nacido nacida presenta
    il della nel gli è sono alla anni signora signor paziente presenta dolore riferisce nato nata da per
    uma não com há desde senhora senhor anos dor ao nascido nascida
    het een niet voor zijn van met mevrouw meneer geboren klachten sinds jaar oude werd patiënte
    och är med inte till från på ikke og jeg til nie jest się
    """.split()
)
"""Frequent words of other languages and their notes, but those that are English or shorthand, such as ER and LA."""
LEAST = 3
"""Different words of other languages that make a note foreign, where there are more of them than of English ones."""
WORD = re.compile(r"[^\W\d_]+")


def demand_english(text: str) -> None:
    """Raise `BadInput` for a note in another language; of two languages the one with more frequent words counts."""
    words = [word.lower() for word in WORD.findall(text)]
    foreign = [word for word in words if word in OTHERS - ENGLISH]
    if len(set(foreign)) >= LEAST and len(foreign) > sum(word in ENGLISH for word in words):
        raise BadInput(
            f"this note is not English: {', '.join(list(dict.fromkeys(foreign))[:LEAST])}",
            why="names, places and dates are found in English notes alone, and would stay",
            fix="leave it out, or have it translated where it is kept",
        )
