"""Graphs on sound."""
