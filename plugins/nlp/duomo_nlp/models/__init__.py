"""Single models with code of their own."""
