"""Arithmetic before the hardware: how a model is spread over devices, and what that would give."""
