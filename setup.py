"""Catches `pip install .` at the root, which is a workspace and not a package."""

raise SystemExit(
    "\nThis folder holds several packages. Install them all with:\n\n"
    "    pip install -r requirements.txt -c constraints.txt\n\n"
    "or run `make demo`, which also makes an environment.\n"
)
