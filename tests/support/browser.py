"""A browser whose pages are used again."""

from typing import Any


class Browser:
    """Chromium; a page that was left is given to the next who wants one like it, since each starts a process."""

    def __init__(self, chromium: Any) -> None:
        self._chromium = chromium
        self._left: dict[str, list[Any]] = {}
        self._kinds: dict[Any, str] = {}

    def new_page(self, **context: Any) -> Any:
        kind = repr(sorted(context.items()))
        left = self._left.setdefault(kind, [])
        page = left.pop() if left else self._chromium.new_page(**context)
        self._kinds[page] = kind
        return page

    def leave(self, page: Any) -> None:
        """Instead of closing it."""
        page.goto("about:blank")
        self._left[self._kinds.pop(page)].append(page)
