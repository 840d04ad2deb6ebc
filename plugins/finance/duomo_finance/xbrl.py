"""XBRL and inline XBRL: the facts of a filing with their contexts, units, signs, scales and dimensions.

Namespaces and forms are those of XBRL 2.1, XBRL Dimensions 1.0 and Inline XBRL 1.1; taxonomies are not read.
"""

from __future__ import annotations

import dataclasses
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Literal, TypeVar
from xml.parsers import expat

from duomo.adapters import Finding, find
from duomo.errors import InputTooLarge, InputUnreadable
from duomo_finance.transformations import transform_number, transform_text
from duomo_finance.xbrl_contexts import XBRLI, Context, local_name, read_context, read_unit

Read = TypeVar("Read")
IX = ("{http://www.xbrl.org/2013/inlineXBRL}", "{http://www.xbrl.org/2008/inlineXBRL}")
XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
XSI_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
SKIPPED = ("http://www.xbrl.org/2003/linkbase", "http://www.xbrl.org/2003/instance")
MAX_BYTES = 100_000_000
MAX_DEPTH = 500
"""Elements inside one another; a page has some dozens."""
MAX_DIGITS = 60
"""Places before or after the point; more is a slip, and would make texts of any length."""
TEXT_SHARE = 8
"""Texts of all facts may have this many times the length of the filing: they nest, and share continuations."""


@dataclasses.dataclass(frozen=True)
class Fact:
    """One fact."""

    name: str
    """Local name, such as ``Assets``."""
    taxonomy: str
    """Namespace of the name."""
    value: str
    number: Decimal | None
    """The value as a number, scale and sign applied; None for text and for nil."""
    unit: str
    """Such as ``USD``, ``shares`` or ``USD/shares``; empty for text."""
    decimals: int | None
    """Digits after the point that are accurate: -6 for millions; None for exact."""
    context: Context
    is_nil: bool = False
    language: str = ""
    """Language of a text, empty where none is given. The same fact may be given in several languages."""

    @property
    def tolerance(self) -> Decimal:
        """Half of the last accurate digit."""
        return Decimal(0) if self.decimals is None else Decimal(5).scaleb(-self.decimals - 1)


@dataclasses.dataclass(frozen=True)
class Filing:
    """What a file holds."""

    facts: tuple[Fact, ...]
    findings: tuple[Finding, ...]
    inline: bool


def parse(data: bytes) -> Filing:
    """The facts of an instance or of an inline document.

    Raises:
        InputTooLarge: Beyond `MAX_BYTES`.
        InputUnreadable: No XML, XML with entities of its own, or without any XBRL.
    """
    if len(data) > MAX_BYTES:
        raise InputTooLarge(f"the filing has {len(data):,} bytes", why=f"{MAX_BYTES:,} are the limit",
                            fix="split the report package and pass its instance document alone")  # fmt: skip
    root, prefixes = _tree(data)
    inline = any(each.tag.startswith(IX) for each in root.iter() if isinstance(each.tag, str))
    if not inline and root.tag != f"{XBRLI}xbrl":
        raise InputUnreadable(
            f"the root element is <{local_name(root.tag)}>",
            why="an XBRL instance begins with <xbrl>, an inline one has ix: elements",
            fix="pass the instance document, not a schema or linkbase",
        )
    return _Reader(root, prefixes, inline, TEXT_SHARE * len(data)).filing()


