"""How near texts are: the nearest of known names, which an error offers for one that is not known, and edits."""

import re
from collections.abc import Callable, Iterable, Sequence

LONGEST = 1000
"""Characters of a name that are looked at: a server is sent names of any length."""


def nearest(name: str, known: Iterable[str], count: int = 3, *, least: float = 0.6) -> list[str]:
    """The names most like `name`, best first; also finds a bare ``thing`` behind ``plugin/thing``.

    Near are spellings, and then names whose words are all in `name` or the other way round: ``labels`` for
    ``candidate_labels``, ``image-classification`` for ``image``. `least` says how alike they must be, in [0, 1].
    Neither capitals nor what stands between words count: ``topk`` is ``--top-k``.
    """
    name = name[:LONGEST]
    to_name, to_tail = _likeness(name, least), _likeness(_tail(name), least)
    whole = {each: to_name(each) for each in known if each}
    alike = {each: max(found, to_tail(_tail(each))) for each, found in whole.items()}
    # Of two things of one name, that of the plugin named.
    ranked = sorted(filter(alike.__getitem__, alike), key=lambda each: (-alike[each], -whole[each], each))
    typed = _words(name)
    close = [each for each in ranked if alike[each] >= max(least, 0.75)]
    close += [each for each in sorted(alike) if typed and (typed <= _words(each) or _words(each) <= typed)]
    return list(dict.fromkeys([*close, *ranked]))[:count]


def _likeness(name: str, least: float) -> Callable[[str], float]:
    """How alike another is to `name`; 0 where it is less than `least`, which is found out sooner than how alike."""
    import difflib  # only a mistake needs it

    matcher = difflib.SequenceMatcher(None, "", _folded(name))

    def alike(other: str) -> float:
        matcher.set_seq1(_folded(other))
        is_near = matcher.real_quick_ratio() >= least and matcher.quick_ratio() >= least
        found = matcher.ratio() if is_near else 0.0
        return found if found >= least else 0.0

    return alike


def _folded(name: str) -> str:
    return re.sub(r"[-_./: ]+", "", name.lower())


def _tail(name: str) -> str:
    return name.rpartition("/")[2]


def _words(name: str) -> set[str]:
    return set(re.split(r"[-_./: ]+", name.lower())) - {""}


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``Did you mean 'a' or 'b'?``, or an empty string when nothing is near."""
    close = nearest(name, known)
    return f"Did you mean {' or '.join(repr(each) for each in close)}?" if close else ""


def edits(first: Sequence[object], second: Sequence[object]) -> int:
    """Insertions, deletions and replacements that make one sequence the other (Levenshtein 1966)."""
    above = list(range(len(second) + 1))
    for at, one in enumerate(first, 1):
        row = [at]
        for place, other in enumerate(second, 1):
            row.append(min(above[place] + 1, row[-1] + 1, above[place - 1] + (one != other)))
        above = row
    return above[-1]
