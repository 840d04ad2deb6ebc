"""Exported models on small devices, without torch."""
