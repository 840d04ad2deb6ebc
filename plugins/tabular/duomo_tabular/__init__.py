"""Rows of tables, as a plugin of duomo."""
