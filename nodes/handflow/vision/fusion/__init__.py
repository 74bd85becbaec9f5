"""Hands of several cameras as one set: where each was seen, which are the same one, which cameras disagree."""
