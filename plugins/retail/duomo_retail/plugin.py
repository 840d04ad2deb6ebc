"""What this plugin adds; nothing heavy is imported here."""

from collections.abc import Iterable

from duomo import AdapterSpec, Hooks, hookimpl

TABLES = ("csv", "jsonl", "parquet")

DEMAND_FORECAST = AdapterSpec(
    "retail/demand-forecast",
    "duomo_retail.forecast:DemandForecast",
    "demand of each article in the periods to come, as quantiles",
    "retail",
    intended_use="planning stock and staff from past sales, with price, promotion and stock-outs where they are known",
    not_for=(
        "articles that were never sold",
        "sales read as demand where stock-outs were not recorded",
        "intervals from a handful of observations",
    ),
    disclaimer="A forecast from past sales; it knows nothing of what never happened before.",
    inputs=TABLES,
    human_review="advised",
)
INVENTORY_POLICY = AdapterSpec(
    "retail/inventory-policy",
    "duomo_retail.inventory:InventoryPolicy",
    "how much to order and when, from quantiles of demand and costs",
    "retail",
    intended_use="order-up-to levels, reorder points and order sizes of single articles",
    not_for=(
        "quantiles whose coverage was not checked",
        "orders that share a truck, a shelf or a budget",
        "articles that expire within several periods",
    ),
    disclaimer="As good as the quantiles and costs it was given; orders that share money or room are not weighed up.",
    inputs=TABLES,
    human_review="advised",
)
PRODUCT_SEARCH = AdapterSpec(
    "retail/product-search",
    "duomo_retail.search:ProductSearch",
    "products for a shopper's words or image",
    "retail",
    tasks=("multimodal-embedding",),
    intended_use="finding products by meaning and by word in a catalogue of up to a million",
    not_for=("an answer that must be exact, such as a part number alone", "claims about what a product does"),
    disclaimer="Ordered by likeness of meaning and words; that a product is right or safe for a use is not claimed.",
    inputs=TABLES,
    human_review="none",
)
CUSTOMER_VALUE = AdapterSpec(
    "retail/customer-value",
    "duomo_retail.customers:CustomerValue",
    "how often a customer will buy again, and for how much",
    "retail",
    intended_use="ranking and budgeting over many customers who buy without a contract",
    not_for=("prices, credit or service that depend on the single person", "subscriptions: see retail/churn"),
    disclaimer="An expectation over many alike customers; for one person it is mostly wrong.",
    inputs=TABLES,
    risk="limited",
    regimes=("GDPR art. 22",),
    data_classes=("PII",),
    human_review="advised",
)
CHURN = AdapterSpec(
    "retail/churn",
    "duomo_retail.churn:Churn",
    "how likely a subscriber is to leave, with reasons",
    "retail",
    intended_use="choosing whom to make an offer to, at a cost and a benefit that are known",
    not_for=("decisions about a single person without human review", "customers without a contract"),
    disclaimer="A rate among customers like this one, and no statement about the person; supports a choice only.",
    inputs=TABLES,
    risk="limited",
    regimes=("GDPR art. 22",),
    data_classes=("PII",),
    human_review="advised",
)
RECOMMEND = AdapterSpec(
    "retail/recommend",
    "duomo_retail.recommend:Recommend",
    "what a shopper may want next, from what shoppers took",
    "retail",
    intended_use="lists of items for shoppers with a history",
    not_for=("shoppers and items that were never seen", "figures from a random split"),
    disclaimer="From what others took together; popular items come up more often than they are wanted.",
    inputs=TABLES,
    data_classes=("PII",),
    human_review="none",
)


class Retail(Hooks):
    """Demand, stock, product search, customer value, churn, recommendations."""

    @hookimpl
    def register_adapters(self) -> Iterable[AdapterSpec]:
        return DEMAND_FORECAST, INVENTORY_POLICY, PRODUCT_SEARCH, CUSTOMER_VALUE, CHURN, RECOMMEND


plugin = Retail()
