"""Filters for one hand's path. A place is a complex number, x + iy in picture widths: its abs() is a distance."""

import math


class Kalman:
    """A place with a nearly constant velocity, and how sure one is of both: variances, the same along x and y.

    For each picture: let_change, see_velocity if the picture's flow is known, predict, see_place if the hand is seen.
    """

    def __init__(self, place: complex, noise: float, speed: float) -> None:
        self.place, self.velocity = place, 0j
        self.place_var, self.both_cov, self.velocity_var = noise**2, 0.0, speed**2  # at first it may go at any `speed`

    def let_change(self, dt: float, acceleration: float, top_speed: float) -> None:
        """Lets the velocity change for `dt` seconds, but never be less sure than that it is below `top_speed`."""
        self.velocity_var = max(self.velocity_var, min(self.velocity_var + (acceleration * dt) ** 2, top_speed**2))

    def see_velocity(self, velocity: complex, noise: float) -> None:
        """Takes a measured `velocity` with the standard deviation `noise`."""
        total = self.velocity_var + noise**2
        error = velocity - self.velocity
        self.place += error * self.both_cov / total
        self.velocity += error * self.velocity_var / total
        self.place_var -= self.both_cov**2 / total
        self.both_cov -= self.both_cov * self.velocity_var / total
        self.velocity_var -= self.velocity_var**2 / total

    def predict(self, dt: float) -> None:
        """Moves on by `dt` seconds."""
        self.place += self.velocity * dt
        self.place_var += 2 * dt * self.both_cov + dt**2 * self.velocity_var
        self.both_cov += dt * self.velocity_var

    def see_place(self, place: complex, noise: float) -> None:
        """Takes a measured `place` with the standard deviation `noise`."""
        total = self.place_var + noise**2
        error = place - self.place
        self.place += error * self.place_var / total
        self.velocity += error * self.both_cov / total
        self.velocity_var -= self.both_cov**2 / total
        self.both_cov -= self.both_cov * self.place_var / total
        self.place_var -= self.place_var**2 / total


class OneEuro:
    """A low-pass that opens up with speed: calm at rest, prompt in motion (Casiez, Roussel and Vogel 2012).

    cutoff = rest + rise x speed, in Hz. The paper takes the speed from the value's own slope; ours comes from the
    Kalman filter, which knows of a start 0.1 s earlier.
    """

    def __init__(self, value: complex, rest_hz: float, rise: float) -> None:
        self.value, self.rest_hz, self.rise = value, rest_hz, rise

    def step(self, value: complex, speed: float, dt: float) -> complex:
        """The smooth value `dt` seconds after the last."""
        self.value += (value - self.value) * share(dt, 1 / (2 * math.pi * (self.rest_hz + self.rise * speed)))
        return self.value


def share(dt: float, tau: float) -> float:
    """How much of a difference a low-pass with the time constant `tau` takes up in `dt` seconds: 0..1."""
    return dt / (dt + tau) if dt > 0 else 0.0
