"""Contexts and units of XBRL: who and when a fact is about, and what it is counted in."""

from __future__ import annotations

import dataclasses
import datetime as dt
import xml.etree.ElementTree as ET

XBRLI = "{http://www.xbrl.org/2003/instance}"
XBRLDI = "{http://xbrl.org/2006/xbrldi}"
MIDNIGHT = "T00:00:00"


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
            days = [dt.date.fromisoformat(each) for each in (self.start, self.end) if each]
        except ValueError:
            return False
        return self.is_forever or (bool(self.end) and days == sorted(days))


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
    end = _end(text("endDate") or text("instant"))
    return Context(text("identifier"), text("startDate").removesuffix(MIDNIGHT), end, tuple(sorted(members)), forever)


def _end(said: str) -> str:
    """Return the day at whose end something ends: midnight with a time belongs to the day before."""
    if not said.endswith(MIDNIGHT):
        return said
    try:
        return (dt.date.fromisoformat(said.removesuffix(MIDNIGHT)) - dt.timedelta(days=1)).isoformat()
    except (ValueError, OverflowError):
        return said


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
