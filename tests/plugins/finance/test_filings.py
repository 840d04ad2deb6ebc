"""Filings: what XBRL says, in plain and inline form, and the sums that must come out."""

import zipfile
from decimal import Decimal

import pytest

from duomo.errors import BadInput, InputTooLarge, InputUnreadable
from duomo_finance import made_up, xbrl
from duomo_finance.filings import DocumentFields, check_sums
from duomo_finance.transformations import transform_text

HEAD = (
    'xmlns:xbrli="http://www.xbrl.org/2003/instance" xmlns:iso4217="http://www.xbrl.org/2003/iso4217" '
    'xmlns:xbrldi="http://xbrl.org/2006/xbrldi" xmlns:us="http://fasb.org/us-gaap/2024" '
    'xmlns:ix="http://www.xbrl.org/2013/inlineXBRL" '
    'xmlns:ixt="http://www.xbrl.org/inlineXBRL/transformation/2020-02-12" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
)
CONTEXTS = """
<xbrli:context id="now"><xbrli:entity><xbrli:identifier scheme="x">0001</xbrli:identifier></xbrli:entity>
 <xbrli:period><xbrli:instant>2024-12-31</xbrli:instant></xbrli:period></xbrli:context>
<xbrli:context id="year"><xbrli:entity><xbrli:identifier scheme="x">0001</xbrli:identifier></xbrli:entity>
 <xbrli:period><xbrli:startDate>2024-01-01</xbrli:startDate><xbrli:endDate>2024-12-31</xbrli:endDate></xbrli:period></xbrli:context>
<xbrli:context id="north"><xbrli:entity><xbrli:identifier scheme="x">0001</xbrli:identifier><xbrli:segment>
 <xbrldi:explicitMember dimension="us:RegionAxis">us:NorthMember</xbrldi:explicitMember></xbrli:segment></xbrli:entity>
 <xbrli:period><xbrli:instant>2024-12-31</xbrli:instant></xbrli:period></xbrli:context>
<xbrli:unit id="usd"><xbrli:measure>iso4217:USD</xbrli:measure></xbrli:unit>
<xbrli:unit id="eur"><xbrli:measure>iso4217:EUR</xbrli:measure></xbrli:unit>
<xbrli:unit id="eps"><xbrli:divide><xbrli:unitNumerator><xbrli:measure>iso4217:USD</xbrli:measure></xbrli:unitNumerator>
 <xbrli:unitDenominator><xbrli:measure>xbrli:shares</xbrli:measure></xbrli:unitDenominator></xbrli:divide></xbrli:unit>
"""


def instance(facts):
    return f"<xbrli:xbrl {HEAD}>{CONTEXTS}{facts}</xbrli:xbrl>"


def inline(body):
    header = f"<ix:header><ix:resources>{CONTEXTS}</ix:resources></ix:header>"
    page = f'<div style="display:none">{header}</div>{body}'
    return f'<html xmlns="http://www.w3.org/1999/xhtml" {HEAD}><body>{page}</body></html>'


def fields(text):
    result = DocumentFields()(text)
    return {each.name: each for each in result.payload.fields}, result


BALANCE = """
<us:Assets contextRef="now" unitRef="usd" decimals="-3">1000000</us:Assets>
<us:Liabilities contextRef="now" unitRef="usd" decimals="-3">599800</us:Liabilities>
<us:StockholdersEquity contextRef="now" unitRef="usd" decimals="-3">400000</us:StockholdersEquity>
"""


