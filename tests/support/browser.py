"""A browser whose pages are used again, and what axe finds in them."""

from typing import Any

from .needed import need
from .osc_receivers import NPM, NPM_INSTALL

PATIENCE_MS = 60_000  # twice Playwright's own, as `until` has


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
        page.set_default_timeout(PATIENCE_MS)
        self._kinds[page] = kind
        return page

    def leave(self, page: Any) -> None:
        """Instead of closing it."""
        page.goto("about:blank")
        self._left[self._kinds.pop(page)].append(page)


def serious(page: Any) -> list[str]:
    """What axe calls serious or critical."""
    need((NPM / "axe-core").exists(), NPM_INSTALL)
    page.evaluate((NPM / "axe-core" / "axe.min.js").read_text("utf-8"))
    found = page.evaluate("axe.run()")["violations"]
    return [
        f"{fault['id']}: {fault['nodes'][0]['html'][:200]}"
        for fault in found
        if fault["impact"] in ("serious", "critical")
    ]
