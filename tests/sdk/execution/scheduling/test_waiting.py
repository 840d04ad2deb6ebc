"""What joins a batch, and in which order waiting items are taken: against slow code that follows the definition."""

import pytest
from hypothesis import given, strategies as st

from duomo.execution.scheduling.waiting import EXACT, PADDING, SLACK, BatchBuilder, WaitingItems

AMPLE = 10**9


def builder(max_items=AMPLE, budget=0, limit=0, packed=False, slack=AMPLE):
    return BatchBuilder(max_items, budget, limit, packed, slack)


class Recording:
    """A batch that takes what it is told to, and keeps what it was offered."""

    def __init__(self, *takes):
        self.takes = list(takes)
        self.offered = []

    def take(self, cost, waiting):
        self.offered.append((cost, waiting))
        return min(waiting, self.takes.pop(0)) if self.takes else waiting


def waiting(*costs):
    items = WaitingItems()
    for index, cost in enumerate(costs):
        items.add(index, cost)
    return items


# What joins a batch


def test_the_first_item_joins_whatever_it_costs():
    assert builder(budget=10, limit=10).take(1000, 3) == 1
    assert builder(budget=10, limit=10, packed=True).take(1000, 3) == 1


def test_no_more_join_than_wait_or_than_items_are_allowed():
    batch = builder(max_items=5)
    assert batch.take(1, 3) == 3
    assert batch.take(1, 9) == 2
    assert batch.take(1, 9) == 0


def test_a_budget_counts_every_item_at_the_costliest():
    batch = builder(budget=100)
    assert batch.take(10, 4) == 4
    assert batch.take(20, 9) == 1, "five at 20 are 100"
    assert batch.take(10, 9) == 0, "one more would be padded to 20 as well"


def test_a_packed_budget_counts_the_sum():
    batch = builder(budget=100, packed=True, slack=0)
    assert batch.take(10, 4) == 4
    assert batch.take(20, 9) == 3
    assert batch.take(1, 9) == 0


def test_the_limit_near_the_end_counts_the_sum_without_padding():
    batch = builder(limit=100)
    assert batch.take(10, 4) == 4
    assert batch.take(25, 9) == 2
    assert batch.take(10, 9) == 1
    assert batch.take(1, 9) == 0


@pytest.mark.parametrize("bound", [{"budget": 5}, {"budget": 5, "packed": True}, {"limit": 5}])
def test_an_item_that_costs_nothing_is_divided_by_one(bound):
    assert builder(**bound).take(0, 9) == 5


def test_what_is_refused_does_not_make_the_batch_costlier():
    batch = builder(budget=100)
    batch.take(10, 4)
    assert batch.take(50, 1) == 0
    assert batch.take(10, 9) == 6, "all ten cost 10 still"


def test_padding_is_bounded_by_a_quarter_of_the_real_cost_and_by_the_slack():
    # Four of 10 and k of 20: padding 40, allowed (40 + 20 k) / 4 + 20.
    batch = builder(slack=20)
    batch.take(10, 4)
    assert batch.take(20, 1) == 0, "40 of padding, and 35 are allowed"
    batch = builder(slack=25)
    batch.take(10, 4)
    assert batch.take(20, 1) == 1, "40 of 40 are allowed"


def test_the_usual_slack_is_64_and_the_usual_padding_a_quarter():
    assert (PADDING, SLACK, EXACT) == (0.25, 64, 256)
    batch = BatchBuilder(AMPLE, 0, 0, packed=False)
    batch.take(100, 1)
    assert batch.take(1, 9) == 0, "99 of padding for one, and 89.25 are allowed"
    assert batch.take(11, 9) == 1, "89 of padding, and 91.75 are allowed"


def test_an_item_that_pays_for_its_own_padding_always_joins():
    batch = builder(slack=0)
    batch.take(5, 1)
    assert batch.take(4, 3) == 3, "1 of padding each, which is a quarter of 4"


def test_padding_below_one_an_item_is_bounded_too():
    batch = builder(slack=0)
    batch.take(4, 1)
    assert batch.take(3, 9) == 4, "each adds a quarter to what is padded too much, and 1 is allowed"


def joins(batch, cost, *, max_items, budget, limit, packed, slack):
    """Whether one more item may join, by the definition of each bound."""
    grown = [*batch, cost]
    total, padded = sum(grown), len(grown) * max(grown)
    if not batch:
        return True
    if len(grown) > max_items or (limit and total > limit):
        return False
    if packed:
        return not budget or total <= budget
    return (not budget or padded <= budget) and padded - total <= PADDING * total + slack


