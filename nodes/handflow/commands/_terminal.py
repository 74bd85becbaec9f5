"""Tables on the terminal. (Apart from `_console`, which every command loads: rich takes 80 ms.)"""

from typing import Any

from rich.console import Console
from rich.text import Text

from handflow.runtime.names import one_line


class PlainConsole(Console):
    """Shows what others wrote as it is: neither brackets nor escape codes mean anything."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(highlight=False, markup=False, emoji=False, **settings)

    def render_str(self, text: str, **options: Any) -> Text:
        """Every text that is printed, or stands in a table, on its way to the terminal."""
        return super().render_str("\n".join(map(one_line, text.split("\n"))), **options)
