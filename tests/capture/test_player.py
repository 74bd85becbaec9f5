"""A player hands a file's pictures out when they are due."""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from support.clocks import oversleep
from support.quiet import in_a_quiet_moment

from handflow import SetupError
from handflow.capture.frames import CapturedFrame
from handflow.capture.player import Player


def made(times: list[float], pauses: dict[int, float] | None = None) -> Iterator[CapturedFrame]:
    """Pictures due at `times`; `pauses` says how long the decoder takes for some of them."""
    for frame, t in enumerate(times):
        time.sleep((pauses or {}).get(frame, 0))
        yield CapturedFrame(np.full((2, 2, 3), frame, np.uint8), round(t * 1e9), frame, t)


def test_a_player_hands_pictures_out_when_they_are_due() -> None:
    def observe() -> None:
        found = [picture for picture in Player(made([0, 0.1, 0.15, 0.3])) if picture is not None]
        since = [(picture.captured_ns - found[0].captured_ns) / 1e9 for picture in found]
        assert [picture.number for picture in found] == [0, 1, 2, 3]
        assert since == pytest.approx([0, 0.1, 0.15, 0.3], abs=0.03)

    in_a_quiet_moment(observe)


def test_a_player_skips_what_came_too_late() -> None:
    def observe() -> None:
        found = []
        player = Player(made([n * 0.02 for n in range(10)]), ahead=10)
        for picture in player:
            if picture is not None:
                found.append(picture.number)
                if picture.number == 0:
                    time.sleep(0.105)  # meanwhile 1 to 5 are due
        assert found[:2] == [0, 5]
        assert player.skipped == 4
        assert found[-1] == 9

    in_a_quiet_moment(observe)


def test_a_player_goes_on_where_it_was_when_the_machine_was_asleep(monkeypatch) -> None:
    player, found = Player(made([n * 0.02 for n in range(100)]), ahead=5), []
    for picture in player:
        if picture is not None:
            found.append(picture.number)
            if picture.number == 5:
                oversleep(monkeypatch, 3600)
    # What is due after a sleep is what was due before it, and at most half a second more.
    assert found[-1] == 99
    assert max(np.diff(found)) <= 0.5 / 0.02 + 20


def test_a_player_says_at_least_every_third_of_a_second_that_nothing_came() -> None:
    def observe() -> None:
        gaps, before = [], time.monotonic()
        for _ in Player(made([0, 0.6], pauses={0: 0.6})):
            gaps.append(time.monotonic() - before)
            before = time.monotonic()
        assert max(gaps) < 0.33
        assert len(gaps) >= 6

    in_a_quiet_moment(observe)


def test_a_player_raises_what_its_decoder_raised() -> None:
    def broken() -> Iterator[CapturedFrame]:
        yield CapturedFrame(np.zeros((2, 2, 3), np.uint8), 0, 0, 0.0)
        raise SetupError("b.png: cannot be read")

    with pytest.raises(SetupError, match=r"b.png"):
        list(Player(broken()))


def test_a_player_is_closed_at_once_though_its_queue_is_full(tmp_path: Path) -> None:
    def observe() -> None:
        player = Player(made([n * 10.0 for n in range(100)]))
        next(iter(player))
        begun = time.monotonic()
        player.close()
        assert time.monotonic() - begun < 0.1
        assert not player._thread.is_alive()

    in_a_quiet_moment(observe)
