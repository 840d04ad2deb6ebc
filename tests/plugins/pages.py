"""What is asked of an industry's page: its blocks run, and print what it shows."""

import contextlib
import io
import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def check_blocks(name: str) -> None:
    """Run the Python of ``docs/NAME.md`` from top to bottom."""
    text = (DOCS / f"{name}.md").read_text("utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile("\n".join(blocks), f"docs/{name}.md", "exec"), {"__name__": f"{name}_page"})
    printed = re.findall(r"^```\n\n((?:    .*\n)+)", text, re.MULTILINE)
    shown = [line.strip() for block in printed for line in block.splitlines()]
    assert said.getvalue().splitlines() == shown
