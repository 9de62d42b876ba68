"""LwM2M: what a request of the Client Registration Interface says."""