def test_an_instance_gives_value_unit_period_and_dimension():
    found, result = fields(
        instance(
            '<us:Assets contextRef="north" unitRef="usd" decimals="-3">1000000</us:Assets>'
            '<us:EarningsPerShareBasic contextRef="year" unitRef="eps" decimals="2">-1.25</us:EarningsPerShareBasic>'
            '<us:Name contextRef="year">Made Up &amp; Sons</us:Name>'
            '<us:Revenues contextRef="year" unitRef="usd" xsi:nil="true"/>'
        )
    )
    assert found["Assets"].number == 1_000_000
    assert found["Assets"].dimensions == {"RegionAxis": "NorthMember"}
    assert found["Assets"].decimals == -3
    assert (found["Assets"].start, found["Assets"].end) == ("", "2024-12-31")
    assert found["EarningsPerShareBasic"].number == Decimal("-1.25")
    assert found["EarningsPerShareBasic"].unit == "USD/shares"
    assert found["EarningsPerShareBasic"].start == "2024-01-01"
    assert found["Name"].value == "Made Up & Sons"
    assert found["Name"].number is None
    assert found["Revenues"].number is None
    assert result.payload.currencies == ["USD"]
    assert result.findings == []


def test_inline_figures_have_scale_sign_and_format():
    found, result = fields(
        inline(
            '<p>Assets <ix:nonFraction name="us:Assets" contextRef="now" unitRef="usd" decimals="-6" scale="6" '
            'format="ixt:num-dot-decimal">1,234.5</ix:nonFraction> million; loss '
            '(<ix:nonFraction name="us:NetIncomeLoss" contextRef="year" unitRef="usd" decimals="0" sign="-" '
            'format="ixt:num-comma-decimal">1.234,50</ix:nonFraction>); debt '
            '<ix:nonFraction name="us:Debt" contextRef="now" unitRef="usd" decimals="0" format="ixt:fixed-zero">—'
            "</ix:nonFraction>; "
            '<ix:nonNumeric name="us:Policy" contextRef="year" continuedAt="c2">We recognise '
            "<ix:exclude>page 4</ix:exclude>"
            "revenue</ix:nonNumeric> … "
            '<ix:continuation id="c2">when control <b>passes</b>.</ix:continuation></p>'
        )
    )
    assert result.payload.inline
    assert found["Assets"].number == Decimal("1234500000")
    assert found["NetIncomeLoss"].number == Decimal("-1234.50")
    assert found["Debt"].number == 0
    assert found["Policy"].value == "We recognise revenuewhen control passes."
    assert result.findings == []


def test_a_balance_sheet_that_comes_out_within_its_rounding_is_accepted():
    _, result = fields(instance(BALANCE))
    [check] = result.payload.checks
    assert check.sum == "Assets = Liabilities + StockholdersEquity"
    assert check.holds
    assert check.total - check.parts == 200 <= check.tolerance
    assert result.decision.outcome == "accept"


def test_one_that_does_not_is_referred_and_told_by_how_much():
    result = DocumentFields()(made_up.filing(assets=1000, liabilities=600, equity=500))
    assert [each.holds for each in result.payload.checks] == [False]
    [found] = result.findings
    assert found.code == "QUALITY.FORMAT"
    assert "Assets = Liabilities + Equity does not come out at 2024-12-31" in found.text
    assert "1,000,000,000 and 1,100,000,000 EUR" in found.text
    assert result.decision.outcome == "refer"


def test_gross_profit_is_a_difference_and_parts_of_a_dimension_are_not_mixed_in():
    facts = instance(
        '<us:GrossProfit contextRef="year" unitRef="usd" decimals="0">40</us:GrossProfit>'
        '<us:Revenues contextRef="year" unitRef="usd" decimals="0">100</us:Revenues>'
        '<us:CostOfRevenue contextRef="year" unitRef="usd" decimals="0">60</us:CostOfRevenue>'
        '<us:Assets contextRef="north" unitRef="usd" decimals="0">7</us:Assets>'
        '<us:Liabilities contextRef="now" unitRef="usd" decimals="0">5</us:Liabilities>'
        '<us:StockholdersEquity contextRef="now" unitRef="usd" decimals="0">5</us:StockholdersEquity>'
    )
    [check] = check_sums(xbrl.parse(facts.encode()).facts)
    assert check.sum == "GrossProfit = Revenues - CostOfRevenue"
    assert check.holds


