"""``python -m duomo``."""

from duomo.cli import main

main()
