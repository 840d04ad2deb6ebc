"""Transformations of inline XBRL: from what a page shows to what the fact says.

Names are those of the Transformation Rules Registries 1 to 5 (XBRL International), with the spellings of older ones.
"""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from typing import NoReturn

from duomo_finance.month_names import ERAS, LANGUAGES, bare, month_of

_FIXED = {
    "fixedtrue": "true", "booleantrue": "true", "fixedfalse": "false", "booleanfalse": "false",
    "fixedempty": "", "nocontent": "",
}  # fmt: skip
_ALIASES = {
    "dateslashus": "datemonthdayyear", "dateslasheu": "datedaymonthyear", "datedotus": "datemonthdayyear",
    "datedoteu": "datedaymonthyear", "datelongus": "datemonthdayyear", "dateshortus": "datemonthdayyear",
    "datelonguk": "datedaymonthyear", "dateshortuk": "datedaymonthyear", "datelongmonthyear": "datemonthyear",
    "dateshortmonthyear": "datemonthyear", "datelongyearmonth": "dateyearmonth", "dateshortyearmonth": "dateyearmonth",
    "datelongdaymonthuk": "datedaymonth", "dateshortdaymonthuk": "datedaymonth", "dateslashdaymontheu": "datedaymonth",
    "datelongmonthdayus": "datemonthday", "dateshortmonthdayus": "datemonthday", "dateslashmonthdayus": "datemonthday",
    "datelongdaymonth": "datedaymonth", "datelongmonthday": "datemonthday",
}  # fmt: skip
_ORDER = re.compile(
    r"date(?P<order>yearmonthday|daymonthyear|monthdayyear|yeardaymonth|monthyear|yearmonth|daymonth|monthday)"
    r"(?P<language>" + "|".join(LANGUAGES) + r"|in|dk|cjk|jp)?"
)
_OTHER_CODES = {"in": "hi", "dk": "da", "cjk": "en", "jp": "en", "": "en"}
"""Languages as older registries write them; formats without any may have English months."""
_FILLERS = frozenset("of the day de del di den der d m g gada г 年 月 日".split())
"""What may stand between the parts of a date."""
_ORDINAL = re.compile(r"(?<=\d)(?:st|nd|rd|th|er|ere|eme|re|ain|fed|ydd|eg|o|a)\b")
COMMA = ("numcomma", "numdotcomma", "numspacecomma", "numcommadecimal", "numcommadecimalapos")
"""Formats in which a comma stands before the fraction; in ``numcommadot`` of the first registry it parts thousands."""
ZERO = ("fixedzero", "zerodash", "numdash")
"""Formats that mean zero, whatever is shown, and be it nothing."""


POINT = ("numdotdecimal", "numcommadot", "numspacedot", "numdotdecimalin", "numdotdecimalapos")
"""Formats with a point before the fraction."""
_MARKS = r"[\s\u00a0\u202f'’`′＇]"
"""What may part thousands, beside the mark that is not before the fraction."""


_IN_THOUSANDS = re.compile(r"[+-]? ?(?:\d*|\d{1,3}(?:[ ,.]+\d{3})*)")
_IN_LAKHS = re.compile(r"[+-]? ?(?:\d*|\d{1,2}(?:[ ,.]+\d{2})*[ ,.]+\d{3}|\d{1,3}(?:[ ,.]+\d{3})*)")
"""The whole part of a number, marks other than a comma and a point as blanks."""


def key_of(form: str) -> str:
    """A format's local name without hyphens: ``ixt:date-day-month-year`` is ``datedaymonthyear``."""
    return form.rpartition(":")[2].replace("-", "").lower()


def transform_text(text: str, form: str) -> str:
    """Turn shown text into the fact's value.

    Raises:
        ValueError: The format is not known here, or the text is not in it.
    """
    key = key_of(form)
    if key in _FIXED:
        return _FIXED[key]
    if key == "boolballotbox":
        return {"☐": "false", "☑": "true", "☒": "true"}[text] if text in ("☐", "☑", "☒") else _refuse(text)
    plain = re.sub("month(?:name|roman)", "month", _ALIASES.get(key, key))
    plain, is_era = (plain.replace("jpn", "").replace("era", ""), True) if "era" in plain else (plain, False)
    found = _ORDER.fullmatch(plain)
    if not found:
        raise ValueError("the format is not known here")
    language = "roman" if "roman" in key else found["language"] or ""
    return _date(text, re.findall("year|month|day", found["order"]), _OTHER_CODES.get(language, language), is_era)


def transform_number(text: str, form: str) -> Decimal:
    """Turn a shown number into the fact's, before its scale and sign; without a format it is written as XML has it.

    Raises:
        ValueError: The format is not known here, or the text is not in it.
    """
    key, plain = key_of(form), re.sub(_MARKS, "", text)
    if key == "numwordsen" and text.strip().lower() in ("no", "none", "nil", "zero"):
        return Decimal(0)
    if key in ZERO or (plain in ("-", "–", "—") and form):
        return Decimal(0)
    if key.startswith("numunitdecimal"):
        found = re.fullmatch(r"[^\d.,]*(\d[\d.,]*?)[^\d.,]+(?:(\d{1,2})[^\d.,]*)?", plain)
        grouped = _IN_LAKHS if key.endswith("in") else _IN_THOUSANDS
        if not found or not grouped.fullmatch(found[1]):
            _refuse(text)
        plain = re.sub("[.,]", "", found[1]) + f".{found[2] or '0':>02}"  # 12 EUR 5 has five cents
    elif key in COMMA or key in POINT:
        thousands, point = (".", ",") if key in COMMA else (",", ".")
        whole, _, fraction = plain.partition(point)
        # Marks behind the fraction's, or elsewhere than between thousands: the page is in another format than it says,
        # or a footnote's number stands behind the figure, which would be ten or a thousand times as much.
        grouped = _IN_LAKHS if key == "numdotdecimalin" else _IN_THOUSANDS
        shown = re.sub(_MARKS, " ", text.strip()).partition(point)[0].strip()
        if thousands in fraction or not grouped.fullmatch(shown):
            _refuse(text)
        plain = whole.replace(thousands, "") + (f".{fraction}" if fraction else "")
    elif form:
        raise ValueError("the format is not known here")
    if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)" if form else r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,9})?", plain):
        _refuse(text)
    return Decimal(plain)


def _date(text: str, order: list[str], language: str, is_era: bool) -> str:
    plain = _ORDINAL.sub("", bare(text))
    era = next((start for sign, start in ERAS.items() if plain.strip().startswith(sign)), 0) if is_era else 0
    plain = re.sub(r"^\D+", "", plain.replace("元", "1")) if era else plain
    words = [word for word in re.findall(r"\d+|[^\W\d_][^\d\s.,;:/()-]*", plain) if word not in _FILLERS]
    if len(words) != len(order) or (is_era and not era):
        _refuse(text)
    found = {}
    for name, word in zip(order, words, strict=True):
        number = int(word) if word.isdecimal() else month_of(word, language) if name == "month" else None
        if number is None:
            _refuse(text)
        found[name] = number
    if "year" in found and (era or found["year"] < 100):
        found["year"] += era or 2000
    # 2000 has every day that any year has.
    dt.date(found.get("year", 2000), found["month"], found.get("day", 1))
    year, month, day = found.get("year"), f"{found['month']:02}", found.get("day")
    if year is None:
        return f"--{month}-{day:02}"
    return f"{year:04}-{month}" if day is None else f"{year:04}-{month}-{day:02}"


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"'{text[:40]}' is not in it")
