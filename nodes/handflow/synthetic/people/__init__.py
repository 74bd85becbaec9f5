"""Rendered people in public places, whose hands and joints are known."""
