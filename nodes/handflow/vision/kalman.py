"""Filters for one hand's path. A position is a complex number, x + iy in frame widths: its abs() is a distance."""

import math


class Kalman:
    """A position with a nearly constant velocity, and how sure one is of both: variances, the same along x and y.

    For each frame: add_process_noise, update_velocity if the flow is known, predict, update_position if it is seen.
    """

    def __init__(self, position: complex, noise: float, speed: float) -> None:
        self.position, self.velocity = position, 0j
        self.position_var, self.covariance, self.velocity_var = (
            noise**2,
            0.0,
            speed**2,
        )  # at first it may go at any `speed`

    def add_process_noise(self, dt: float, acceleration: float, top_speed: float) -> None:
        """Lets the velocity change for `dt` seconds, but never be less sure than that it is below `top_speed`."""
        self.velocity_var = max(self.velocity_var, min(self.velocity_var + (acceleration * dt) ** 2, top_speed**2))

    def update_velocity(self, velocity: complex, noise: float) -> None:
        """Takes a measured `velocity` with the standard deviation `noise`."""
        total = self.velocity_var + noise**2
        error = velocity - self.velocity
        self.position += error * self.covariance / total
        self.velocity += error * self.velocity_var / total
        self.position_var -= self.covariance**2 / total
        self.covariance -= self.covariance * self.velocity_var / total
        self.velocity_var -= self.velocity_var**2 / total

    def predict(self, dt: float) -> None:
        """Moves on by `dt` seconds."""
        self.position += self.velocity * dt
        self.position_var += 2 * dt * self.covariance + dt**2 * self.velocity_var
        self.covariance += dt * self.velocity_var

    def update_position(self, position: complex, noise: float) -> None:
        """Takes a measured `position` with the standard deviation `noise`."""
        total = self.position_var + noise**2
        error = position - self.position
        self.position += error * self.position_var / total
        self.velocity += error * self.covariance / total
        self.velocity_var -= self.covariance**2 / total
        self.covariance -= self.covariance * self.position_var / total
        self.position_var -= self.position_var**2 / total


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