class _Reader:
    def __init__(self, root: ET.Element, prefixes: dict[str, str], inline: bool, left: int) -> None:
        self.left = left
        """Characters that texts may still have."""
        self.root, self.prefixes, self.inline = root, prefixes, inline
        self.findings: list[Finding] = []
        self.contexts = self._by_id("context", read_context)
        self.units = self._by_id("unit", read_unit)
        for name, context in self.contexts.items():
            if not context.is_dated:
                self._find("QUALITY.FORMAT", f"context '{name[:40]}' has no period that is one", "period",
                           "write an instant, or a start before an end, as dates")  # fmt: skip

    def filing(self) -> Filing:
        elements = self._inline() if self.inline else self._plain()
        facts = [fact for fact in elements if fact is not None]
        return Filing(tuple(facts), tuple(self.findings), self.inline)

    def _by_id(self, kind: str, read: Callable[[ET.Element], Read]) -> dict[str, Read]:
        """Read what is referred to, by its id; the first of two that differ counts."""
        found: dict[str, Read] = {}
        for each in self.root.iter(f"{XBRLI}{kind}"):
            name, made = each.get("id", ""), read(each)
            if found.setdefault(name, made) != made:
                self._find("QUALITY.FORMAT", f"there are two {kind}s '{name[:40]}', and they differ", kind,
                           "give each an id of its own")  # fmt: skip
        return found

    def _plain(self) -> Iterator[Fact | None]:
        waiting = list(reversed(self.root))
        while waiting:
            each = waiting.pop()
            space, _, name = str(each.tag)[1:].partition("}")
            if space in SKIPPED:
                continue
            if each.get("contextRef") is None:
                waiting += reversed(each)  # a tuple: its members are facts
                continue
            text = "" if _is_nil(each) else "".join(each.itertext()).strip()
            number = None
            if each.get("unitRef") is not None and not _is_nil(each):
                number = self._fraction(each, name) if len(each) else self._decimal(text, name, "")
            yield self._fact(each, name, space, text, number)

    def _inline(self) -> Iterator[Fact | None]:
        continued = {each.get("id"): each for space in IX for each in self.root.iter(f"{space}continuation")}
        for each in self.root.iter():
            if not (isinstance(each.tag, str) and each.tag.startswith(IX)):
                continue
            kind = local_name(each.tag)
            prefix, _, name = each.get("name", "").rpartition(":")
            space = self.prefixes.get(prefix, prefix)
            if kind == "nonNumeric":
                yield self._fact(each, name, space, self._shown(each, name, continued), None)
            elif kind == "nonFraction":
                form = each.get("format", "")
                text = "" if _is_nil(each) else _text(each, {})
                number = None if _is_nil(each) else self._decimal(text, name, form)
                yield self._fact(each, name, space, text, self._scaled(each, name, number), numeric=True)
            elif kind == "fraction":
                yield self._fact(each, name, space, _text(each, {}), self._fraction(each, name), numeric=True)

    def _shown(self, each: ET.Element, name: str, continued: dict[str | None, ET.Element]) -> str:
        """The text of a fact, transformed where it has a format; empty when there is too much of it."""
        if _is_nil(each) or self.left <= 0:
            return ""
        text = _text(each, continued)
        self.left -= len(text)
        if self.left <= 0:
            self._find("QUALITY.FORMAT", f"the texts from '{name}' on are left out: they repeat one another", name,
                       "share no continuation between facts")  # fmt: skip
            return ""
        form = each.get("format", "")
        try:
            return transform_text(text, form) if form else text
        except ValueError as error:
            self._find("QUALITY.FORMAT", f"'{name}' has the format {form}: {error}", name,
                       "look at the page; the value is the text that is shown", severity="warn")  # fmt: skip
            return text

    def _scaled(self, each: ET.Element, name: str, number: Decimal | None) -> Decimal | None:
        """A number with its scale and its sign."""
        if number is None:
            return None
        scale = each.get("scale") or "0"
        if not re.fullmatch(r"[+-]?\d{1,2}", scale):
            self._find("INPUT.UNREADABLE", f"'{name}' has the scale '{scale[:20]}'", name,
                       "the scale is a whole number of digits, 6 for millions; the number was left out")  # fmt: skip
            return None
        return number.scaleb(int(scale)) * (-1 if each.get("sign") == "-" else 1)

    def _fraction(self, each: ET.Element, name: str) -> Decimal | None:
        """A fact of numerator and denominator."""
        parts = [part for kind in ("numerator", "denominator") for part in each.iter() if local_name(part.tag) == kind]
        found = [self._decimal(_text(part, {}), name, part.get("format", "")) for part in parts]
        if len(found) != 2 or found[0] is None or not found[1]:
            self._find("INPUT.UNREADABLE", f"'{name}' is not a fraction of two numbers", name,
                       "give a numerator and a denominator that is not 0")  # fmt: skip
            return None
        return found[0] / found[1]

    def _fact(
        self, each: ET.Element, name: str, space: str, text: str, number: Decimal | None, *, numeric: bool = False
    ) -> Fact | None:
        context = self.contexts.get(each.get("contextRef", ""))
        if context is None:
            self._find("QUALITY.FORMAT", f"'{name}' refers to a context that is not there", name,
                       "repair the contextRef; the fact was left out")  # fmt: skip
            return None
        unit = self.units.get(each.get("unitRef", ""), "")
        if not unit and (numeric or each.get("unitRef") is not None) and text:
            self._find("UNITS.MISSING", f"'{name}' is a number without a unit", name,
                       "add the unitRef; the fact was left out")  # fmt: skip
            return None
        language = "" if unit else each.get(XML_LANG, "")
        return Fact(name, space, text, number, unit, _decimals(each, number), context, _is_nil(each), language)

    def _decimal(self, text: str, name: str, form: str) -> Decimal | None:
        try:
            found = transform_number(text, form)
        except ValueError as error:
            written = f" in format {form}" if form else ""
            self._find("INPUT.UNREADABLE", f"'{name}' has a unit and is not a number{written}", name,
                       f"look at the format attribute: {error}; the value is kept as text")  # fmt: skip
            return None
        if abs(found.adjusted()) > MAX_DIGITS:
            self._find("INPUT.UNREADABLE", f"'{name}' has a unit and more than {MAX_DIGITS} digits", name,
                       "look at the page; the value is kept as text")  # fmt: skip
            return None
        return found

    def _find(self, code: str, text: str, field: str, fix: str, severity: Literal["refer", "warn"] = "refer") -> None:
        self.findings.append(find(code, text, field=field, fix=fix, severity=severity))


