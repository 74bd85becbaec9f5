"""What a check of `doctor` finds."""

from dataclasses import dataclass, field
from typing import Literal


@dataclass
class Finding:
    """One thing that was looked at."""

    check: str  # camera, ports, …
    state: Literal["ok", "warning", "fault"]
    found: str
    advice: str = ""  # what to do; "": nothing
    figures: dict[str, float] = field(default_factory=dict)  # what was measured