@given(
    offers=st.lists(st.tuples(st.integers(1, 40), st.integers(1, 8)), min_size=1, max_size=6),
    max_items=st.integers(1, 30),
    budget=st.sampled_from([0, 30, 100, 400]),
    limit=st.sampled_from([0, 20, 90, 300]),
    packed=st.booleans(),
    slack=st.sampled_from([0, 8, 64]),
)
def test_as_many_join_as_would_one_by_one(offers, **bounds):
    filling, batch = BatchBuilder(**bounds), []
    for cost, num in offers:
        expected = 0
        while expected < num and joins(batch, cost, **bounds):
            batch.append(cost)
            expected += 1
        assert filling.take(cost, num) == expected


# In which order they are taken


def aged(*pairs):
    items = WaitingItems()
    for index, (cost, age) in enumerate(pairs):
        items.add(index, cost, age)
    return items


def test_items_of_one_cost_are_taken_by_the_age_they_were_given():
    items = aged((5, 30.0), (5, 10.0), (5, 20.0), (5, 10.0))
    assert items.cut(Recording(2)) == [1, 3]
    assert items.cut(Recording()) == [2, 0]


def test_the_lowest_age_is_the_oldest_whatever_it_costs():
    items = aged((500, 1.0), (7, 2.0), (90, 0.5))
    assert items.cut(Recording(1, 0)) == [2]
    assert items.remove(0, 500)
    assert items.cut(Recording(1, 0)) == [1]


def test_by_age_alone_those_that_do_not_fit_stay():
    items = aged((60, 1.0), (50, 2.0), (30, 3.0), (60, 0.0), (10, 4.0))
    assert items.cut_oldest(builder(limit=100)) == [3, 2, 4]
    assert items.cut_oldest(builder(limit=100)) == [0]
    assert items.cut_oldest(builder(limit=100)) == [1]
    assert items.num == 0


@pytest.mark.parametrize(("num", "taken"), [(7, [0, 8]), (8, [0])])
def test_by_age_alone_no_more_than_eight_are_passed(num, taken):
    items = aged((60, 0.0), *[(50 + each, 1.0) for each in range(num)], (10, 2.0))
    assert items.cut_oldest(builder(limit=100)) == taken


def test_what_is_taken_by_age_makes_room():
    items = aged((7, 0.0), (5, 1.0), (9, 2.0), (4, 2.5))
    assert items.remove(0, 7)
    assert items.cut_oldest(builder(max_items=2)) == [1, 2]
    items.add(4, 5, 3.0)
    items.add(5, 5, 4.0)
    assert items.cut_oldest(builder(max_items=3)) == [3, 4, 5]
    items.add(6, 8, 5.0)
    assert items.cut(Recording()) == [6]
    assert items.num == 0


@given(st.lists(st.tuples(st.integers(1, 300), st.integers(0, 9)), min_size=1, max_size=60), st.integers(1, 9))
def test_by_age_alone_the_oldest_come_first(pairs, most):
    items = aged(*pairs)
    taken = []
    while items.num:
        taken += items.cut_oldest(builder(max_items=most))
    # Of one place in the table, such as 300 and 301, as of equal costs.
    assert [pairs[index][1] for index in taken] == sorted(age for _, age in pairs)
    assert sorted(taken) == list(range(len(pairs)))


def test_items_come_from_the_cheapest_to_the_costliest():
    assert waiting(5, 9, 5, 1, 9).cut(Recording()) == [3, 0, 2, 1, 4]


def test_the_oldest_is_taken_first_then_the_nearest_in_cost():
    batch = Recording()
    waiting(50, 48, 55, 40, 90).cut(batch)
    assert [cost for cost, _ in batch.offered] == [50, 48, 55, 40, 90]


def test_of_two_that_are_equally_near_the_costlier_is_taken():
    batch = Recording()
    waiting(50, 45, 55).cut(batch)
    assert [cost for cost, _ in batch.offered] == [50, 55, 45]


def test_a_batch_ends_at_the_first_cost_that_does_not_fit_whole():
    items, batch = waiting(5, 5, 6, 6, 4), Recording(2, 1)
    assert items.cut(batch) == [0, 1, 2]
    assert batch.offered == [(5, 2), (6, 2)], "4 is as near, but is not asked for any more"
    assert items.num == 2
    assert items.cut(Recording()) == [4, 3], "the rest is there, and 3 was its oldest"
    assert items.num == 0


