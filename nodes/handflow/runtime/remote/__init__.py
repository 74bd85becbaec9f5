"""How messages travel between machines."""
