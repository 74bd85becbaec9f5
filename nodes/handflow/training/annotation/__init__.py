"""Labelling clips: key frames, and boxes propagated between them."""
