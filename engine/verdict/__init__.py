"""Claim + record + now to outcome: pure and total, no I/O, no clock, no exception for a no."""
