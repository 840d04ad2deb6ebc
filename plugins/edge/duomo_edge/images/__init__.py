"""Graphs on images."""
