"""Hands as OSC and TUIO: the state of a frame, a layout per protocol, targets, and the receiving end."""
