"""Demand, stock, product search, customer value and recommendations: a plugin of duomo."""