def test_a_cost_of_which_nothing_fits_keeps_all_its_items():
    items = waiting(5, 6, 6)
    assert items.cut(Recording(1, 0)) == [0]
    assert items.cut(Recording()) == [1, 2]


@pytest.mark.parametrize(("costs", "taken"), [
    ((255, 254), [1, 0]),
    ((256, 257), [0, 1]),
    ((257, 256), [0, 1]),
    ((1003, 1000), [0, 1]),
    ((1004, 1003), [1, 0]),
])  # fmt: skip
def test_large_costs_share_a_place_when_their_leading_eight_bits_agree(costs, taken):
    assert waiting(*costs).cut(Recording()) == taken


def test_a_large_cost_counts_as_the_highest_of_its_place():
    for cost, highest in ((255, 255), (256, 257), (1000, 1003), (4096, 4127)):
        batch = Recording()
        waiting(cost).cut(batch)
        assert batch.offered == [(highest, 1)]


def test_an_item_is_taken_back_once_and_only_from_its_place():
    items = waiting(5, 5, 300, 301, 9)
    assert items.remove(1, 5)
    assert not items.remove(1, 5)
    assert not items.remove(4, 7), "nothing of that cost waits"
    assert items.remove(2, 300)
    assert items.num == 3
    assert items.cut(Recording()) == [0, 4, 3]


def test_the_next_oldest_leads_when_the_oldest_is_taken_back():
    items, batch = waiting(5, 50, 5, 90), Recording()
    assert items.remove(0, 5)
    assert items.cut(Recording(1, 0)) == [1]
    assert items.cut(batch) == [2, 3]
    assert batch.offered == [(5, 1), (90, 1)]


def test_a_cost_whose_last_item_is_taken_back_is_gone():
    items, batch = waiting(5, 9), Recording()
    assert items.remove(0, 5)
    assert items.cut(batch) == [1]
    assert batch.offered == [(9, 1)]
    assert items.num == 0


class Plain:
    """`WaitingItems` as a list, in as many lines as its definition has sentences."""

    def __init__(self):
        self.items = []

    def add(self, index, cost):
        highest = cost
        while cost >= EXACT and (highest + 1) >> (cost.bit_length() - 8) == cost >> (cost.bit_length() - 8):
            highest += 1
        self.items.append((highest, index))

    def remove(self, index):
        found = [each for each in self.items if each[1] == index]
        self.items = [each for each in self.items if each not in found]
        return bool(found)

    def cut(self, filling):
        costs = sorted({cost for cost, _ in self.items})
        oldest = next(cost for cost, _ in self.items)
        nearest = sorted(costs, key=lambda cost: (cost < oldest, abs(cost - oldest)))
        taken, low, high = [], oldest, oldest
        while nearest:
            cost = min(nearest, key=lambda each: (min(abs(each - low), abs(each - high)), each < low))
            nearest.remove(cost)
            low, high = min(low, cost), max(high, cost)
            group = [each for each in self.items if each[0] == cost]
            num = filling.take(cost, len(group))
            taken += group[:num]
            if num < len(group):
                break
        self.items = [each for each in self.items if each not in taken]
        return {index for _, index in taken}


@given(
    rounds=st.lists(
        st.tuples(
            st.lists(st.one_of(st.integers(0, 20), st.integers(250, 300), st.integers(0, 5000)), max_size=12),
            st.lists(st.integers(0, 3), min_size=1, max_size=4),
            st.lists(st.integers(0, 20), max_size=4),
        ),
        max_size=6,
    )
)
def test_batches_are_those_of_the_plain_definition(rounds):
    fast, plain, given_costs = WaitingItems(), Plain(), []
    for costs, takes, dropped in rounds:
        for cost in costs:
            fast.add(len(given_costs), cost)
            plain.add(len(given_costs), cost)
            given_costs.append(cost)
        for index in dropped:
            if index < len(given_costs):
                assert fast.remove(index, given_costs[index]) == plain.remove(index)
        takes = [max(1, takes[0]), *takes[1:], 0]
        if plain.items:
            rank = {at: cost for cost, at in plain.items}
            taken = fast.cut(Recording(*takes))  # type: ignore[arg-type]
            assert set(taken) == plain.cut(Recording(*takes))
            assert [rank[at] for at in taken] == sorted(rank[at] for at in taken)
        assert fast.num == len(plain.items)
