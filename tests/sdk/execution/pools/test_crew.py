"""What went wrong in a group of ranks, of which some only suffer from another."""

import pytest

from duomo.execution.pools.crew import AFTERMATH, Event, cause_of
from duomo.outcome import ItemError


def raised(kind):
    return Event("raised", 0, 7, error=ItemError("E-MODEL-FAILED", kind, type=kind))


@pytest.mark.parametrize(
    ("kinds", "all_spoke", "expected"),
    [
        ([], False, None),
        ([], True, None),
        (["ValueError"], False, "ValueError"),
        ([AFTERMATH], False, None),
        ([AFTERMATH, "ValueError"], True, "ValueError"),
        ([AFTERMATH, AFTERMATH], False, None),
        ([AFTERMATH, AFTERMATH], True, AFTERMATH),
    ],
)
def test_the_cause_is_told_by_the_rank_that_has_it(kinds, all_spoke, expected):
    cause = cause_of([raised(kind) for kind in kinds], all_spoke=all_spoke)
    assert (cause.error.type if cause is not None else None) == expected
