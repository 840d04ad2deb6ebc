"""The page of the status: it asks for its own JSON every two seconds; nothing comes from another server."""

from __future__ import annotations

import importlib.resources


def status_page() -> str:
    """Return the page."""
    return importlib.resources.files(__package__).joinpath("page.html").read_text("utf-8")
