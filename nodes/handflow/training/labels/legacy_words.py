"""What label files said before the format had `coarse`, `labelled` and `people`: still read, no longer written."""

from typing import Any

JOINTS = {
    f"{joint}{side[0].upper()}": f"{side}_{joint}" for joint in ("elbow", "wrist", "foot") for side in ("left", "right")
}
EMPTY_BACKGROUNDS = ("neg_", "hdri")  # behind rendered people: in other photographs there are people nobody labelled


def in_todays_words(line: dict[str, Any]) -> dict[str, Any]:
    """A line of a label file, unchecked, with the older words in it replaced."""
    if isinstance(line.get("people"), list):
        line = _with_people(line)
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


def _with_people(line: dict[str, Any]) -> dict[str, Any]:
    """The line with the first words for people's joints, and for whether all people are labelled, replaced."""
    people = [
        person | {"joints": {JOINTS.get(name, name): point for name, point in person["joints"].items()}}
        if isinstance(person, dict) and isinstance(person.get("joints"), dict)
        else person
        for person in line["people"]
    ]
    new: dict[str, Any] = {"people": people}
    if line.get("source") == "synth" and "background" in line:
        new |= {"rendered": True, "people_complete": str(line["background"]).startswith(EMPTY_BACKGROUNDS)}
    if line.get("people_told") == "all":
        new["people_complete"] = True
    return line | new
