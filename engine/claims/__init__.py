"""Frames to claims: what a peer asserts, unverified."""
