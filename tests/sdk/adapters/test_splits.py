"""Data is cut so that no answer leaks, and a report says how it was cut."""

import dataclasses
import datetime as dt

import pytest
from hypothesis import given, strategies as st

from duomo.adapters import External, Fixed, Group, GroupTime, Random, Record, Time
from duomo.adapters.splits import default_split
from duomo.errors import GuardRefused, UsageProblem

DAY = dt.timedelta(days=1)
START = dt.datetime(2026, 1, 1)


def records(n=30, groups=5, timed=True):
    return [
        Record(i, str(i), f"g{i % groups}" if groups else None, START + i * DAY if timed else None) for i in range(n)
    ]


@pytest.mark.parametrize(
    ("groups", "timed", "kind"), [(5, False, "grouped"), (0, True, "temporal"), (5, True, "grouped and temporal")]
)
def test_a_random_split_of_grouped_or_temporal_data_is_an_error(groups, timed, kind):
    with pytest.raises(GuardRefused, match=f"LEAK.SPLIT_RANDOM: a random split of {kind} data") as caught:
        Random().folds(records(groups=groups, timed=timed))
    assert "GroupTime()" in caught.value.fix


def test_a_random_split_needs_no_reason_where_nothing_forbids_it_and_a_reason_elsewhere():
    [(fit, judge)] = Random().folds(records(groups=0, timed=False))
    assert (len(fit), len(judge)) == (21, 9)
    assert Random().folds([Record(i, group=f"g{i}") for i in range(10)])
    policy = Random(because="to compare with a paper that did")
    assert policy.folds(records())
    assert "to compare with a paper" in repr(policy)


@given(st.integers(2, 60), st.integers(2, 9), st.integers(2, 6))
def test_no_group_is_on_both_sides_and_each_is_judged_once(n, groups, parts):
    data = records(n, min(groups, n), timed=False)
    judged = []
    for fit, judge in Group(parts).folds(data):
        assert not {data[i].group for i in fit} & {data[i].group for i in judge}
        judged += judge
    assert sorted(judged) == list(range(n))


def test_a_split_in_time_has_the_past_on_one_side_and_a_pause_between():
    [(fit, judge)] = Time(purge=3 * DAY).folds(records())
    assert max(fit) + 3 < min(judge)
    [(fit, judge)] = Time(cutoff=START + 10 * DAY).folds(records())
    assert (len(fit), len(judge)) == (10, 20)


def test_a_split_in_group_and_time_judges_by_later_records_of_new_groups():
    data = [Record(i, str(i), f"g{i // 2}", START + i * DAY) for i in range(11)]
    [(fit, judge)] = GroupTime(cutoff=START + 5 * DAY).folds(data)
    assert fit == [0, 1, 2, 3, 4]
    assert judge == [6, 7, 8, 9, 10]


def test_groups_that_all_come_back_are_told_what_else_there_is():
    with pytest.raises(UsageProblem, match="leaves nothing to judge by") as caught:
        GroupTime().folds(records(n=30, groups=3))
    assert caught.value.why == "all 3 groups after the cutoff were seen before it"
    assert "--split time" in caught.value.fix


def test_each_site_in_turn_is_judged_by_the_others():
    folds = External().folds(records(groups=3))
    assert [{i % 3 for i in judge} for _, judge in folds] == [{0}, {1}, {2}]
    assert len(External(("g1",)).folds(records(groups=3))) == 1


def test_a_published_split_is_kept():
    assert Fixed((1, 2)).folds(records(4, 0, timed=False)) == [([0, 3], [1, 2])]


@pytest.mark.parametrize(
    ("policy", "field"),
    [(Group(), "group"), (Time(), "event_time"), (External(), "group"), (GroupTime(), "event_time")],
)
def test_a_split_says_what_it_lacks(policy, field):
    with pytest.raises(UsageProblem, match=f"needs a {field} in every record") as caught:
        policy.folds(records(groups=0, timed=False))
    assert "30 of 30 have none" in caught.value.why


def test_times_with_and_without_a_zone_are_not_put_in_an_order():
    mixed = [*records(6), dataclasses.replace(records(1)[0], event_time=START.replace(tzinfo=dt.UTC))]
    with pytest.raises(UsageProblem, match="some times have a zone and some have none"):
        Time().folds(mixed)
    with pytest.raises(UsageProblem, match="some times have a zone"):
        GroupTime(cutoff=START.replace(tzinfo=dt.UTC)).folds(records())


def test_a_split_into_nothing_is_refused():
    with pytest.raises(UsageProblem, match=r"the split Group\(parts=0, seed=0\) makes no folds"):
        Group(parts=0).folds(records())


def test_an_empty_side_is_refused():
    with pytest.raises(UsageProblem, match="leaves one side empty"):
        Time(cutoff=START - DAY).folds(records())


@pytest.mark.parametrize(
    ("groups", "timed", "kind"),
    [(5, True, GroupTime), (5, False, Group), (0, True, Time), (0, False, Random), (30, True, Time)],
)
def test_the_strictest_split_is_the_default(groups, timed, kind):
    assert type(default_split(records(groups=groups, timed=timed))) is kind