def test_names_of_two_taxonomies_are_told_apart():
    own = '<own:Liabilities xmlns:own="http://acme.com" contextRef="now" unitRef="usd" decimals="0">1</own:Liabilities>'
    _, result = fields(instance(own + BALANCE))
    assert [each.holds for each in result.payload.checks] == [True]
    assert [each.taxonomy for each in result.payload.fields][:2] == ["http://acme.com", "http://fasb.org/us-gaap/2024"]
    assert result.findings == []


def test_a_report_package_is_its_report(tmp_path):
    def package(*names):
        with zipfile.ZipFile(tmp_path / "acme.ZIP", "w", zipfile.ZIP_DEFLATED) as archive:
            for name in names:
                archive.writestr(name, instance(BALANCE))
        return tmp_path / "acme.ZIP"

    beside = (
        "acme/META-INF/reports.xml",
        "acme/www.acme.com/acme.xml",
        "acme/reports/._acme.xhtml",
        "acme/reports/a.css",
    )
    found, result = fields(package("acme/reports/acme.xhtml", *beside))
    assert len(found) == 3
    assert result.decision.outcome == "accept"
    assert [each.name for each in DocumentFields().read(tmp_path)] == ["acme.ZIP"]
    with pytest.raises(BadInput, match="an archive with 2 reports"):
        DocumentFields()(package("acme/reports/acme.xhtml", "acme/reports/more.xhtml"))
    with pytest.raises(InputUnreadable, match="cannot be unpacked"):
        DocumentFields()(b"PK\3\4 and nothing more")


# Bad input: what can be read is kept, and what cannot is named.


def test_facts_that_hang_in_the_air_are_left_out_and_said():
    found, result = fields(
        instance(
            BALANCE
            + '<us:Cash contextRef="gone" unitRef="usd" decimals="0">1</us:Cash>'
            + '<us:Debt contextRef="now" unitRef="gone" decimals="0">1</us:Debt>'
            + '<us:Goodwill contextRef="now" unitRef="usd" decimals="0">about ten</us:Goodwill>'
        )
    )
    assert {"Assets", "Liabilities", "StockholdersEquity", "Goodwill"} == set(found)
    assert found["Goodwill"].value == "about ten"
    assert {(each.code, each.field) for each in result.findings} == {
        ("QUALITY.FORMAT", "Cash"), ("UNITS.MISSING", "Debt"), ("INPUT.UNREADABLE", "Goodwill")
    }  # fmt: skip
    assert all(each.fix for each in result.findings)
    assert result.decision.outcome == "refer"


def test_two_values_for_one_thing_and_two_currencies_are_for_a_person():
    _, result = fields(
        instance(
            BALANCE
            + '<us:Assets contextRef="now" unitRef="usd" decimals="-3">1009000</us:Assets>'
            + '<us:Cash contextRef="now" unitRef="eur" decimals="0">5</us:Cash>'
        )
    )
    assert [(each.code, each.field) for each in result.findings] == [
        ("INPUT.DUPLICATE", "Assets"),
        ("UNITS.CURRENCY_MIXED", "unit"),
    ]
    assert "EUR, USD" in result.findings[1].text
    rounded = instance(BALANCE + '<us:Assets contextRef="now" unitRef="usd" decimals="-5">1000000</us:Assets>')
    assert fields(rounded)[1].findings == [], "the same figure, rounded more, is no contradiction"


@pytest.mark.parametrize(
    "between",
    [
        {"StockholdersEquity": 350, "TemporaryEquityCarryingAmountAttributableToParent": 50},
        {"StockholdersEquity": 350, "MinorityInterest": 50},
        {"StockholdersEquityIncludingPortionAttributableToNoncontrollingInterest": 400, "MinorityInterest": 50},
        {"StockholdersEquity": 300, "MinorityInterest": 50, "RedeemableNoncontrollingInterestEquityCarryingAmount": 50},
    ],
)
def test_what_stands_between_liabilities_and_equity_is_no_mistake_of_addition(between):
    figures = {"Assets": 1000, "Liabilities": 600, **between}
    body = "".join(
        f'<us:{name} contextRef="now" unitRef="usd" decimals="0">{value}</us:{name}>' for name, value in figures.items()
    )
    _, result = fields(instance(body))
    assert result.findings == []
    assert [each.holds for each in result.payload.checks] == [True]


