"""The benchmark-gated interface to native/: an operation, its reference, its compiled twin, the choice."""
