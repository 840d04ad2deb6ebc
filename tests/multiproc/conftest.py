"""Two real worker processes with a model of no weight, shared by all that can go wrong with them."""

from collections.abc import Iterator

import pytest

import duomo
from duomo import Runner
from duomo.testing import fake_catalog, faulty_spec


@pytest.fixture(scope="package")
def pool() -> Iterator[Runner]:
    catalog = fake_catalog(faulty_spec())
    with duomo.load("text-classification", executor="local", devices="cpu,cpu", catalog=catalog) as runner:
        yield runner
