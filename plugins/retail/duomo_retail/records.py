"""What retail adapters take: a series of sales, a stocking question, a product, a customer, a shopper's history."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

import pydantic

from duomo.adapters import Inputs


def _written(when: object) -> object:
    """A date of Python, NumPy or pandas as ISO text; everything else as it is."""
    if isinstance(when, dt.date):
        return when.isoformat()
    return str(when) if type(when).__name__ in ("datetime64", "Period") else when


Written = pydantic.BeforeValidator(_written)


class DemandSeries(Inputs):
    """Sales of one article (in one place): one value per period, oldest first. Lists are of equal length.

    Rows at the end without `y` are the future, for what is known of it: price and promotion.
    """

    unique_id: str
    ds: list[Annotated[str | int, Written]]
    """ISO dates, or numbers that count periods."""
    y: list[float | None]
    """Units sold."""
    price: list[float | None] = pydantic.Field(default_factory=list)
    promo: list[float | None] = pydantic.Field(default_factory=list)
    """1 while promoted, 0 otherwise."""
    in_stock: list[bool | None] = pydantic.Field(default_factory=list)
    """Whether the article could be bought throughout the period."""
    currency: list[str | None] = pydantic.Field(default_factory=list)
    unit: list[str | None] = pydantic.Field(default_factory=list)
    """Unit of `y`, such as ``pieces`` or ``kg``."""


class StockQuestion(Inputs):
    """How much of an article to keep: its forecast, its costs and how it is bought."""

    model_config = pydantic.ConfigDict(allow_inf_nan=False)

    sku: str
    levels: list[float]
    """Levels of the quantiles, ascending in (0, 1)."""
    period_quantiles: list[float]
    """Demand of one period at each level."""
    protection_quantiles: list[float] = pydantic.Field(default_factory=list)
    """Demand at each level over lead time and review together; needed when these make more than one period."""
    calibrated: bool = False
    """Whether someone checked that the quantiles cover what they promise."""
    policy: Literal["newsvendor", "base-stock", "s-S", "r-Q"] = "base-stock"
    holding: float = pydantic.Field(gt=0)
    """Cost of a unit left over, per period."""
    shortage: float = pydantic.Field(gt=0)
    """Cost of a unit short, per period."""
    ordering: float = pydantic.Field(default=0.0, ge=0)
    lead_time: int = pydantic.Field(default=0, ge=0, le=10_000)
    """Periods until an order arrives."""
    review: int = pydantic.Field(default=1, ge=1, le=10_000)
    """Periods between orders: the R of (R, S)."""
    on_hand: float = 0.0
    """Units there, less those promised."""
    on_order: float = pydantic.Field(default=0.0, ge=0)
    minimum_order: float = pydantic.Field(default=0.0, ge=0)
    pack_size: float = pydantic.Field(default=0.0, ge=0)
    """Orders are whole multiples of it; 0 for any amount."""
    unit: str = ""
    """Unit of the quantiles, the stock and the pack."""
    cost_unit: str = ""
    """Costs are per this unit; the same as `unit` when left empty."""
    currency: str = ""
    ordering_currency: str = ""
    """Currency of `ordering`, when it is not `currency`."""


class Product(Inputs):
    """One product of a catalogue."""

    product_id: str
    name: str = ""
    category: list[str] = pydantic.Field(default_factory=list)
    """From the department down."""
    description: str = ""
    brand: str = ""
    image: str = ""
    """Path of an image."""
    facets: dict[str, str] = pydantic.Field(default_factory=dict)
    """What results can be narrowed by."""


class Customer(Inputs):
    """What one customer bought, one entry a purchase, in any order."""

    customer_id: str
    dates: list[Annotated[str, Written]]
    amounts: list[float]
    currency: list[str | None] = pydantic.Field(default_factory=list)


class History(Inputs):
    """What one shopper took, oldest first."""

    user_id: str
    items: list[str]
    times: list[Annotated[float | str, Written]] = pydantic.Field(default_factory=list)


class ShopperQuery(Inputs):
    """What a shopper looks for: words, or an image."""

    text: str = ""
    image: str = ""
    """Path of an image."""
    facets: dict[str, str] = pydantic.Field(default_factory=dict)
    """Only products with these."""
    top_k: int = pydantic.Field(default=0, ge=0, le=1000)
    """0 for as many as the ranking says."""
