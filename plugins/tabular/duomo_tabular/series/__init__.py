"""Series of numbers: how they go on, and which values do not fit in."""
