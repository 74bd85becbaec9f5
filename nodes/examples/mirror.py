from dataclasses import replace

from handflow import Hands, Node


class Mirror(Node):
    """Flips hands left to right, for a camera that looks out from the screen."""

    axis: float = 0.5  # where the mirror stands, 0..1 of the picture's width

    def process(self, hands: Hands) -> Hands:
        xy = hands.xy * [-1, 1] + [2 * self.axis, 0]
        return replace(hands, xy=xy, velocity=hands.velocity * [-1, 1])
