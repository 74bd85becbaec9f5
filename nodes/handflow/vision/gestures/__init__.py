"""Gestures of hands seen from far: told from places, sizes and open or closed over time. Lengths are in hand sizes.

A hand's size is its box's longer side, twice `radius`. All hands are worked on at once, a slot of each array a hand.
"""
