"""What an operator sees: attempts, metrics, health."""
