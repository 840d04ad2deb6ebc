"""How months begin in the languages of the Transformation Rules Registries, and eras of Japan."""

from __future__ import annotations

import functools
import unicodedata

_STEMS = {
    "bg": "ян фев мар апр май юни юли авг сеп окт ное дек",
    "cs": "led uno bre dub kve cvn|cerv cvc|cervenc srp zar rij lis pro",
    "cy": "ion chwe maw|faw ebr mai|fai meh|feh gor|ngor aws med|fed hyd tach|dach|nhach|thach rhag|rag",
    "da": "jan feb mar apr maj jun jul aug sep okt nov dec",
    "de": "jan|jaen feb mar|maer apr mai jun jul aug sep okt nov dez",
    "el": "ιαν φεβ μαρ απρ μαι ιουν ιουλ αυγ σεπ οκτ νοε δεκ",
    "en": "jan feb mar apr may jun jul aug sep oct nov dec",
    "es": "ene feb mar abr may jun jul ago sep oct nov dic",
    "et": "jaan veebr marts apr mai juuni juuli aug sept okt nov dets",
    "fi": "tam hel maa huh tou kes hei elo syy lok mar jou",
    "fr": "janv fevr mars avr mai juin juil aout sept oct nov dec",
    "hi": "जनवरी फरवरी मार्च अप्रैल मई जून जुलाई अगस्त सितंबर अक्टूबर नवंबर दिसंबर",
    "hr": "sij velj ozu tra svi lip srp kol ruj lis stu pro",
    "hu": "jan feb marc apr maj jun jul aug szept okt nov dec",
    "it": "gen feb mar apr mag giu lug ago set ott nov dic",
    "lt": "sau vas kov bal geg bir lie rugp|rgp rugs|rgs spa|spl lap gru|grd",
    "lv": "janv febr marts apr maijs jun jul aug sept okt nov dec",
    "nl": "jan feb maa|mrt apr mei jun jul aug sep okt nov dec",
    "no": "jan feb mar apr mai jun jul aug sep okt nov des",
    "pl": "sty lut mar kwi maj cze lip sie wrz paz lis gru",
    "pt": "jan fev mar abr mai jun jul ago set out nov dez",
    "ro": "ian feb mar apr mai iun iul aug sep oct noi|nov dec",
    "roman": "i ii iii iv v vi vii viii ix x xi xii",
    "sk": "jan feb mar apr maj jun jul aug sep okt nov dec",
    "sl": "jan feb mar apr maj jun jul avg sep okt nov dec",
    "sv": "jan feb mar apr maj jun jul aug sep okt nov dec",
}
"""Without accents; of several that begin a word, the longest counts."""
LANGUAGES = tuple(_STEMS)
ERAS = {"明": 1867, "大": 1911, "昭": 1925, "平": 1988, "令": 2018}
"""The year before the first of each, by the sign that its name begins with."""


def bare(text: str) -> str:
    """In small letters, without accents."""
    return "".join(each for each in unicodedata.normalize("NFD", text.casefold()) if not unicodedata.combining(each))


@functools.cache
def _stems(language: str) -> dict[str, int]:
    months = enumerate(_STEMS[language].split(), 1)
    return {bare(stem): number for number, stems in months for stem in stems.split("|")}


def month_of(word: str, language: str) -> int | None:
    """The month that a word names in a language; None for none."""
    word, stems = bare(word), _stems(language)
    if language == "roman":
        return stems.get(word)
    found = [stem for stem in stems if word.startswith(stem)]
    return stems[max(found, key=len)] if found else None