def test_a_unit_of_energy_is_no_currency():
    unit = '<xbrli:unit id="mwh"><xbrli:measure>utr:MWH</xbrli:measure></xbrli:unit>'
    _, result = fields(instance(BALANCE + unit + '<us:Sold contextRef="year" unitRef="mwh" decimals="0">5</us:Sold>'))
    assert (result.payload.currencies, result.findings) == (["USD"], [])
    unit = '<xbrli:unit id="old"><xbrli:measure>iso4217:VEF</xbrli:measure></xbrli:unit>'
    _, result = fields(instance(BALANCE + unit + '<us:Sold contextRef="year" unitRef="old" decimals="0">5</us:Sold>'))
    assert result.payload.currencies == ["USD", "VEF"]


def test_entities_that_expand_or_read_files_are_refused():
    bomb = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>' + instance("<us:X contextRef='now'>&b;</us:X>")
    with pytest.raises(InputUnreadable, match="declares entities of its own"):
        DocumentFields()(bomb)
    thief = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hosts">]>' + instance("<us:X contextRef='now'>&a;</us:X>")
    with pytest.raises(InputUnreadable, match="declares entities of its own"):
        DocumentFields()(thief)


def test_what_is_no_filing_is_an_error_and_the_others_go_on(tmp_path, monkeypatch):
    good = tmp_path / "good.xbrl"
    good.write_text(instance(BALANCE), "utf-8")
    items = [good, "<html><p>not closed</html>", "<schema xmlns='x'/>", b"%PDF-1.7", tmp_path / "none.xbrl", 7, good]
    outcomes = list(DocumentFields().map(items))
    assert [each.ok for each in outcomes] == [True, False, False, False, False, False, True]
    assert "not well-formed XML" in outcomes[1].error.what
    assert "close every tag" in outcomes[1].error.fix
    assert "the root element is <schema>" in outcomes[2].error.what
    assert "no filing 'none.xbrl'" in outcomes[4].error.what
    assert [each.name for each in DocumentFields().read(tmp_path)] == ["good.xbrl"]
    monkeypatch.setattr(xbrl, "MAX_BYTES", 10)
    with pytest.raises(InputTooLarge, match="bytes"):
        DocumentFields()(good)


def test_a_chain_of_continuations_that_bites_its_tail_ends():
    found, _ = fields(
        inline(
            '<ix:nonNumeric name="us:Note" contextRef="now" continuedAt="a">one</ix:nonNumeric>'
            '<ix:continuation id="a" continuedAt="b">two</ix:continuation>'
            '<ix:continuation id="b" continuedAt="a">three</ix:continuation>'
        )
    )
    assert found["Note"].value == "onetwothree"


# Facts in tuples, qualified contexts, and what inline XBRL shows instead of what it says.


def test_members_of_a_tuple_are_facts_however_deep():
    found, result = fields(
        instance(
            '<us:Director><us:DirectorName contextRef="year">A. Ash</us:DirectorName><us:Pay>'
            '<us:Salary contextRef="year" unitRef="usd" decimals="0">100</us:Salary></us:Pay></us:Director>' + BALANCE
        )
    )
    assert found["DirectorName"].value == "A. Ash"
    assert found["Salary"].number == 100
    assert {"Assets", "Liabilities", "StockholdersEquity"} <= set(found)
    assert result.findings == []


