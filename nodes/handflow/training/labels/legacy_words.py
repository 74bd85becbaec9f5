"""What label files said before the format had `coarse` and `labelled`: still read, no longer written."""

from typing import Any


def in_todays_words(line: dict[str, Any]) -> dict[str, Any]:
    """A line of a label file, unchecked, with the older words in it replaced."""
    hands = line.get("hands")
    if not isinstance(hands, list):
        return line
    # Interpolated through a fast move: such a box may lie anywhere near.
    if any(isinstance(hand, dict) and hand.get("fast_segment") and not hand.get("exact") for hand in hands):
        return line | {"labelled": False}
    return line | {"hands": [hand | {"coarse": True} if _is_guessed(hand) else hand for hand in hands]}


def _is_guessed(hand: Any) -> bool:
    """Whether the box was guessed from a person's joints."""
    return isinstance(hand, dict) and (hand.get("labelled_by") == "derived" or hand.get("auto") == "pose")
