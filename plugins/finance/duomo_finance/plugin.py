"""What this plugin adds; nothing heavy is imported here."""

from collections.abc import Iterable

from duomo import AdapterSpec, Hooks, hookimpl

SUPPORTS = "Supports the work of qualified people; no advice, and no claim to satisfy any rule."

CREDIT_SCORE = AdapterSpec(
    "finance/credit-score",
    "duomo_finance.credit:CreditScore",
    "how likely an applicant is to default, in points, with at most four reasons",
    "finance",
    disclaimer=f"{SUPPORTS} A person decides on credit, and can be asked why.",
    intended_use="to rank and price applications for consumer credit in a process with human oversight",
    not_for=(
        "decisions without a person who can overrule them",
        "populations other than the one it was fitted on",
        "employment, insurance or tenancy",
    ),
    inputs=("csv", "jsonl", "parquet"),
    risk="high",
    regimes=("ECOA/RegB", "EU-AI-Act:III.5b", "GDPR:22"),
    data_classes=("PII",),
    human_review="required",
)
FRAUD = AdapterSpec(
    "finance/fraud",
    "duomo_finance.fraud:Fraud",
    "which payments to look at first, within the alerts that people can work through",
    "finance",
    disclaimer=f"{SUPPORTS} An alert is a reason to look, not a finding of fraud.",
    intended_use="to order payments for review",
    not_for=("blocking payments or accounts without review", "credit decisions", "naming a person a fraudster"),
    inputs=("csv", "jsonl", "parquet"),
    risk="limited",
    regimes=("EU-AI-Act:III.5b (exempts fraud detection)",),
    data_classes=("PII",),
    human_review="required",
)
BACKTEST = AdapterSpec(
    "finance/backtest",
    "duomo_finance.backtest:Backtest",
    "what a strategy would have earned after costs, and how far its risk forecast held",
    "finance",
    disclaimer=f"{SUPPORTS} What was earned in the past need not be earned again.",
    intended_use="to find out that a strategy does not work, before money does",
    not_for=("investment advice", "regulatory capital", "intraday strategies on daily bars"),
    inputs=("csv", "jsonl", "parquet"),
    risk="limited",
    regimes=("MiFID-II:17", "Basel:MAR32"),
    human_review="advised",
)
NEWS_SENTIMENT = AdapterSpec(
    "finance/news-sentiment",
    "duomo_finance.news:NewsSentiment",
    "the tone of a news item as of a moment, with the tickers it names",
    "finance",
    tasks=("text-classification",),
    disclaimer=f"{SUPPORTS} Tone is not a forecast of prices.",
    intended_use="to sort and search news by tone and company",
    not_for=("trading without a test on later prices", "languages and styles that its model was not made for"),
    inputs=("csv", "jsonl", "parquet"),
    risk="minimal",
    regimes=("MAR:7",),
    human_review="advised",
)
DOCUMENT_FIELDS = AdapterSpec(
    "finance/document-fields",
    "duomo_finance.filings:DocumentFields",
    "the figures of a filing (XBRL, inline XBRL), with the sums that must come out",
    "finance",
    disclaimer=f"{SUPPORTS} Figures are as filed; their truth is the filer's.",
    intended_use="to read figures out of filings, and to find those that do not add up",
    not_for=("validation against a taxonomy", "audit"),
    inputs=("xbrl", "ixbrl"),
    risk="minimal",
    regimes=("ESEF",),
    human_review="advised",
)
DOCUMENT_SCAN = AdapterSpec(
    "finance/document-scan",
    "duomo_finance.scans:DocumentScan",
    "the figures of a photographed or scanned statement, by labels beside them or by questions",
    "finance",
    tasks=("optical-character-recognition", "question-answering"),
    disclaimer=f"{SUPPORTS} Figures are as read; look at the page before using one.",
    intended_use="to find figures on pages for a person to confirm",
    not_for=("posting figures unseen", "handwriting"),
    inputs=("png", "jpg", "tif"),
    risk="minimal",
    human_review="required",
)


class Finance(Hooks):
    """Credit, markets, fraud, news and filings."""

    @hookimpl
    def register_adapters(self) -> Iterable[AdapterSpec]:
        return (CREDIT_SCORE, BACKTEST, FRAUD, NEWS_SENTIMENT, DOCUMENT_FIELDS, DOCUMENT_SCAN)


plugin = Finance()
