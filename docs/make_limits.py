"""Write docs/limits.md: what models and adapters say that they cannot do, and what is known of the rest."""

from pathlib import Path

from duomo import Catalog, Selection

PAGE = Path(__file__).with_name("limits.md")
KNOWN = Path(__file__).with_name("known_limits.txt")
"""Weak spots of the whole, written by hand: one paragraph a line, sections begin with ``# ``."""
OURS = ("edge", "finance", "medical", "multimodal", "nlp", "retail", "speech", "tabular", "vision")
HEAD = """# Known limits

<!-- Made by docs/make_limits.py from docs/known_limits.txt and the plugins' specs; `make docs` writes it again. -->

What is known to be weak, by part. What models and adapters say of themselves is also shown by `duomo models show NAME`
and `duomo adapters show NAME`.
"""


def page() -> str:
    """The whole page."""
    catalog = Catalog(Selection(frozenset(OURS)))
    parts = [HEAD, known(KNOWN.read_text("utf-8")), "\n## Models\n\n| model | task | limits |\n|---|---|---|\n"]
    models = sorted(catalog.models, key=lambda each: (each.name, each.task))
    parts += [f"| `{each.name}` | {each.task} | {each.limits.rstrip('.')} |\n" for each in models if each.limits]
    parts.append("\n## Adapters\n\n| adapter | not for |\n|---|---|\n")
    adapters = sorted(catalog.adapters.values())
    parts += [f"| `{each.name}` | {'; '.join(each.not_for)} |\n" for each in adapters if each.not_for]
    return "".join(parts)


def known(text: str) -> str:
    """The part written by hand, as sections of bullets."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return "".join(f"\n## {line[2:]}\n\n" if line.startswith("# ") else f"- {line}\n" for line in lines)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
