"""Who can reach what a stage listens on (this machine alone, unless the graph says otherwise); URLs without secrets."""

import ipaddress
import os
import re

from handflow.errors import SetupError


def outside(address: str) -> bool:
    """Whether other machines reach what listens on `address`. A name, or `*`, may be anything: it does."""
    try:
        return not ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address != "localhost"


def refuse_outside(address: str, insecure: bool) -> None:
    """SetupError for an address that others reach, unless it is said to be meant: nothing here is encrypted."""
    if outside(address) and not insecure:
        raise SetupError(
            f"address {address} lets other machines in, without password or encryption; "
            "expected 127.0.0.1, or insecure: true beside it if that is intended"
        )


def cannot_listen(address: str, port: int, error: Exception) -> SetupError:
    """The line for an address or a port that cannot be had; `error` is the system's (OSError, ZMQError)."""
    number = getattr(error, "errno", None)
    why = os.strerror(number) if number else str(error)
    return SetupError(f"cannot listen on {address}:{port}: {why}; choose another port or address")


def masked(text: str) -> str:
    """`text` with what is secret in its URLs hidden: user names, passwords, keys."""
    text = re.sub(r"(\w://)\S*@", r"\1***@", text)
    return re.sub(r"(?i)([?&][^=&\s]*(?:pass|pwd|secret|token|key|auth)[^=&\s]*=)[^&\s]+", r"\1***", text)
