"""Recordings (MCAP): written, read, replayed, compared."""
