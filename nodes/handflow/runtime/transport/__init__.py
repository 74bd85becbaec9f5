"""How messages travel between processes of one machine."""
