"""Whether what comes and what goes out is still what it was: a reference window against the present one.

A signal is a number (compared by Kolmogorov and Smirnov's statistic) or a name out of a few (by the population
stability index, PSI). Each full window is one test. The chance of a false alarm is `ALPHA` over all tests that a server
will ever make and all its signals: test number k has the share 6 / (pi² k²) of it. A small change that is not worth
an alarm, however sure, is none: KS and PSI must also pass their own thresholds.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import math
import os
import re
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from pathlib import Path

from duomo.outcome import Meta
from duomo.replacing import replacing

LOG = logging.getLogger("duomo.drift")
ALPHA = 0.01
REFERENCE, WINDOW = 500, 250
"""Items of the reference, and of the window that is compared with it."""
PSI_BOUND, KS_BOUND = 0.2, 0.15
"""The usual bound of a shift that matters; and the share of the items by which two distributions must differ."""
LEAST_COUNT = 10
"""A name that comes less often, in both windows together, counts with all others that do."""
Value = float | str


@dataclasses.dataclass(frozen=True, slots=True)
class Shift:
    """How one signal differs from its reference."""

    signal: str
    statistic: float
    """KS or PSI."""
    kind: str
    """``ks`` or ``psi``."""
    p: float
    """Chance of such a difference without a shift."""
    alarm: bool


class Drift:
    """The windows of one model.

    Args:
        path: where the reference is kept, so that it outlives the process; it is made of the first items where there is
            no such file.
        reference: items of the reference.
        window: items of each window that is compared with it.
    """

    def __init__(
        self, path: str | os.PathLike[str] | None = None, *, reference: int = REFERENCE, window: int = WINDOW
    ) -> None:
        self._path = Path(path) if path is not None else None
        self._size, self._window = reference, window
        self._reference: dict[str, list[Value]] = {}
        self._present: dict[str, deque[Value]] = {}
        self._tests: Counter[str] = Counter()
        self._found: dict[str, Shift] = {}
        if self._path is not None and self._path.exists():
            self._reference = self._read(self._path)

    @property
    def has_reference(self) -> bool:
        """Whether the reference of any signal is complete."""
        return any(len(values) >= self._size for values in self._reference.values())

    def observe(self, signals: Mapping[str, Value]) -> None:
        """Take the signals of one item; what could not be measured is left out."""
        for name, value in signals.items():
            reference = self._reference.setdefault(name, [])
            if len(reference) < self._size:
                reference.append(value)
                if len(reference) == self._size and self._path is not None:
                    self._keep(self._path)
                continue
            present = self._present.setdefault(name, deque())
            present.append(value)
            if len(present) == self._window:
                self._test(name, reference, list(present))
                present.clear()

    def shifts(self) -> list[Shift]:
        """Return the last test of each signal."""
        return [self._found[name] for name in sorted(self._found)]

    def _read(self, path: Path) -> dict[str, list[Value]]:
        try:
            found = json.loads(path.read_text("utf-8"))
            if not isinstance(found, dict) or not all(isinstance(each, list) for each in found.values()):
                raise ValueError("it is not an object of lists")
            return found
        except (OSError, ValueError) as error:
            LOG.warning("the windows in %s cannot be read (%s): they are made again", path, error)
            return {}

    def _keep(self, path: Path) -> None:
        """Write the file whole or not at all; the item that was answered is not at fault when that fails."""
        try:
            with replacing(path) as fresh:
                fresh.write_text(json.dumps(self._reference), "utf-8")
        except OSError as error:
            LOG.warning("the windows that drift is compared with cannot be kept: %s", error)

    def _test(self, name: str, reference: Sequence[Value], present: Sequence[Value]) -> None:
        self._tests[name] += 1
        share = ALPHA * 6 / (math.pi**2 * self._tests[name] ** 2) / len(self._reference)
        numbers = [each for each in reference if isinstance(each, int | float)]
        if len(numbers) == len(reference):
            statistic, p = ks(numbers, [float(each) for each in present])
            self._found[name] = Shift(name, statistic, "ks", p, p < share and statistic > KS_BOUND)
        else:
            statistic, p = psi([str(each) for each in reference], [str(each) for each in present])
            self._found[name] = Shift(name, statistic, "psi", p, p < share and statistic > PSI_BOUND)


class Windows:
    """The windows of each model that serves a task: its own, since the results of another model are others.

    Args:
        task: its name.
        folder: where references are kept, made where it is not there; in memory only when left out.
    """

    def __init__(self, task: str, folder: str | os.PathLike[str] | None = None) -> None:
        self._task = task
        self._folder = Path(folder) if folder is not None else None
        self._of: dict[tuple[str, str], Drift] = {}
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)

    def of(self, meta: Meta) -> Drift:
        """Return those of a model; the same ones when it serves again."""
        key = meta.model, meta.revision
        if key not in self._of:
            self._of[key] = Drift(self._path(*key))
        return self._of[key]

    def _path(self, model: str, revision: str) -> Path | None:
        if self._folder is None:
            return None
        digest = hashlib.sha256(f"{model}\n{revision}".encode()).hexdigest()[:8]
        words = re.sub(r"[^A-Za-z0-9.]+", "-", f"{self._task} {model}")[:100]
        return self._folder / f"{words}-{digest}.json"


def ks(reference: Sequence[float], present: Sequence[float]) -> tuple[float, float]:
    """Return the largest difference of two distributions, and its chance without a shift (two-sample, asymptotic)."""
    import numpy as np

    first, second = np.sort(reference), np.sort(present)
    n, m = len(first), len(second)
    both = np.concatenate([first, second])
    shares = [np.searchsorted(each, both, "right") / len(each) for each in (first, second)]
    distance = float(np.abs(shares[0] - shares[1]).max())
    root = math.sqrt(n * m / (n + m))
    scaled = (root + 0.12 + 0.11 / root) * distance
    if scaled < 0.2:  # the series converges slowly there, and its sum is 1
        return distance, 1.0
    p = 2 * sum((-1) ** (k - 1) * math.exp(-2 * (k * scaled) ** 2) for k in range(1, 101))
    return distance, min(1.0, max(0.0, p))


def psi(reference: Sequence[str], present: Sequence[str]) -> tuple[float, float]:
    """Return the population stability index of names, and its chance without a shift.

    Half a count is added to each name, since an empty one would make it infinite. Times nm / (n + m) it is spread
    nearly as chi square, whose chance is taken by Wilson and Hilferty's cube root.
    """
    known = [name for name, count in Counter([*reference, *present]).items() if count >= LEAST_COUNT]
    counts = [_counts(each, known) for each in (reference, present)]
    names = [name for name in (*known, None) if counts[0][name] + counts[1][name]]
    n, m, k = len(reference), len(present), len(names)
    if k < 2:
        return 0.0, 1.0
    found = 0.0
    for name in names:
        before, now = ((counts[at][name] + 0.5) / (size + 0.5 * k) for at, size in ((0, n), (1, m)))
        found += (now - before) * math.log(now / before)
    freedom = k - 1
    square = max(0.0, found) * n * m / (n + m)  # rounding may leave a sum of nothing below zero
    normal = ((square / freedom) ** (1 / 3) - (1 - 2 / (9 * freedom))) / math.sqrt(2 / (9 * freedom))
    return found, 0.5 * math.erfc(normal / math.sqrt(2))


def _counts(names: Sequence[str], known: Sequence[str]) -> Counter[str | None]:
    kept = set(known)
    return Counter(name if name in kept else None for name in names)
