"""Who may play: whoever waved, a few at a time, in turn."""

import numpy as np

from handflow import Gestures, Hands, Phase
from handflow.synthetic.gestures import GESTURES, TURN_S
from handflow.vision.gestures.attention import Attention, AttentionSettings
from handflow.vision.gestures.recogniser import PLAYER, GestureSettings, Recogniser

FPS = 15


def of(players: int = 2, turn_s: float = 10) -> Attention:
    return Attention(AttentionSettings(after="wave", players=players, turn_s=turn_s))


def test_no_more_play_than_there_are_places_and_who_waves_then_waits() -> None:
    attention, there = of(players=2), {1, 2, 3}
    attention.step(0, there, [1])
    attention.step(1, there, [2, 3])
    assert (set(attention.since_s), list(attention.waiting)) == ({1, 2}, [3])


def test_a_turn_ends_only_where_somebody_waits() -> None:
    attention, there = of(players=1, turn_s=10), {1, 2}
    attention.step(0, there, [1])
    attention.step(60, there, [])
    assert set(attention.since_s) == {1}
    attention.step(61, there, [2])
    assert (set(attention.since_s), attention.progress(2, 66)) == ({2}, 0.5)


def test_turns_go_round_in_the_order_of_waving() -> None:
    attention, there, played = of(players=1, turn_s=10), {1, 2, 3}, []
    attention.step(0, there, [1, 2, 3])
    for now_s in range(0, 40, 10):
        # Whose turn is over waves at once, and waits behind the others.
        attention.step(now_s, there, [slot for slot in there if slot not in attention.since_s])
        played += attention.since_s
    assert played == [1, 2, 3, 1]


def test_who_leaves_makes_room_at_once() -> None:
    attention = of(players=1)
    attention.step(0, {1, 2}, [1, 2])
    attention.step(0.1, {2}, [])
    assert set(attention.since_s) == {2}


def told(pattern: list[tuple[str, float]], settings: AttentionSettings) -> list[tuple[str, int]]:
    """What begins, and whose it is, where hand 1, 2 ... does as `pattern` says: what, and from when on."""
    recogniser, begun = Recogniser(GestureSettings(attention=settings)), []
    ids = np.arange(1, len(pattern) + 1)
    for number in range(round((TURN_S + max(at_s for _, at_s in pattern)) * FPS)):
        poses = [GESTURES[name].pose(0, number / FPS - at_s) for name, at_s in pattern]
        gestures: Gestures = recogniser.step(
            Hands(
                id=ids, state=ids * 0 + 1, xy=[[0.2 * i + 0.02 * p.x, 0.5 + 0.02 * p.y] for i, p in enumerate(poses)],
                velocity=np.zeros((len(ids), 2)), radius=[0.01 * p.size for p in poses], score=ids * 0.1,
                open=[p.open for p in poses], is_open=[p.open > 0.5 for p in poses], age=ids * 0.1, width=100,
                height=100, stream=1, captured_ns=round(number / FPS * 1e9),
            )
        )  # fmt: skip
        names = zip(gestures.name, gestures.phase.tolist(), gestures.hand[:, 0].tolist(), strict=True)
        begun += [(name, id_) for name, phase, id_ in names if phase == Phase.START]
    return begun


def test_only_hands_that_waved_swipe_and_the_game_is_told_who_plays() -> None:
    begun = told([("swipe_left", 0.0), ("swipe_right", 0.0)], AttentionSettings(after="nothing"))
    assert begun == [("swipe_left", 1), ("swipe_right", 2)]
    begun = told([("swipe_left", 4.0), ("wave", 0.0)], AttentionSettings(after="wave"))
    assert begun == [("wave", 2), (PLAYER, 2), ("hold", 2)]