@pytest.mark.parametrize("holder", ["segment", "scenario"])
def test_a_segment_that_is_not_a_dimension_qualifies_its_facts(holder):
    held = f"<xbrli:{holder}><us:region>EMEA</us:region></xbrli:{holder}>"
    identifier = '<xbrli:identifier scheme="x">0001</xbrli:identifier>'
    inside, after = (held, "") if holder == "segment" else ("", held)
    context = (
        f'<xbrli:context id="part"><xbrli:entity>{identifier}{inside}</xbrli:entity>'
        f"<xbrli:period><xbrli:instant>2024-12-31</xbrli:instant></xbrli:period>{after}</xbrli:context>"
    )
    text = instance(context + BALANCE.replace('contextRef="now"', 'contextRef="part"'))
    found, result = fields(text)
    assert found["Assets"].dimensions == {"region": "EMEA"}
    assert result.payload.checks == [], "sums of a part are not those of the company"


def test_two_members_of_one_name_are_both_said():
    member = '<xbrldi:explicitMember dimension="own:RegionAxis">own:EastMember</xbrldi:explicitMember>'
    context = CONTEXTS.replace("</xbrli:segment>", f"{member}</xbrli:segment>")
    fact = '<us:Assets contextRef="north" unitRef="usd" decimals="0">1</us:Assets>'
    found, _ = fields(f"<xbrli:xbrl {HEAD}>{context}{fact}</xbrli:xbrl>")
    assert found["Assets"].dimensions == {"RegionAxis": "EastMember, NorthMember"}


def test_a_text_has_the_language_of_the_page_around_it_and_a_number_has_none():
    def text(word):
        return f'<ix:nonNumeric name="us:Name" contextRef="now">{word}</ix:nonNumeric>'

    def number(amount):
        return f'<ix:nonFraction name="us:Assets" contextRef="now" unitRef="usd" decimals="0">{amount}</ix:nonFraction>'

    german = f'<div xml:lang="de">{text("Haus")}{number(1)}</div>'
    english = f'<div xml:lang="en">{text("House")}{number(5)}</div>'
    _, result = fields(inline(german + english))
    assert [(each.code, each.field) for each in result.findings] == [("INPUT.DUPLICATE", "Assets")]


def test_filings_of_a_folder_are_those_with_the_endings_of_pages_and_instances(tmp_path):
    for name in ("a.htm", "b.XHTML", "c.xbrl", "d.pdf", "e.css"):
        (tmp_path / name).write_text("")
    assert [each.name for each in DocumentFields().read(tmp_path)] == ["a.htm", "b.XHTML", "c.xbrl"]


def test_a_typed_member_is_any_text_and_an_explicit_one_a_name():
    member = '<xbrldi:typedMember dimension="us:DepartureAxis"><us:time>12:30</us:time></xbrldi:typedMember>'
    context = (
        '<xbrli:context id="flight"><xbrli:entity><xbrli:identifier scheme="x">1</xbrli:identifier>'
        f"<xbrli:segment>{member}</xbrli:segment></xbrli:entity>"
        "<xbrli:period><xbrli:instant>2024-12-31</xbrli:instant></xbrli:period></xbrli:context>"
    )
    found, _ = fields(instance(context + BALANCE.replace('contextRef="now"', 'contextRef="flight"')))
    assert found["Assets"].dimensions == {"DepartureAxis": "12:30"}


@pytest.mark.parametrize(
    ("one", "other", "contradict"),
    [
        ('unitRef="usd" decimals="0">5', 'unitRef="usd" xsi:nil="true">', True),
        (">Made Up", ">Made Down", True),
        (' xml:lang="en">Made Up', ' xml:lang="de">Erfunden', False),
        (">Made Up", ">Made Up", False),
    ],
)
def test_a_fact_that_is_told_twice_and_differs_is_for_a_person(one, other, contradict):
    text = "".join(f'<us:Thing contextRef="now" {each}</us:Thing>' for each in (one, other))
    found = [(each.code, each.field) for each in DocumentFields()(instance(text)).findings]
    assert found == ([("INPUT.DUPLICATE", "Thing")] if contradict else [])


