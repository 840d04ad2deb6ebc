"""Figures of filings: every fact by name, period and unit, and the sums that must come out."""

from __future__ import annotations

import io
import os
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple, Self

from duomo.adapters import Adapter, Case, Decision, Payload, Record, Source, digest_of
from duomo.errors import BadInput, InputMissing, InputTooLarge, InputUnreadable, a_type, counted
from duomo.inputs import check_unsealed, is_hidden
from duomo.tasks.base import Result
from duomo_finance.made_up import filing
from duomo_finance.plugin import DOCUMENT_FIELDS
from duomo_finance.xbrl import MAX_BYTES, Fact, Filing, parse
from duomo_finance.xbrl_contexts import Context


class Sum(NamedTuple):
    """``total = sum of parts``; names are local, alternatives for one part are separated by ``|``."""

    total: str
    parts: tuple[str, ...]
    signs: tuple[int, ...] = ()
    also: tuple[str, ...] = ()
    """Parts that few companies have: added where they are reported."""


WHOLE_EQUITY = "StockholdersEquityIncludingPortionAttributableToNoncontrollingInterest"
BETWEEN = (
    "TemporaryEquityCarryingAmountIncludingPortionAttributableToNoncontrollingInterests"
    "|TemporaryEquityCarryingAmountAttributableToParent|TemporaryEquityCarryingAmount",
    "RedeemableNoncontrollingInterestEquityCarryingAmount|TemporaryEquityCarryingAmountAttributableToNoncontrollingInterest"
    "|RedeemableNoncontrollingInterestEquityCommonCarryingAmount",
)
"""What US GAAP shows between liabilities and equity, and counts as neither."""
SUMS = (
    Sum("Assets", ("Liabilities", f"{WHOLE_EQUITY}|StockholdersEquity|Equity"), (), (*BETWEEN, "MinorityInterest")),
    Sum("Assets", ("LiabilitiesAndStockholdersEquity|EquityAndLiabilities",)),
    Sum("Assets", ("AssetsCurrent|CurrentAssets", "AssetsNoncurrent|NoncurrentAssets")),
    Sum("Liabilities", ("LiabilitiesCurrent|CurrentLiabilities", "LiabilitiesNoncurrent|NoncurrentLiabilities")),
    Sum("GrossProfit", ("Revenues|Revenue|RevenueFromContractWithCustomerExcludingAssessedTax",
                        "CostOfRevenue|CostOfSales|CostOfGoodsAndServicesSold"), (1, -1)),
)  # fmt: skip
"""What must come out under US GAAP and IFRS, where all of it is reported for one context."""


CURRENCIES = frozenset(
    (
        "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BZD "
        "CAD CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL "
        "GHS GIP GMD GNF GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW "
        "KWD KYD KZT LAK LBP LKR LRD LSL LTL LVL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN "
        "NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP "
        "SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD USN UYI UYU UYW UZS VED "
        "VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG ZWL EEK SKK SIT MTL CYP BYR MRO STD VEF XDR ZMK "
    ).split()
)
"""ISO 4217, with some that old filings have, and the drawing rights of the IMF.
MWH and BBL are three capitals and no money."""


ENDINGS = (".xml", ".xbrl", ".xhtml", ".html", ".htm")
"""Suffixes of files that may be filings; the inline ones of the SEC end in .htm."""
PACKAGES = (".zip", ".xbri", ".xbr")
"""Suffixes of report packages, https://www.xbrl.org/Specification/report-package; ESEF asks for one."""


class DocField(Result):
    """One figure or text."""

    name: str
    value: str
    number: Decimal | None
    unit: str
    start: str
    """Empty for an instant."""
    end: str
    decimals: int | None
    entity: str
    dimensions: dict[str, str]
    taxonomy: str = ""
    """Namespace of the name: that of the standard, or the filer's own."""


