"""Your own network."""