@pytest.mark.parametrize(
    ("period", "end", "is_found"),
    [
        ("<xbrli:forever/>", "", False),
        ("<xbrli:instant>2025-01-01T00:00:00</xbrli:instant>", "2024-12-31", False),
        ("<xbrli:instant>2024-12-31T24:00:00</xbrli:instant>", "2024-12-31", False),
        ("<xbrli:instant>2024-12-31Z</xbrli:instant>", "2024-12-31", False),
        ("<xbrli:instant>2025-01-01T00:00:00.000+09:00</xbrli:instant>", "2024-12-31", False),
        ("<xbrli:instant>2024-12-31T15:30:00Z</xbrli:instant>", "2024-12-31T15:30:00Z", False),
        (
            "<xbrli:startDate>2024-12-31T24:00:00</xbrli:startDate><xbrli:endDate>2025-01-01</xbrli:endDate>",
            "2025-01-01",
            False,
        ),
        (
            "<xbrli:startDate>2024-02-29T08:00:00</xbrli:startDate><xbrli:endDate>2024-02-29</xbrli:endDate>",
            "2024-02-29",
            False,
        ),
        ("<xbrli:instant>2023-02-29</xbrli:instant>", "2023-02-29", True),
        ("<xbrli:instant>20241231</xbrli:instant>", "20241231", True),
        ("", "", True),
        ("<xbrli:instant>soon</xbrli:instant>", "soon", True),
        ("<xbrli:startDate>2025-01-01</xbrli:startDate><xbrli:endDate>2024-01-01</xbrli:endDate>", "2024-01-01", True),
    ],
)
def test_a_period_that_is_none_is_found(period, end, is_found):
    context = (
        '<xbrli:context id="odd"><xbrli:entity><xbrli:identifier scheme="x">1</xbrli:identifier></xbrli:entity>'
        f"<xbrli:period>{period}</xbrli:period></xbrli:context>"
    )
    found, result = fields(instance(context + '<us:Name contextRef="odd">Made Up</us:Name>'))
    assert found["Name"].end == end
    assert [each.field for each in result.findings] == (["period"] if is_found else [])


def test_two_units_of_one_id_are_found_and_the_first_counts():
    twice = '<xbrli:unit id="usd"><xbrli:measure>iso4217:EUR</xbrli:measure></xbrli:unit>'
    found, result = fields(instance(twice + BALANCE))
    assert found["Assets"].unit == "USD"
    assert [each.text for each in result.findings] == ["there are two units 'usd', and they differ"]


def test_a_fraction_is_its_quotient():
    found, _ = fields(
        instance(
            '<us:Share contextRef="now" unitRef="usd"><xbrli:numerator>1</xbrli:numerator>'
            "<xbrli:denominator>4</xbrli:denominator></us:Share>"
        )
    )
    assert found["Share"].number == Decimal("0.25")


@pytest.mark.parametrize(
    ("form", "shown", "value"),
    [
        ("ixt:date-day-month-year", "31.12.2024", "2024-12-31"),
        ("ixt:date-month-day-year", "12/31/24", "2024-12-31"),
        ("ixt:date-monthname-day-year-en", "December 31, 2024", "2024-12-31"),
        ("ixt:datemonthdayyearen", "Dec. 31st, 2024", "2024-12-31"),
        ("ixt:date-day-monthname-year-en", "31 December 2024", "2024-12-31"),
        ("ixt:date-year-month-day", "2024年12月31", "2024-12-31"),
        ("ixt:dateslashus", "12/31/2024", "2024-12-31"),
        ("ixt:date-monthname-day-en", "December 31", "--12-31"),
        ("ixt:date-monthname-year-en", "December 2024", "2024-12"),
        ("ixt:fixed-true", "☒", "true"),
        ("ixt:fixed-false", "no", "false"),
        ("ixt:booleanfalse", "no", "false"),
        ("ixt:fixed-empty", "none", ""),
        ("ixt-sec:boolballotbox", "☐", "false"),
    ],
)
def test_texts_are_transformed_as_their_format_says(form, shown, value):
    if "年" in shown:
        shown = shown.replace("年", "-").replace("月", "-")
    body = f'<ix:nonNumeric name="us:Shown" contextRef="year" format="{form}">{shown}</ix:nonNumeric>'
    found, result = fields(inline(body))
    assert found["Shown"].value == value
    assert result.findings == []


