"""What need not be computed again."""