class SumCheck(Result):
    """Whether one sum comes out in one context."""

    sum: str
    end: str
    unit: str
    total: Decimal
    parts: Decimal
    tolerance: Decimal
    """What rounding explains."""
    holds: bool


class FilingFields(Payload):
    """What one filing says."""

    inline: bool
    currencies: list[str]
    fields: list[DocField]
    checks: list[SumCheck]


class DocumentFields(Adapter[bytes, FilingFields]):
    """Takes the bytes, the text or the path of an XBRL instance, an inline document or a package of one report."""

    spec = DOCUMENT_FIELDS
    Output = FilingFields
    batch_size = 1

    def read(self, source: str | os.PathLike[str]) -> Iterator[Any]:
        """A file is one filing; of a folder, each whose name ends as one of them does, in letters of any size."""
        path = Path(source)
        if path.is_dir():
            found = (each for each in path.iterdir() if each.suffix.lower() in ENDINGS + PACKAGES)
            yield from sorted(each for each in found if not is_hidden(each.name))
        else:
            yield path

    def record(self, value: object, position: int = 0) -> Record[bytes]:
        key = str(position)
        if isinstance(value, os.PathLike):
            check_unsealed("a filing")
            key = Path(value).name
            try:
                value = Path(value).read_bytes()
            except OSError as error:
                raise InputMissing(
                    f"no filing '{key}'", why=error.strerror or str(error), fix="check the path"
                ) from None
        data = value.encode() if isinstance(value, str) else value
        if not isinstance(data, bytes):
            raise BadInput(f"filing {position} is {a_type(value)}", why="bytes, text or a path are needed",
                           fix="pass pathlib.Path(…), or what it holds")  # fmt: skip
        data = _report_in(data, key) if data.startswith(b"PK\3\4") else data
        return Record(data, key, source=Source(digest_of(data), len(data), "xbrl"))

    def score(self, prepared: Sequence[Record[bytes]]) -> list[Filing]:
        return [parse(each.payload) for each in prepared]

    def decide(self, case: Case[bytes]) -> Decision | None:
        """Findings of the reader and sums that fail are for a person; otherwise the figures stand."""
        filed: Filing = case.raw
        case.findings += [each.model_copy(update={"record": case.record.key}) for each in filed.findings]
        for each in check_sums(filed.facts):
            if not each.holds:
                case.find(
                    "QUALITY.FORMAT",
                    f"{each.sum} does not come out at {each.end}: {each.total:,} and {each.parts:,} {each.unit}",
                    field=each.sum.partition(" ")[0],
                    fix="look at signs, scales and missing parts",
                )
        for name in _contradictions(filed.facts):
            case.find(
                "INPUT.DUPLICATE",
                f"'{name}' is reported twice with different values",
                field=name,
                severity="refer",
                fix="ask which of them holds",
            )
        money = currencies(filed.facts)
        if len(money) > 1:
            case.find("UNITS.CURRENCY_MIXED", f"figures in {', '.join(money)}", field="unit", severity="refer",
                      fix="compare only figures of one unit; each field names its own")  # fmt: skip
        return Decision(outcome="accept")

    def result(self, case: Case[bytes]) -> FilingFields:
        filed: Filing = case.raw
        return FilingFields(
            inline=filed.inline,
            currencies=currencies(filed.facts),
            fields=[_field(each) for each in filed.facts],
            checks=check_sums(filed.facts),
        )

    @classmethod
    def example(cls) -> Self:
        return cls()

    @classmethod
    def samples(cls) -> list[Any]:
        return [filing(assets=1000 + i, equity=400 + i) for i in range(3)]


