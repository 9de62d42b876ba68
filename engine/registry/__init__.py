"""Records at rest: sealing, the Store protocol and its implementations."""
