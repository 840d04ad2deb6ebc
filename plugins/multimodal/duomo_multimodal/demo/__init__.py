"""``duomo demo``: everything the installed plugins can do, in the terminal and on one page."""
