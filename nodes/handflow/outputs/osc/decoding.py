"""Datagrams -> messages, and which layout each belongs to and what it is there: for `monitor`.

python-osc takes the bytes apart. MESSAGE_FORMS says what a message must look like; another sender may well break it.
"""

import re
from typing import NamedTuple

from pythonosc.osc_bundle import OscBundle
from pythonosc.osc_message import OscMessage
from pythonosc.parsing import osc_types

from handflow.errors import OscError

from .layout import Protocol


class ReceivedMessage(NamedTuple):
    """One OSC message as it came."""

    address: str
    tags: str  # "iff"
    values: list


class MessageForm(NamedTuple):
    """What a message of a layout looks like."""

    protocol: Protocol
    address: re.Pattern[str]  # may name a `base` and a `slot`; its `name` picks the tags
    tags: dict[str, str]  # by the address's `name`, for TUIO 1.1 by the first argument: patterns of type tags


MESSAGE_FORMS = (
    MessageForm(
        "tuio11",
        re.compile("/tuio/(?P<name>2Dcur|2Dblb)"),
        {
            "source": "ss", "alive": "si*", "2Dcur set": "sifffff", "2Dblb set": "sifffffffffff", "fseq": "si"
        },
    ),
    MessageForm("tuio2", re.compile("/tuio2/(?P<name>frm|ptr|alv)"), {"frm": "itis", "ptr": "iiif{11}", "alv": "i*"}),
    MessageForm(
        "augmenta2",
        re.compile("/(?P<name>object/enter|object/update|object/leave|scene)"),
        {"object/enter": "iiif{12}", "object/update": "iiif{12}", "object/leave": "iiif{12}", "scene": "iiff"},
    ),
    MessageForm("wekinator", re.compile("(?P<base>/.+)/(?P<name>inputs)"), {"inputs": "(fff)+"}),
    MessageForm(
        "hands-split",
        re.compile(r"(?P<base>/.+)/(?:(?P<slot>\d+)/(?:(?P<name>active|id|x|y|size|vx|vy|conf|open|gesture(?=/))(?:(?<=gesture)/[a-z_]+)?)|(?P<count>count))"),
        dict.fromkeys(("count", "active", "id", "gesture"), "i")
        | dict.fromkeys(("x", "y", "size", "vx", "vy", "conf", "open"), "f"),
    ),
    MessageForm(
        "hands",
        re.compile("(?P<base>/.+)/(?P<name>frame|hand|alive|enter|leave|open|zone|dwell|gesture|status|fault)"),
        {
            "frame": "i{5}f", "hand": "iiiif{9}", "alive": "i*", "enter": "iiff", "leave": "iiff", "open": "ii",
            "zone": "iisi", "dwell": "iis", "gesture": "siiif{6}", "status": "ifffi", "fault": "ss",
        },
    ),
)  # fmt: skip


class MessageKind(NamedTuple):
    """A message's place in its layout."""

    protocol: Protocol
    base: str  # "" where the layout has none
    name: str
    slot: int
    expected: str  # the pattern of its type tags


def decode(datagram: bytes) -> list[ReceivedMessage]:
    """The messages of a datagram, those of bundles within bundles too. OscError."""
    try:
        if OscBundle.dgram_is_bundle(datagram):
            return _contents(OscBundle(datagram))
        return [_message(OscMessage(datagram))]
    except Exception as error:  # python-osc's own, and what broken bytes do to it: IndexError, struct.error and others
        raise OscError(f"{type(error).__name__}: {error}") from error


def kind_of(message: ReceivedMessage) -> MessageKind | None:
    """Which layout a message belongs to, and what it is there; None: of no layout of ours."""
    for form in MESSAGE_FORMS:
        found = form.address.fullmatch(message.address)
        if found is None:
            continue
        parts = found.groupdict()
        name = parts.get("name") or "count"
        kind, base = name, parts.get("base") or ""
        if form.protocol == "tuio11":
            # Its profiles have lists of their own.
            base = "" if name == "2Dcur" else name
            kind = str(message.values[0]) if message.values else ""
            name, kind = f"{name} {kind}", f"{name} set" if kind == "set" else kind
        return MessageKind(form.protocol, base, name, int(parts.get("slot") or 0), form.tags.get(kind, "s(what?)"))
    return None


def _contents(bundle: OscBundle) -> list[ReceivedMessage]:
    found = []
    for content in bundle:
        found += _contents(content) if isinstance(content, OscBundle) else [_message(content)]
    return found


def _message(message: OscMessage) -> ReceivedMessage:
    _, at = osc_types.get_string(message.dgram, 0)
    tags = osc_types.get_string(message.dgram, at)[0] if at < len(message.dgram) else ","
    return ReceivedMessage(message.address, tags.removeprefix(","), list(message.params))
