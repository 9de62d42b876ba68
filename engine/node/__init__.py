"""Processes and the bus between them."""
