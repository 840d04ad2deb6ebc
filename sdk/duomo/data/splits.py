"""Rows into a training and a validation part: equal inputs stay on one side, classes keep their shares."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Hashable, Sequence


def split(
    groups: Sequence[Hashable], strata: Sequence[Hashable], held_out: float, seed: int
) -> tuple[list[int], list[int]]:
    """Places of the rows to train on and of those to hold out, each in order.

    Args:
        groups: one for each row; rows of one group stay together, such as those with equal inputs.
        strata: one for each row, such as its label; each is held out in about the same share, and one of two groups
            or more has at least one on each side.
        held_out: share of the rows, between 0 and 1.
        seed: equal seeds give equal parts.
    """
    members: dict[Hashable, list[int]] = defaultdict(list)
    for at, group in enumerate(groups):
        members[group].append(at)
    by_stratum: dict[Hashable, list[list[int]]] = defaultdict(list)
    for rows in members.values():
        by_stratum[strata[rows[0]]].append(rows)
    held: list[int] = []
    for stratum, blocks in by_stratum.items():
        random.Random(f"{seed}/{stratum!r}").shuffle(blocks)
        wanted = held_out * sum(map(len, blocks))
        taken, count = list[list[int]](), 0
        # A large group is passed over for smaller ones; one group is trained on, whatever its size.
        for block in blocks:
            if len(taken) < len(blocks) - 1 and count + len(block) / 2 <= wanted:
                taken.append(block)
                count += len(block)
        if not taken and len(blocks) > 1:
            taken.append(min(blocks, key=len))
        held += [row for block in taken for row in block]
    chosen = set(held)
    return [at for at in range(len(groups)) if at not in chosen], sorted(held)