def _report_in(package: bytes, key: str) -> bytes:
    """The one report of a report package. Raises `BadInput` where there is another number of them."""
    try:
        with zipfile.ZipFile(io.BytesIO(package)) as archive:
            inside = {each: PurePosixPath(each.filename) for each in archive.infolist()}
            found = [
                each
                for each, path in inside.items()
                if path.suffix.lower() in ENDINGS and "reports" in path.parts[:-1] and not is_hidden(path.name)
            ]
            if len(found) != 1:
                raise BadInput(f"filing '{key}' is an archive with {counted(len(found), 'report')}",
                               why="a report package has one, in its folder 'reports'",
                               fix="unpack it, and pass each report by itself")  # fmt: skip
            if found[0].file_size > MAX_BYTES:
                raise InputTooLarge(f"the report in '{key}' has {found[0].file_size:,} bytes",
                                    why=f"{MAX_BYTES:,} are the limit", fix="check what it really holds")  # fmt: skip
            return archive.read(found[0])
    except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError) as error:
        why = str(error) or type(error).__name__
        raise InputUnreadable(f"the archive '{key}' cannot be unpacked", why=why, fix="unpack it yourself") from None


def check_sums(facts: Sequence[Fact]) -> list[SumCheck]:
    """Every sum of `SUMS` whose total and parts stand in one context, unit and taxonomy, without dimensions."""
    tables: dict[tuple[Context, str, str], dict[str, Fact]] = defaultdict(dict)
    for each in facts:
        if each.number is not None and not each.context.dimensions:
            tables[each.context, each.unit, each.taxonomy].setdefault(each.name, each)
    return [
        made
        for (context, unit, _), table in tables.items()
        for one in SUMS
        if (made := _check(one, table, context, unit))
    ]


def currencies(facts: Sequence[Fact]) -> list[str]:
    """ISO codes of the units of money."""
    return sorted({part for each in facts for part in each.unit.split("/")} & CURRENCIES)


def _check(one: Sum, table: Mapping[str, Fact], context: Context, unit: str) -> SumCheck | None:
    total = table.get(one.total)
    found = [next((table[name] for name in part.split("|") if name in table), None) for part in one.parts]
    parts = [each for each in found if each is not None and each.number is not None]
    if total is None or total.number is None or len(parts) < len(one.parts):
        return None
    for part in one.also:
        extra = next((table[name] for name in part.split("|") if name in table), None)
        # The whole equity holds that of minorities already.
        held = part == "MinorityInterest" and parts[1].name != "StockholdersEquity"
        if extra and extra.number is not None and not held:
            parts.append(extra)
    signs = one.signs or (1,) * len(parts)
    added = sum((sign * (each.number or Decimal(0)) for sign, each in zip(signs, parts, strict=True)), Decimal(0))
    tolerance = sum((each.tolerance for each in parts), total.tolerance)
    words = " ".join(f"{'+' if sign > 0 else '-'} {each.name}" for sign, each in zip(signs, parts, strict=True))
    return SumCheck(
        sum=f"{one.total} = {words.removeprefix('+ ')}", end=context.end, unit=unit, total=total.number, parts=added,
        tolerance=tolerance, holds=abs(total.number - added) <= tolerance,
    )  # fmt: skip


def _contradictions(facts: Sequence[Fact]) -> list[str]:
    seen: dict[tuple[str, str, Context, str, str], Fact] = {}
    found = []
    for each in facts:
        first = seen.setdefault((each.taxonomy, each.name, each.context, each.unit, each.language), each)
        if first.is_nil != each.is_nil or _differ(first, each):
            found.append(each.name)
    return sorted(set(found))


def _differ(one: Fact, other: Fact) -> bool:
    if one.number is None or other.number is None:
        return one.number is None and other.number is None and one.value != other.value
    return abs(one.number - other.number) > one.tolerance + other.tolerance


def _field(fact: Fact) -> DocField:
    members: dict[str, str] = {}
    for name, member in fact.context.dimensions:  # two of one name are both said
        members[name] = f"{members[name]}, {member}" if name in members else member
    return DocField(
        name=fact.name,
        value=fact.value,
        number=fact.number,
        unit=fact.unit,
        start=fact.context.start,
        end=fact.context.end,
        decimals=fact.decimals,
        entity=fact.context.entity,
        dimensions=members,
        taxonomy=fact.taxonomy,
    )
