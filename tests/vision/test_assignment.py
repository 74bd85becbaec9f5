"""Which peak is whose."""

import pytest

from handflow.vision.assignment import pair, widen
from handflow.vision.tracks import Peak, Track


def a_peak(x: float, noise: float = 0.01, score: float = 0.9, radius: float = 0.05) -> Peak:
    return Peak(complex(x, 0), score, 0.9, radius, noise)


def test_two_hands_share_the_peaks_so_that_both_are_served_best() -> None:
    # Nearest first would give 0.505 to the hand at 0.52 and nothing to that at 0.48, for 0.55 is too far from it.
    tracks = [Track(a_peak(0.52), 1, 1), Track(a_peak(0.48), 1, 1)]
    found = [a_peak(0.505), a_peak(0.55)]
    given = {track.path.position.real: peak.position.real for track, peak in pair(tracks, found)}
    assert given == {0.52: 0.55, 0.48: 0.505}


def test_a_peak_too_far_away_is_nobodys() -> None:
    assert pair([Track(a_peak(0.2), 1, 1)], [a_peak(0.5)]) == []


def test_more_equal_hands_than_equal_peaks_come_to_an_agreement() -> None:
    tracks, found = [Track(a_peak(0.5), 1, 1) for _ in range(3)], [a_peak(0.5), a_peak(0.5)]
    given = pair(tracks, found)
    assert len({id(track) for track, _ in given}) == len({id(peak) for _, peak in given}) == 2


def test_a_hand_prefers_a_peak_of_its_own_size() -> None:
    track, small, large = Track(a_peak(0.5), 1, 1), a_peak(0.51, radius=0.05), a_peak(0.49, radius=0.15)
    assert pair([track], [large, small]) == [(track, small)]


def test_one_peak_for_two_hands_counts_as_uncertain_by_their_distance() -> None:
    here, behind, far = (Track(a_peak(x), 1, 1) for x in (0.50, 0.54, 0.90))
    assert widen(a_peak(0.51, noise=0.03), here, [behind, far]).noise == pytest.approx(0.05)  # 3-4-5
    assert widen(a_peak(0.51, noise=0.03), here, [far]).noise == 0.03
