"""Outcome to session: the conversation after the verdict, and one connection per device."""
