"""What gives a protected basis away: words in the names of columns, in seven languages, and values."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterable

PROTECTED_WORDS = frozenset(
    "age sex gender marital married divorced widowed race racial ethnic ethnicity afam hispanic religion religious "
    "nationality citizenship birth born dob birthdate birthday pregnant pregnancy maternity disability disabled caste "
    "birthplace birthyear "
    # German, French, Spanish, Italian, Portuguese, Dutch, without accents
    "geschlecht alter geburtsdatum geburtstag geburtsjahr geburtsort familienstand religion konfession nationalitaet "
    "nationalitat staatsangehorigkeit staatsangehoerigkeit staatsburgerschaft staatsbuergerschaft "
    "behinderung schwerbehindert schwanger herkunft "
    "religione religiao religie sexe naissance nationalite matrimoniale matrimonial handicap ethnie "
    "sexo genero edad nacimiento nacionalidad discapacidad "
    "sesso genere nascita nazionalita coniugale disabilita "
    "idade nascimento nacionalidade geslacht leeftijd geboortedatum geboortejaar nationaliteit burgerlijke".split()
)
"""Words in a field's name that mean a protected basis (ECOA: race, colour, religion, national origin, sex, marital
status, age, public assistance; EU charter art. 21), in seven languages."""
PROTECTED_NAMES = frozenset(
    "single black white asian foreign_worker foreign_born national_origin sexual_orientation date_of_birth "
    "public_assistance welfare_recipient estado_civil etat_civil stato_civile situation_familiale".split()
)
"""Whole names of the same sort; each of their words alone may mean something harmless."""
PROTECTED_VALUES = (
    frozenset({"male", "female"}),
    frozenset({"m", "f"}),
    frozenset({"man", "woman"}),
    frozenset({"mr", "mrs"}),
    frozenset({"mr", "ms"}),
    frozenset({"herr", "frau"}),
    frozenset({"mannlich", "weiblich"}),
    frozenset({"maennlich", "weiblich"}),
    frozenset({"homme", "femme"}),
    frozenset({"hombre", "mujer"}),
    frozenset({"masculino", "femenino"}),
    frozenset({"masculino", "feminino"}),
    frozenset({"homem", "mulher"}),
    frozenset({"uomo", "donna"}),
    frozenset({"maschio", "femmina"}),
    frozenset({"man", "vrouw"}),
    frozenset({"celibataire", "marie"}),
    frozenset({"soltero", "casado"}),
    frozenset({"solteiro", "casado"}),
    frozenset({"celibe", "coniugato"}),
    frozenset({"ongehuwd", "gehuwd"}),
    frozenset({"ledig", "verheiratet"}),
    frozenset({"married", "widowed"}),
    frozenset({"married", "never married"}),
    frozenset({"married", "single"}),
    frozenset({"divorced", "married"}),
    frozenset({"black", "white"}),
)
"""Values that give a protected basis away under whatever name."""
MANY = 12
"""A column of more values is not of sexes or of marital states."""


@functools.lru_cache(maxsize=4096)
def words_of(name: str) -> tuple[str, ...]:
    """The words of a column's name: ``annualIncome``, ``annual_income`` and ``Annual income`` are alike."""
    return tuple(re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", _bare(name)).lower()))


def _bare(text: str) -> str:
    """Letters without their accents."""
    return "".join(each for each in unicodedata.normalize("NFKD", text) if not unicodedata.combining(each))


def protected_by(name: str, values: Iterable[object]) -> str:
    """Say which protected basis a column gives away, by its name or by its values; empty where none."""
    words = words_of(name)
    hit = PROTECTED_WORDS.intersection(words) or PROTECTED_NAMES.intersection(["_".join(words)])
    if hit:
        return f"its name says '{min(hit)}'"
    told = {_bare(str(each)).strip().rstrip(".").lower() for each in values}
    if len(told) <= MANY and any(tell <= told for tell in PROTECTED_VALUES):
        return f"its values are {', '.join(sorted(told)[:4])}"
    return ""
