"""A network for another runtime."""
