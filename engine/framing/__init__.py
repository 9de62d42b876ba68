"""Bytes to frames. Stdlib and msgspec only: no Trio, no clock, no socket."""
