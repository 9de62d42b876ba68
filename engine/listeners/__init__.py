"""Trio nurseries and sockets: the fronts, and admit, the one place that awaits between claim and verdict."""