def _tree(data: bytes) -> tuple[ET.Element, dict[str, str]]:
    """The document without any entity of its own: those can grow without bound, or name files."""
    prefixes: dict[str, str] = {}
    builder = ET.TreeBuilder()
    parser = expat.ParserCreate(namespace_separator="}")

    def tag(name: str) -> str:
        return "{" + name if "}" in name else name

    languages = [""]
    """The language of each open element; one that names none has the language of its parent."""

    def start(name: str, attributes: dict[str, str]) -> None:
        if len(languages) > MAX_DEPTH:
            raise InputUnreadable(f"the filing nests more than {MAX_DEPTH} elements", why="no page does",
                                  fix="pass the instance document as it was filed")  # fmt: skip
        given = {tag(key): value for key, value in attributes.items()}
        languages.append(given.setdefault(XML_LANG, languages[-1]))
        builder.start(tag(name), given)

    def end(name: str) -> None:
        languages.pop()
        builder.end(tag(name))

    def declare(*_: object) -> None:
        raise InputUnreadable(
            "the filing declares entities of its own",
            why="they can expand without bound or read files",
            fix="save it again with entities resolved",
        )

    def remember(prefix: str | None, uri: str) -> None:
        prefixes.setdefault(prefix or "", uri)

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler, parser.EntityDeclHandler = builder.data, declare
    parser.StartNamespaceDeclHandler = remember
    try:
        parser.Parse(data, True)
        return builder.close(), prefixes
    except (expat.ExpatError, AssertionError, ET.ParseError) as error:
        raise InputUnreadable(
            "the filing is not well-formed XML",
            why=str(error),
            fix="inline XBRL is XHTML: close every tag, and write &#160; for &nbsp;",
        ) from None


def _decimals(element: ET.Element, number: Decimal | None) -> int | None:
    """Digits after the point that are accurate, as `decimals` says or as follows from `precision`."""
    given, precision = element.get("decimals", ""), element.get("precision", "")
    if re.fullmatch(r"[+-]?\d{1,4}", given):
        return int(given)
    if re.fullmatch(r"\d{1,4}", precision) and number and not given:
        return int(precision) - number.adjusted() - 1
    return None


def _is_nil(element: ET.Element) -> bool:
    return element.get(XSI_NIL) in ("true", "1")


def _text(element: ET.Element, continued: dict[str | None, ET.Element]) -> str:
    """The element's text without what ix:exclude holds, and with what continues it."""
    parts: list[str] = []

    def walk(each: ET.Element) -> None:
        if isinstance(each.tag, str) and each.tag.startswith(IX) and local_name(each.tag) == "exclude":
            return
        parts.append(each.text or "")
        for child in each:
            walk(child)
            parts.append(child.tail or "")

    seen: set[int] = set()
    current: ET.Element | None = element
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        walk(current)
        current = continued.get(current.get("continuedAt"))
    return " ".join("".join(parts).split())
