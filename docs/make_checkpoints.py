"""Write docs/checkpoints.md from the tables that the loaders read; tests/docs compares the two."""

from pathlib import Path

from duomo_nlp import honoured

PAGE = Path(__file__).with_name("checkpoints.md")
HEAD = """# What a checkpoint says

<!-- Made by docs/make_checkpoints.py; `make docs` writes it again. -->

A checkpoint is more than its tensors: the files beside them say how texts are prepared and how answers are written.
Each entry is *applied*, has *no effect* on the result here, or is *refused* when the checkpoint is loaded, with its
name. Where the caller says something else, the caller's word counts.
"""


def page() -> str:
    """The whole page."""
    return HEAD + "".join(section(title, entries) for title, entries in honoured.FILES.items())


def section(title: str, entries: dict[str, honoured.Entry]) -> str:
    """One file: what is applied first, then what is refused, then what has no effect."""
    order = {"applied": 0, "refused": 1, "no effect": 2}
    rows = sorted(entries.items(), key=lambda each: order[each[1].how])
    lines = [f"\n## {title}\n", "| entry | | |", "|---|---|---|"]
    lines += [f"| `{name}` | {entry.how} | {entry.note} |" for name, entry in rows]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
