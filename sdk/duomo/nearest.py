"""The nearest of known names: what an error offers for one that is not known."""

import re
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str], count: int = 3, *, least: float = 0.6) -> list[str]:
    """The names most like `name`, best first; also finds a bare ``thing`` behind ``plugin/thing``.

    Near are spellings, and then names whose words are all in `name` or the other way round: ``labels`` for
    ``candidate_labels``, ``image-classification`` for ``image``. `least` says how alike they must be, in [0, 1].
    Neither capitals nor what stands between words count: ``topk`` is ``--top-k``.
    """
    alike = {each: max(_alike(name, each), _alike(_tail(name), _tail(each))) for each in known}
    # Of two things of one name, that of the plugin named.
    ranked = sorted(alike, key=lambda each: (-alike[each], -_alike(name, each), each))
    typed = _words(name)
    close = [each for each in ranked if alike[each] >= max(least, 0.75)]
    close += [each for each in sorted(alike) if typed and (typed <= _words(each) or _words(each) <= typed)]
    close += [each for each in ranked if alike[each] >= least]
    return list(dict.fromkeys(close))[:count]


def _alike(one: str, other: str) -> float:
    import difflib  # only a mistake needs it

    return difflib.SequenceMatcher(None, _folded(other), _folded(one)).ratio()


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
