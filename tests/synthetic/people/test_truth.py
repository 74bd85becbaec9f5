"""When a hand is called an open palm."""

import pytest

from handflow.synthetic.people.truth import kind_of


@pytest.mark.parametrize(
    ("flat", "palm_deg", "visible", "kind"),
    [
        (0.1, 20, 1.0, "open"),
        (0.1, 20, 0.5, "unknown"),
        (0.4, 20, 1.0, "unknown"),
        (0.1, 55, 1.0, "unknown"),
        (0.1, 90, 1.0, "other"),
        (1.0, 10, 1.0, "other"),
    ],
)
def test_a_hand_is_open_if_it_is_flat_faces_the_camera_and_shows(
    flat: float, palm_deg: float, visible: float, kind: str
) -> None:
    assert kind_of(flat, palm_deg, visible) == kind
