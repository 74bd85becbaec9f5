"""The paths that gestures are told from."""

from support.osc_receivers import some_hands

from handflow.vision.gestures.paths import KEEP_S, Paths


def test_when_a_lost_hand_is_gone_and_then_all_others_leave_at_once_nothing_is_followed() -> None:
    paths = Paths(8)
    paths.add(some_hands([1, 2, 3], at_s=100.0))
    paths.add(some_hands([1, 2], at_s=100.1))
    paths.add(some_hands([1, 2], at_s=100.2 + KEEP_S))  # 3 is given up
    paths.add(some_hands([], at_s=100.3 + KEEP_S))
    paths.add(some_hands([], at_s=100.5 + 2 * KEEP_S))
    assert not paths.id.any()
