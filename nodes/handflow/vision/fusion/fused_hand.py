"""One hand on the floor, as one or several cameras see it. Positions are complex, metres."""

import math
from dataclasses import dataclass

from handflow.messages import State
from handflow.vision.kalman import Kalman, OneEuro, share

from .sighting import Sighting

STEP_S = 1 / 30  # `acceleration` is meant for steps of this length: several cameras make them shorter
FIRST_SPEED, TOP_SPEED = 1.5, 8.0  # m/s
COAST_S = 0.3  # a hand that nobody sees comes to rest in about this time
REST_HZ, RISE = 1.0, 8.0  # 1-euro filter of what is sent: Hz at rest, and Hz more for each m/s


@dataclass
class Member:
    """A camera's hand that is this one."""

    sighting: Sighting
    seen_s: float  # moment of its last message
    since_s: float  # when it was found to be this one
    position: complex  # as last seen, at the moment of `seen_s`

    def at(self, moment_s: float) -> complex:
        """Where it should be at a moment."""
        return self.position + self.sighting.velocity * (moment_s - self.seen_s)


class FusedHand:
    """One hand. Its `id` is 0 until it is told of."""

    def __init__(self, camera: str, sighting: Sighting, moment_s: float) -> None:
        self.id = 0
        self.state = State.NEW
        self.path = Kalman(sighting.position, sighting.noise, FIRST_SPEED)
        self.path.velocity = sighting.velocity
        self.position = OneEuro(sighting.position, REST_HZ, RISE)
        self.velocity = OneEuro(sighting.velocity, REST_HZ, RISE)
        self.members: dict[str, Member] = {}
        self.moment_s = self.born_s = self.seen_s = self.sent_s = moment_s
        self.apart_s: float | None = None  # since when its cameras see it in two places
        self.radius, self.score, self.open, self.is_open = 0.0, 0.0, 0.0, False
        self.take(camera, sighting, moment_s)

    def predict(self, moment_s: float, acceleration: float) -> None:
        """Moves on to a moment."""
        dt = moment_s - self.moment_s
        if dt <= 0:
            return
        if not self.members:
            self.path.velocity *= 1 - share(dt, COAST_S)
        self.path.add_process_noise(math.sqrt(dt * STEP_S), acceleration, TOP_SPEED)
        self.path.predict(dt)
        self.moment_s = moment_s

    def take(self, camera: str, sighting: Sighting, moment_s: float) -> None:
        """A camera sees it."""
        before = self.members.get(camera)
        since_s = before.since_s if before and before.sighting.id == sighting.id else moment_s
        self.members[camera] = Member(sighting, moment_s, since_s, sighting.position)
        self.path.update_position(sighting.position, sighting.noise)
        if sighting.seen:
            self.seen_s = moment_s

    def seen_by(self) -> set[str]:
        """The cameras that see it, and do not only believe in it."""
        return {camera for camera, member in self.members.items() if member.sighting.seen}

    def drop_silent(self, moment_s: float, patience_s: dict[str, float]) -> None:
        """Lets go of cameras that have not sent anything, or nothing of it, for longer than each may be silent."""
        self.members = {
            camera: member
            for camera, member in self.members.items()
            if moment_s - member.seen_s <= patience_s.get(camera, 0.0)
        }

    def finish(self) -> None:
        """Smooths what is sent of it, and takes size, score and openness from those who see it best."""
        dt, self.sent_s = self.moment_s - self.sent_s, self.moment_s
        speed = abs(self.path.velocity)
        self.position.step(self.path.position, speed, dt)
        self.velocity.step(self.path.velocity, speed, dt)
        if not self.members:
            self.state = State.PREDICTED
            self.score *= 1 - share(dt, COAST_S)
            return
        seen = [member.sighting for member in self.members.values()]
        weights = [1 / sighting.noise**2 for sighting in seen]
        total = sum(weights)
        self.radius = sum(w * s.radius for w, s in zip(weights, seen, strict=True)) / total
        self.open = sum(w * s.open for w, s in zip(weights, seen, strict=True)) / total
        self.score = max(sighting.score for sighting in seen)
        self.is_open = min(seen, key=lambda sighting: sighting.noise).is_open
        self.state = State.TRACKED if any(sighting.seen for sighting in seen) else State.PREDICTED