MONTHS = {
    "cs": "ledna února března dubna května června července srpna září října listopadu prosince",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "el": "Ιανουαρίου Φεβρουαρίου Μάρτιος Απριλίου Μαΐου Ιουνίου Ιουλίου Αυγούστου Σεπτ. Οκτωβρίου Νοε. Δεκεμβρίου",
    "fi": "tammi helmi maalis huhti touko kesä heinä elo syys loka marras joulu",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "hr": "siječnja veljače ožujka travnja svibnja lipnja srpnja kolovoza rujna listopada studenoga prosinca",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "pl": "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia",
}


@pytest.mark.parametrize("language", MONTHS)
def test_months_have_their_names_in_each_language(language):
    for month, name in enumerate(MONTHS[language].split(), 1):
        for shown in (f"1. {name} 2024", f"1 {name.upper()} 24"):
            assert transform_text(shown, f"ixt:date-day-monthname-year-{language}") == f"2024-{month:02}-01"


@pytest.mark.parametrize(
    ("form", "shown", "value"),
    [
        ("ixt:date-day-monthname-year-es", "29 de febrero de 2024", "2024-02-29"),
        ("ixt:date-day-monthname-year-fr", "1er janvier 2025", "2025-01-01"),
        ("ixt:date-year-monthname-day-hu", "2024. december 31.", "2024-12-31"),
        ("ixt:date-year-day-monthname-lv", "2024. gada 31. decembris", "2024-12-31"),
        ("ixt:date-monthname-year-nl", "maart 2024", "2024-03"),
        ("ixt:date-day-monthroman-year", "31.XII.2024", "2024-12-31"),
        ("ixt:datedaymonthyeardk", "31. maj 2024", "2024-05-31"),
        ("ixt:date-day-monthname-year-hi", "३१ मार्च २०२४", "2024-03-31"),
        ("ixt:dateyearmonthdaycjk", "2024年12月31日", "2024-12-31"),
        ("ixt:date-jpn-era-year-month-day", "令和6年3月31日", "2024-03-31"),
        ("ixt:date-jpn-era-year-month", "平成元年4月", "1989-04"),
    ],
)
def test_dates_are_read_as_each_language_writes_them(form, shown, value):
    assert transform_text(shown, form) == value


@pytest.mark.parametrize(
    ("form", "shown"),
    [
        ("ixt:date-day-monthname-year-de", "31. décembre 2024"),
        ("ixt:date-day-monthname-year-de", "29. Februar 2023"),
        ("ixt:date-jpn-era-year-month-day", "2024年3月31日"),
        ("ixt:date-day-month-year", "31.13.2024"),
        ("ixt:date-day-month-year", "soon"),
        ("ixt-sec:durwordsen", "five years"),
    ],
)
def test_a_text_that_cannot_be_transformed_stays_with_a_finding_on_its_fact(form, shown):
    body = f'<ix:nonNumeric name="us:Shown" contextRef="year" format="{form}">{shown}</ix:nonNumeric>'
    found, result = fields(inline(body))
    assert found["Shown"].value == shown
    [finding] = result.findings
    assert (finding.code, finding.field, finding.severity) == ("QUALITY.FORMAT", "Shown", "warn")


def number(attributes, shown):
    return fields(
        inline(f'<ix:nonFraction name="us:Debt" contextRef="now" unitRef="usd" {attributes}>{shown}</ix:nonFraction>')
    )


