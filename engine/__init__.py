"""Keyturn, a device-authentication engine."""
