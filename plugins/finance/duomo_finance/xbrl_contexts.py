"""Contexts and units of XBRL: who and when a fact is about, and what it is counted in."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
import xml.etree.ElementTree as ET

XBRLI = "{http://www.xbrl.org/2003/instance}"
XBRLDI = "{http://xbrl.org/2006/xbrldi}"
_WHEN = re.compile(
    r"(\d{4}-\d{2}-\d{2})(?:T(?:(?P<midnight>(?:00|24):00:00(?:\.0+)?)|\d{2}:\d{2}:\d{2}(?:\.\d+)?))?"
    r"(?:Z|[+-]\d{2}:\d{2})?"
)
"""A date or a moment as XML Schema has them."""


@dataclasses.dataclass(frozen=True)
class Context:
    """Who and when a fact is about; `start` is empty for an instant."""

    entity: str
    start: str
    end: str
    dimensions: tuple[tuple[str, str], ...] = ()
    is_forever: bool = False

    @property
    def is_dated(self) -> bool:
        """Whether its dates are dates, in their order."""
        try:
            moments = [_moment(each, is_end) for is_end, each in enumerate((self.start, self.end)) if each]
        except (ValueError, OverflowError):
            return False
        return self.is_forever or (bool(self.end) and moments == sorted(moments))


def read_context(element: ET.Element) -> Context:
    """Who and when, and the members of its dimensions."""

    def text(name: str) -> str:
        found = element.find(f".//{XBRLI}{name}")
        return (found.text or "").strip() if found is not None else ""

    members = []
    holders = [each for name in ("segment", "scenario") for each in element.iter(XBRLI + name)]
    for each in (part for holder in holders for part in holder):
        value = " ".join("".join(each.itertext()).split())
        # Before XBRL had dimensions, a segment held elements of any name; they qualify a fact all the same.
        if str(each.tag).startswith(XBRLDI):
            # An explicit member is a name; a typed one is any text, such as 12:30.
            member = value if local_name(each.tag) == "typedMember" else value.rpartition(":")[2]
            members.append((each.get("dimension", "").rpartition(":")[2], member))
        else:
            members.append((local_name(each.tag), value))
    forever = element.find(f".//{XBRLI}forever") is not None
    start, end = _day(text("startDate"), is_end=False), _day(text("endDate") or text("instant"), is_end=True)
    return Context(text("identifier"), start, end, tuple(sorted(members)), forever)


def _day(said: str, *, is_end: bool) -> str:
    """Return the day at whose beginning or end something is; what is no whole day stays as it is said.

    Midnight at the end of a period belongs to the day before, and 24:00 is the midnight that begins the next day.
    A date has no zone of its own: one behind it says whose midnight is meant, and the day is the one written.
    """
    found = _WHEN.fullmatch(said)
    if not found or ("T" in said and not found["midnight"]):
        return said
    day, midnight = found[1], found["midnight"]
    later = (bool(midnight) and midnight.startswith("24")) - (bool(midnight) and is_end)
    try:
        return (dt.date.fromisoformat(day) + dt.timedelta(days=later)).isoformat()
    except (ValueError, OverflowError):
        return said


def _moment(said: str, is_end: int) -> dt.datetime:
    """A moment by its own clock, of a date its beginning or its end. Raises `ValueError` for what is neither."""
    if not _WHEN.fullmatch(said):
        raise ValueError(said)
    if "T" in said:
        return dt.datetime.fromisoformat(said).replace(tzinfo=None)
    return dt.datetime.fromisoformat(said[:10]) + dt.timedelta(seconds=86_399 * is_end)


def read_unit(element: ET.Element) -> str:
    """Such as ``USD`` or ``USD/shares``."""

    def measures(inside: ET.Element | None) -> str:
        found = [] if inside is None else [(each.text or "").strip() for each in inside.iter(f"{XBRLI}measure")]
        return "*".join(each.rpartition(":")[2] for each in found)

    above, below = element.find(f".//{XBRLI}unitNumerator"), element.find(f".//{XBRLI}unitDenominator")
    return f"{measures(above)}/{measures(below)}" if above is not None else measures(element)


def local_name(tag: object) -> str:
    """A tag without its namespace."""
    return str(tag).rpartition("}")[2]
