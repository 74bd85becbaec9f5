"""Which hands of several cameras are one, and where that is: one message of one camera at a time.

A camera's own ids are believed: what was one hand stays it, until two cameras see it in places too far apart.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from handflow.vision.assignment import best_pairs

from .fused_hand import FusedHand
from .offsets import CameraOffsets
from .sighting import Sighting

# Hands on a square metre of floor that a camera comes to see anew: one less likely to be a hand than to be one of these
# is not that hand.
CLUTTER = 0.1
# Standard deviations, metres: how far two cameras' floors lie apart before that has been measured, and after.
UNKNOWN_OFFSET_M, KNOWN_OFFSET_M = 0.2, 0.15
# m/s, of a tracker's speeds; of a hand that is younger than YOUNG_S it knows none.
SPEED_NOISE, YOUNG_S = 0.6, 0.3
MOST_SPEED_COST = 3.0
# What it counts that a camera's hand was this one: alone, or where another camera sees it too.
LINK_ALONE, LINK = 40.0, 6.0
# Another camera sees the hand: so it would see a second one beside it too, but for one time in twenty.
COVERED = 6.0
# Of what has no id yet: rather another hand than this, rather this than one more.
NO_ID = 0.5
# A hand that a camera sees anew, so near to one that others see: rather that one, seen badly at first.
NEAR_M, HOLD_S = 0.6, 0.2
# Two hands that no camera sees both of, so near and so alike in speed for so long, are one.
MERGE_M, OUTVOTED_M, MERGE_SPEED, MERGE_S = 0.45, 0.55, 2.0, 0.06
# One that two cameras see so far apart for so long is two.
SPLIT_M, SPLIT_S = 0.65, 0.12
# A camera is silent when nothing has come for so long, or for so many times its usual pause.
SILENT_S, SILENT_PAUSES = 0.12, 2.5
GONE_S = 3.0  # then nothing is known of it any more


@dataclass
class CameraHands:
    """What is known of one input."""

    moment_s: float  # of its last message
    pause_s: float = 0.0  # between messages, smoothed
    links: dict[int, FusedHand] = field(default_factory=dict)  # by its own ids
    held: dict[int, float] = field(default_factory=dict)  # ids that are not believed yet, and since when
    raw: dict[int, complex] = field(default_factory=dict)  # where its hands were at `moment_s`, as calibrated
    speeds: dict[int, complex] = field(default_factory=dict)

    def patience_s(self) -> float:
        return max(SILENT_S, SILENT_PAUSES * self.pause_s)


class Fuser:
    """The hands on the floor. `new_id` gives ids; the settings may be changed at any time."""

    def __init__(self, new_id: Callable[[], int], acceleration: float, keep_s: float) -> None:
        self.new_id, self.acceleration, self.keep_s = new_id, acceleration, keep_s
        self.hands: list[FusedHand] = []
        self.cameras: dict[str, CameraHands] = {}
        self.offsets = CameraOffsets()
        self.moment_s = -math.inf
        # Cameras of which it is known how far their floor lies beside the others', and is taken off what comes here.
        self.measured: frozenset[str] = frozenset()
        self._lost: list[FusedHand] = []  # that have become others
        self._close: dict[tuple[int, int], float] = {}  # pairs of hands (by id()) that may be one, and since when

    def see(self, name: str, captured_s: float, seen: Sequence[Sighting], raw: dict[int, complex]) -> None:
        """A message of the camera `name`: its hands at `moment_s`, corrected; `raw` places are as calibrated."""
        self.moment_s = max(self.moment_s, captured_s)
        camera = self.cameras.setdefault(name, CameraHands(captured_s))
        if captured_s > camera.moment_s:
            pause_s = captured_s - camera.moment_s
            camera.pause_s += (pause_s - camera.pause_s) * 0.1 if camera.pause_s else pause_s
        camera.moment_s = captured_s
        self._vote(name, camera, seen, raw)
        patience = {each: known.patience_s() for each, known in self.cameras.items()}
        for hand in self.hands:
            hand.predict(self.moment_s, self.acceleration)
            hand.drop_silent(self.moment_s, patience)
        self._assign(name, camera, seen)
        self._split()
        self._merge()

    def forget_lost(self) -> list[FusedHand]:
        """Those that nobody has seen for too long; they are not followed any more."""
        lost = [
            hand
            for hand in self.hands
            if not hand.members and (not hand.id or self.moment_s - hand.seen_s > self.keep_s)
        ]
        self._remove(lost)
        lost += self._lost
        self._lost = []
        return [hand for hand in lost if hand.id]

    def forget_all(self) -> list[FusedHand]:
        """Begins anew, but for what is known of the cameras' floors; those that were there."""
        lost, self.hands, self.cameras, self.moment_s = self.hands, [], {}, -math.inf
        return [hand for hand in lost if hand.id]

    def confirm(self) -> None:
        """Gives ids to those that have none; not yet to what one camera alone sees beside a hand of others."""
        told = [hand for hand in self.hands if hand.id]
        for hand in self.hands:
            doubtful = len(hand.members) < 2 and self.moment_s - hand.born_s < HOLD_S
            if not hand.id and not (doubtful and any(self._may_be(hand, other) for other in told)):
                hand.id = self.new_id()

    @staticmethod
    def _may_be(hand: FusedHand, other: FusedHand) -> bool:
        return bool(other.members.keys() - hand.members) and abs(hand.path.position - other.path.position) < NEAR_M

    def _vote(self, name: str, camera: CameraHands, seen: Sequence[Sighting], raw: dict[int, complex]) -> None:
        others = {}
        for other, known in self.cameras.items():
            age_s = self.moment_s - known.moment_s
            if other != name and age_s < known.patience_s():
                others[other] = {id_: p + known.speeds.get(id_, 0j) * age_s for id_, p in known.raw.items()}
        camera.raw, camera.speeds = raw, {sighting.id: sighting.velocity for sighting in seen}
        sure = {sighting.id: raw[sighting.id] for sighting in seen if sighting.seen}
        self.offsets.forget(name, raw)
        self.offsets.see(name, sure, others)

    def _assign(self, name: str, camera: CameraHands, seen: Sequence[Sighting]) -> None:
        pairs = best_pairs(self._gains(name, camera, seen).tolist()) if self.hands and seen else []
        hand_of = {seen[column].id: self.hands[row] for row, column in pairs}
        before, camera.links = camera.links, {}
        for id_, was in before.items():
            # It is another's now, or nobody's.
            if hand_of.get(id_) is not was and name in was.members and was.members[name].sighting.id == id_:
                del was.members[name]
        held, camera.held = camera.held, {}
        for sighting in seen:
            hand = hand_of.get(sighting.id)
            if hand is None:
                # Nobody else has it, and its own tracker does not see it either.
                if not sighting.seen:
                    continue
                since_s = held.get(sighting.id, self.moment_s)
                if self.moment_s - since_s < HOLD_S and self._near_another(name, sighting):
                    camera.held[sighting.id] = since_s
                    continue
                hand = FusedHand(name, sighting, self.moment_s)
                self.hands.append(hand)
            else:
                hand.take(name, sighting, self.moment_s)
            camera.links[sighting.id] = hand

    def _gains(self, name: str, camera: CameraHands, seen: Sequence[Sighting]) -> np.ndarray:
        """How much likelier each hand (row) is each sighting (column) than that is another's: 2 log of the ratio."""
        apart_m = KNOWN_OFFSET_M if name in self.measured else UNKNOWN_OFFSET_M
        alone = np.array([hand.members.keys() <= {name} for hand in self.hands])[:, None]
        told = np.array([bool(hand.id) for hand in self.hands])[:, None]
        own = np.array([set(hand.members) == {name} for hand in self.hands])[:, None]
        covered = np.array([bool(hand.seen_by() - {name}) for hand in self.hands])[:, None]
        place = np.array([hand.path.position for hand in self.hands])[:, None]
        speed = np.array([hand.path.velocity for hand in self.hands])[:, None]
        variance = np.array([hand.path.position_var for hand in self.hands])[:, None]
        speed_var = np.array([hand.path.velocity_var for hand in self.hands])[:, None]
        noise = np.array([sighting.noise for sighting in seen])
        variance = variance + noise**2 + np.where(own, 0, apart_m**2)
        distance = abs(place - np.array([sighting.position for sighting in seen]))
        faster = abs(speed - np.array([sighting.velocity for sighting in seen])) ** 2
        gains = -2 * np.log(2 * math.pi * CLUTTER * variance) - distance**2 / variance
        known = np.array([sighting.age_s > YOUNG_S for sighting in seen])
        gains -= known * np.minimum(faster / (SPEED_NOISE**2 + speed_var), MOST_SPEED_COST)
        linked = np.array([[camera.links.get(s.id) is hand for s in seen] for hand in self.hands])
        gains += covered * COVERED + linked * np.where(alone, LINK_ALONE, LINK)
        # One that has no id yet has nothing to lose, and is as likely a mistake.
        return np.where(told | covered, gains, np.minimum(gains, NO_ID))

    def _near_another(self, name: str, sighting: Sighting) -> bool:
        """Whether a hand that others see, and this camera does not yet, is so near that this may be it."""
        return any(
            hand.members and name not in hand.members and abs(hand.path.position - sighting.position) < NEAR_M
            for hand in self.hands
        )

    def _split(self) -> None:
        """Parts what several cameras see in places too far apart: the camera that came last was wrong about it."""
        for hand in list(self.hands):
            members = hand.members
            if len(members) < 2:
                hand.apart_s = None
                continue
            places = [member.at(self.moment_s) for member in members.values()]
            if max(abs(a - b) for a in places for b in places) < SPLIT_M:
                hand.apart_s = None
            elif hand.apart_s is None:
                hand.apart_s = self.moment_s
            elif self.moment_s - hand.apart_s > SPLIT_S:
                name = max(members, key=lambda each: members[each].since_s)
                member = members.pop(name)
                hand.apart_s = None
                # The others' alone, as they see it.
                rest = [(m.at(self.moment_s), m.sighting.noise) for m in members.values()]
                hand.path.position = min(rest, key=lambda each: each[1])[0]
                camera = self.cameras[name]
                camera.links.pop(member.sighting.id, None)
                camera.held[member.sighting.id] = self.moment_s - HOLD_S

    def _merge(self) -> None:
        """Joins hands that are near each other and of which no camera sees both: the older one goes on."""
        close: dict[tuple[int, int], float] = {}
        hands = list(self.hands)
        if len(hands) > 1:
            place = np.array([hand.path.position for hand in hands])
            speed = np.array([hand.path.velocity for hand in hands])
            seers = np.array([len(hand.seen_by()) for hand in hands])
            # Where several agree and one alone says otherwise, that one is wrong by more.
            outvoted = (np.minimum(seers[:, None], seers) == 1) & (np.maximum(seers[:, None], seers) > 1)
            near = np.triu(abs(place[:, None] - place) < np.where(outvoted, OUTVOTED_M, MERGE_M), 1)
            # Of one that nobody sees the speed is a guess.
            unseen = np.array([not hand.members for hand in hands])
            near &= (abs(speed[:, None] - speed) < MERGE_SPEED) | unseen[:, None] | unseen
            gone: set[int] = set()
            for row, column in zip(*np.nonzero(near), strict=True):
                first, second = hands[row], hands[column]
                if {id(first), id(second)} & gone or not first.seen_by().isdisjoint(second.seen_by()):
                    continue
                key = (id(first), id(second))
                since_s = self._close.get(key, self.moment_s)
                if self.moment_s - since_s < MERGE_S:
                    close[key] = since_s
                    continue
                stays, goes = (first, second) if self._rank(first) <= self._rank(second) else (second, first)
                self._join(stays, goes)
                gone.add(id(goes))
        self._close = close

    @staticmethod
    def _rank(hand: FusedHand) -> tuple[bool, float, int]:
        return not hand.id, hand.born_s, hand.id

    def _join(self, stays: FusedHand, goes: FusedHand) -> None:
        if not stays.members:
            stays.path = goes.path
        for name, member in goes.members.items():
            if member.sighting.seen or name not in stays.members:
                stays.members[name] = member
                self.cameras[name].links[member.sighting.id] = stays
        stays.seen_s = max(stays.seen_s, goes.seen_s)
        self._remove([goes])
        self._lost.append(goes)

    def _remove(self, hands: Sequence[FusedHand]) -> None:
        gone = {id(hand) for hand in hands}
        self.hands = [hand for hand in self.hands if id(hand) not in gone]
        for camera in self.cameras.values():
            camera.links = {key: hand for key, hand in camera.links.items() if id(hand) not in gone}
