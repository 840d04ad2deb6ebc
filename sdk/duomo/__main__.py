"""``python -m duomo`` is ``duomo``."""

from duomo.cli import main

main()
