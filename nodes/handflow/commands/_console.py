"""What commands say on the terminal."""

import sys

from handflow.runtime.address import masked


def complain(*lines: str) -> None:
    """Says what is wrong, on stderr; passwords in URLs are hidden."""
    for line in lines:
        print(masked(line), file=sys.stderr, flush=True)
