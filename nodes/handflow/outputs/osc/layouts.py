"""Every layout by its protocol's name. A new one is one function and its line here."""

from .augmenta import augmenta2
from .gestures import hands_gestures, split_gestures
from .hands import hands, hands_status
from .layout import OscLayout, Protocol
from .slots import hands_split, wekinator
from .tuio import tuio2, tuio11

LAYOUTS: dict[Protocol, OscLayout] = {
    "tuio11": OscLayout(3333, tuio11),
    "tuio2": OscLayout(3333, tuio2, numbered=True),
    "augmenta2": OscLayout(12000, augmenta2, bundled=False),
    "hands": OscLayout(9000, hands, base="/hands", gestures=hands_gestures, status=hands_status),
    "hands-split": OscLayout(9000, hands_split, base="/hands", gestures=split_gestures),
    "wekinator": OscLayout(6448, wekinator, bundled=False, base="/wek/inputs"),
}
