"""Sentences with known identities, made of the templates and the fake persons that ship in presidio-evaluator."""

from __future__ import annotations

import csv
import importlib.util
import os
import random
import re
from pathlib import Path
from typing import NamedTuple

VARIABLE = "DUOMO_TEST_PRESIDIO"
IDENTIFIES = frozenset(
    """
    person name name_male name_female first_name first_name_male first_name_female first_name_nonbinary last_name
    last_name_male last_name_female address building_number street_name secondary_address city postcode zipcode
    phone_number email url ip_address iban credit_card_number ssn us_driver_license date_of_birth date_time
    """.split()
)
"""Placeholders that identify a person (HIPAA, 45 CFR 164.514(b)(2)); `REST` does not by itself."""
REST = frozenset(
    """
    organization country nationality nation_woman nation_plural job age year day_of_week prefix prefix_male
    prefix_female state_abbr
    """.split()
)


class Sentence(NamedTuple):
    """A sentence, and (start, end, placeholder) of everything that was filled in."""

    text: str
    spans: list[tuple[int, int, str]]
    template: int


def folder() -> Path | None:
    """The data of presidio-evaluator, whose files are read without importing it; None where it is not installed."""
    given = os.environ.get(VARIABLE)
    if given:
        return Path(given)
    found = importlib.util.find_spec("presidio_evaluator")
    if found is None or not found.submodule_search_locations:
        return None
    return Path(next(iter(found.submodule_search_locations))) / "data_generator" / "raw_data"


def split(seed: int = 0) -> tuple[list[int], list[int]]:
    """Numbers of the templates to develop rules on, and of those to report: half and half, by a fixed shuffle."""
    templates = _templates()
    order = list(range(len(templates)))
    random.Random(seed).shuffle(order)
    return sorted(order[::2]), sorted(order[1::2])


def make(numbers: list[int], count: int, seed: int) -> list[Sentence]:
    """`count` sentences of these templates, each with a person, a company and numbers drawn anew."""
    where = folder()
    assert where is not None
    templates, rng = _templates(), random.Random(seed)
    with (where / "FakeNameGenerator.com_3000.csv").open(encoding="utf-8-sig", newline="") as file:
        people = list(csv.DictReader(file))
    companies = [
        line.strip() for line in (where / "companies_and_organizations.csv").read_text("utf-8").splitlines()[1:]
    ]
    licences = (where / "us_driver_licenses.csv").read_text("utf-8").split()[1:]
    with (where / "nationalities.csv").open(encoding="utf-8-sig", newline="") as file:
        nations = list(csv.DictReader(file))
    return [
        _fill(rng.choice(numbers), templates, lambda kind: _value(kind, rng, people, companies, licences, nations))
        for _ in range(count)
    ]


def _templates() -> list[str]:
    where = folder()
    assert where is not None
    return (where / "templates.txt").read_text("utf-8", errors="replace").splitlines()


def _fill(number: int, templates: list[str], value) -> Sentence:
    text, spans, end = "", [], 0
    template = templates[number].replace("\\n", "\n").replace("\\,", ",")
    for match in re.finditer(r"\{\{(\w+)\}\}", template):
        text += template[end : match.start()]
        filled = value(match[1])
        spans.append((len(text), len(text) + len(filled), match[1]))
        text, end = text + filled, match.end()
    return Sentence(text + template[end:], spans, number)


def _value(kind, rng, people, companies, licences, nations) -> str:
    person, nation = rng.choice(people), rng.choice(nations)
    digits = "".join(str(rng.randrange(10)) for _ in range(24))
    street = re.sub(r"^\d+\w?[ ,]+|[ ,]+\d+\w?$", "", person["StreetAddress"])
    made = {
        "person": f"{person['GivenName']} {person['Surname']}",
        "first_name": person["GivenName"],
        "last_name": person["Surname"],
        "address": f"{person['StreetAddress']}\n{person['City']}, {person['State']} {person['ZipCode']}",
        "building_number": digits[: rng.randint(1, 4)].lstrip("0") or "7",
        "street_name": street,
        "secondary_address": rng.choice(["Apt. {}", "Suite {}"]).format(digits[:3]),
        "city": person["City"],
        "postcode": person["ZipCode"],
        "zipcode": digits[:5],
        "phone_number": person["TelephoneNumber"],
        "email": person["EmailAddress"],
        "url": f"https://www.{person['Domain']}/",
        "ip_address": ".".join(str(rng.randrange(1, 255)) for _ in range(4)),
        "iban": f"GB{digits[:2]}ABCD{digits[2:16]}",
        "credit_card_number": rng.choice([digits[:16], f"{digits[:4]}-{digits[4:8]}-{digits[8:12]}-{digits[12:16]}"]),
        "ssn": f"{digits[:3]}-{digits[3:5]}-{digits[5:9]}",
        "us_driver_license": rng.choice(licences),
        "date_of_birth": person["Birthday"],
        "date_time": rng.choice(["{0}/{1}/{2}", "{2}-{0:02}-{1:02}", "{1} May {2}"]).format(
            rng.randint(1, 12), rng.randint(1, 28), rng.randint(1950, 2024)
        ),
        "organization": rng.choice(companies),
        "country": nation["country"].title(),
        "nationality": nation["nationality"].title(),
        "nation_woman": nation["woman"].title(),
        "nation_plural": nation["plural"].title(),
        "job": person["Occupation"],
        "age": person["Age"],
        "year": str(rng.randint(1950, 2024)),
        "day_of_week": rng.choice(["Monday", "Thursday", "Sunday"]),
        "prefix": rng.choice(["Dr.", "Mr.", "Mrs."]),
        "state_abbr": person["State"],
    }
    base = kind.replace("_nonbinary", "").replace("_female", "").replace("_male", "")
    return made["person" if base == "name" else base]
