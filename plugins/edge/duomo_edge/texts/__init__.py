"""Graphs on texts."""
