"""How often a customer will buy, and for how much: BG/NBD and Gamma-Gamma, fitted by maximum likelihood.

Fader, Hardie and Lee, "'Counting your customers' the easy way", Marketing Science 2005 (BG/NBD), and "RFM and CLV",
Journal of Marketing Research 2005 (Gamma-Gamma for the value of a purchase). Both describe buying without a
contract: a customer who left says nothing, and can only be guessed from a silence that is long for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from duomo.adapters import Artifact, FittedOn
from duomo.errors import UsageProblem

if TYPE_CHECKING:
    from collections.abc import Callable

Array = NDArray[np.float64]


class Purchases(NamedTuple):
    """What the models know of each customer, (n,) each; times in one unit, such as weeks."""

    frequency: Array
    """Repeat purchases: the first does not count."""
    recency: Array
    """Time from the first purchase to the last; 0 when there was one."""
    age: Array
    """Time from the first purchase to the end of what was seen."""


class BgNbd(Artifact):
    """Beta-geometric / negative binomial: buying at a rate of one's own until, after some purchase, one leaves."""

    kind: ClassVar[str] = "retail.bg-nbd/1"
    r: float
    alpha: float
    a: float
    b: float

    @classmethod
    def fit(cls, seen: Purchases, *, fitted_on: FittedOn | None = None) -> Self:
        """Fit to customers, best to a thousand or more. Raises `UsageProblem` when nobody came back."""
        if not (seen.frequency > 0).any():
            raise UsageProblem(
                "BG/NBD cannot be fitted", why="no customer bought twice", fix="take a longer period, or more customers"
            )
        scale = 10 / float(seen.age.max())  # the optimiser wants times near ten
        scaled = Purchases(seen.frequency, seen.recency * scale, seen.age * scale)
        r, alpha, a, b = _maximise(lambda p: _bg_nbd(p, scaled), 4)
        on = fitted_on or FittedOn(n=len(seen.age))
        return cls(r=r, alpha=alpha / scale, a=a, b=b, fitted_on=on)

    def probability_alive(self, seen: Purchases) -> Array:
        """Chance that each customer has not left, (n,); 1 for those who bought once, as the model has it."""
        x, recency, age = seen
        odds = self.a / (self.b + np.maximum(x, 1) - 1) * ((self.alpha + age) / (self.alpha + recency)) ** (self.r + x)
        return np.where(x > 0, 1 / (1 + odds), 1.0)

    def expected_purchases(self, seen: Purchases, time: float) -> Array:
        """Purchases of each customer in the next `time`, given what was seen, (n,).

        The paper's closed form (equation 10) is c / (a - 1) times a difference of two numbers near one: where hardly
        anybody leaves, c is large and nothing of the difference is left. Its derivative by time has none, so that is
        integrated, over the logarithm of time. By Pfaff's transformation the number of purchases is in none of the
        series' large parameters; where that one overflows, since nearly everybody leaves, the other is taken.
        """
        from scipy.special import hyp2f1

        x, _, age = seen
        r, a, b = (self.r + x)[:, None], self.a, (self.b + x)[:, None]
        top = np.log1p(time / (self.alpha + age))
        places, weights = np.polynomial.legendre.leggauss(_PLACES)
        at = top[:, None] * (places + 1) / 2
        with np.errstate(over="ignore", invalid="ignore"):
            rates = hyp2f1(a + self.b - self.r - 1, a, a + b, -np.expm1(-at)) * np.exp((1 - a) * at)
            if not np.isfinite(rates).all():
                other = hyp2f1(r + 1, a, a + b, -np.expm1(at)) * np.exp(at)
                rates = np.where(np.isfinite(rates), rates, other)
        return np.asarray((r * rates) @ weights * top / 2 * self.probability_alive(seen))


class GammaGamma(Artifact):
    """The mean value of a customer's purchases, drawn towards everybody's mean the fewer of them there are."""

    kind: ClassVar[str] = "retail.gamma-gamma/1"
    p: float
    q: float
    v: float

    @classmethod
    def fit(cls, frequency: Array, value: Array, *, fitted_on: FittedOn | None = None) -> Self:
        """Fit to customers who came back.

        Args:
            frequency: repeat purchases, (n,), all above 0.
            value: mean value of those purchases, (n,), all above 0.
            fitted_on: the data's fingerprint.
        """
        if not len(value) or (frequency <= 0).any() or (value <= 0).any():
            raise UsageProblem(
                "Gamma-Gamma cannot be fitted",
                why="it needs customers with repeat purchases of a value above 0",
                fix="leave out the others: they get everybody's mean",
            )
        scale = float(value.mean())  # far from one, the likelihood has a flat ridge on which the optimiser gets lost
        # With q of 1 or less there would be no mean for those who bought once, and a negative one by the formula.
        p, above, v = _maximise(lambda theta: _gamma_gamma(theta + _ABOVE_ONE, frequency, value / scale), 3)
        q = 1 + above
        return cls(p=p, q=q, v=v * scale, fitted_on=fitted_on or FittedOn(n=len(value)))

    def expected_value(self, frequency: Array, value: Array) -> Array:
        """Mean value of each customer's purchases to come, (n,); everybody's for those with none so far."""
        total = np.where(frequency > 0, frequency * value, 0.0)
        return np.asarray(self.p * (self.v + total) / (self.p * frequency + self.q - 1))


_PLACES = 32
"""At which the rate of buying is looked at, from now to the horizon."""
_FARTHEST = 7.0
"""The logarithm of a parameter stays within: customers who are all alike, or never leave, have it at infinity."""
_ABOVE_ONE = np.array([0.0, 1.0, 0.0])


def _bg_nbd(parameters: Array, seen: Purchases) -> float:
    """Log-likelihood; equation 6 of the paper, in the form that does not overflow."""
    from scipy.special import betaln, gammaln

    r, alpha, a, b = parameters
    x, recency, age = seen
    first = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
    ratio = betaln(a, b + x) - betaln(a, b)
    stayed = ratio - (r + x) * np.log(alpha + age)
    left = np.where(
        x > 0,
        np.log(a) - np.log(b + np.maximum(x, 1) - 1) + ratio - (r + x) * np.log(alpha + recency),
        -np.inf,
    )
    return float((first + np.logaddexp(stayed, left)).sum())


def _gamma_gamma(parameters: Array, x: Array, value: Array) -> float:
    from scipy.special import gammaln

    p, q, v = parameters
    terms = (
        gammaln(p * x + q) - gammaln(p * x) - gammaln(q)
        + q * np.log(v) + (p * x - 1) * np.log(value) + p * x * np.log(x)
        - (p * x + q) * np.log(x * value + v)
    )  # fmt: skip
    return float(terms.sum())


def _maximise(likelihood: Callable[[Array], float], count: int) -> list[float]:
    """Positive parameters of the greatest likelihood, by their logarithms; a simplex, and then a polish."""
    from scipy.optimize import minimize

    def loss(logs: Array) -> float:
        value = likelihood(np.exp(np.clip(logs, -_FARTHEST, _FARTHEST)))
        return -value if np.isfinite(value) else 1e300

    found = minimize(loss, np.full(count, 0.1), method="Nelder-Mead", options={"maxiter": 4000, "fatol": 1e-9})
    found = minimize(loss, found.x, method="Nelder-Mead", options={"maxiter": 4000, "xatol": 1e-8, "fatol": 1e-10})
    return [float(each) for each in np.exp(np.clip(found.x, -_FARTHEST, _FARTHEST))]
