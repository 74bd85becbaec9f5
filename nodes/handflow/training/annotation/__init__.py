"""Labelling clips: key frames, and boxes carried between them."""