@pytest.mark.parametrize(
    ("attributes", "shown", "value"),
    [
        ('decimals="0" format="ixt:fixed-zero"', "", "0"),
        ('decimals="0" format="ixt:zerodash"', "—", "0"),
        ('decimals="2" format="ixt:num-unit-decimal"', "12 EUR 50", "12.50"),
        ('decimals="2" format="ixt:num-unit-decimal"', "1,234 dollars 5 cents", "1234.05"),
        ('decimals="2" format="ixt:num-unit-decimal-in"', "1,23,456 rupees 78 paise", "123456.78"),
        ('decimals="0" format="ixt:num-dot-decimal-apos"', "1'234", "1234"),
        ('precision="2" scale="3"', "12", "12000"),
        # The first registry named both marks, the one of thousands first.
        ('decimals="2" format="ixt:numcommadot"', "1,234.56", "1234.56"),
        ('decimals="2" format="ixt:numdotcomma"', "1.234,56", "1234.56"),
        ('decimals="2" format="ixt:numspacecomma"', "1 234,56", "1234.56"),
        ('decimals="2" format="ixt:numspacedot"', "1 234.56", "1234.56"),
        ('decimals="2" format="ixt:numcomma"', "1234,56", "1234.56"),
        ('decimals="0" format="ixt:num-dot-decimal-in"', "12,34,567", "1234567"),
        ('decimals="0" format="ixt:num-dot-decimal"', "1,234, 567", "1234567"),
        ('decimals="0" format="ixt-sec:numwordsen"', "no", "0"),
    ],
)
def test_numbers_are_what_their_format_says(attributes, shown, value):
    found, result = number(attributes, shown)
    assert found["Debt"].number == Decimal(value)
    assert result.findings == []


def test_a_precision_is_a_number_of_decimals():
    assert number('precision="2" scale="3"', "12")[0]["Debt"].decimals == -3
    assert number('precision="5"', "1.25")[0]["Debt"].decimals == 4
    assert number('precision="INF"', "1.25")[0]["Debt"].decimals is None


@pytest.mark.parametrize(
    ("attributes", "shown"),
    [
        ('scale="six"', "12"),
        ('scale="9999999"', "12"),
        ("", "1e999999"),
        ("", ""),
        ("", "1_000"),
        ('format="ixt:made-up"', "12"),
        # In the other format, whatever the tag says.
        ('format="ixt:num-dot-decimal"', "1.234,56"),
        ('format="ixt:num-comma-decimal"', "1,234.56"),
        # Two places behind the mark are no thousands, and the fifth digit is the number of a footnote.
        ('format="ixt:num-dot-decimal"', "1,23"),
        ('format="ixt:num-dot-decimal"', "1,2341"),
        ('format="ixt:num-comma-decimal"', "1.23"),
        ('format="ixt:num-dot-decimal"', "12,34,567"),
        ('format="ixt:num-unit-decimal"', "1.5 EUR 20"),
    ],
)
def test_a_number_beyond_reason_costs_its_own_fact(attributes, shown):
    found, result = number(f'decimals="0" {attributes}', shown)
    assert found["Debt"].number is None
    assert [(each.code, each.field) for each in result.findings] == [("INPUT.UNREADABLE", "Debt")]


def test_a_continuation_that_many_facts_share_does_not_multiply():
    long = "word " * 20_000
    body = "".join(
        f'<ix:nonNumeric name="us:N{i}" contextRef="year" continuedAt="c">a</ix:nonNumeric>' for i in range(1000)
    )
    text = inline(f'{body}<ix:continuation id="c">{long}</ix:continuation>')
    filed = xbrl.parse(text.encode())
    assert len(filed.facts) == 1000
    assert sum(len(each.value) for each in filed.facts) <= xbrl.TEXT_SHARE * len(text)
    assert [each.code for each in filed.findings] == ["QUALITY.FORMAT"]


def test_elements_nested_without_end_are_refused():
    with pytest.raises(InputUnreadable, match="nests more than"):
        xbrl.parse(instance("<us:T>" * 5000 + "</us:T>" * 5000).encode())
