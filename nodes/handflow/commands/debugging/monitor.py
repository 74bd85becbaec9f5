"""`handflow monitor`: listens as a game would, and shows which hands arrive, how often, and what is wrong.

Needs no graph and no camera: it sees what the network sees, from any sender.
"""

import argparse
import json
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable
from typing import Any, get_args

from rich import box
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from handflow.commands._arguments import positive, whole
from handflow.commands._console import complain
from handflow.commands._terminal import PlainConsole
from handflow.errors import SetupError
from handflow.outputs.osc.layout import Protocol
from handflow.outputs.osc.layouts import LAYOUTS
from handflow.outputs.osc.receiver import OscReceiver, ReceivedStream
from handflow.outputs.udp_listener import listening_socket
from handflow.runtime.names import one_line

MAX_ROWS = 40  # hands shown of one stream
MAX_CHARACTERS = 100  # shown of what somebody sent
REDRAW_S = 0.2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    ports = ", ".join(str(port) for port in sorted({layout.port for layout in LAYOUTS.values()}))
    parser.add_argument(
        "--port", action="append", type=whole(1, 65535), help=f"repeat for more than one; default: {ports}"
    )
    parser.add_argument("--protocol", choices=get_args(Protocol), help="only this one, on its own port")
    parser.add_argument("--host", default="", help="listen on one address of this machine only")
    parser.add_argument("--group", metavar="ADDRESS", help="join a multicast group")
    parser.add_argument("--for", dest="for_s", type=positive, metavar="SECONDS", help="stop after this long")
    parser.add_argument("--once", action="store_true", help="print what arrives within a second (or --for), and end")
    parser.add_argument("--json", action="store_true", help="a line a second, the last one with everything")


def run(args: argparse.Namespace) -> int:
    """Runs the command."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    receiver = OscReceiver(args.protocol)
    sockets, faults = _sockets(args)
    complain(*faults)
    if not sockets:
        return 1
    ports = ", ".join(str(port) for port in sockets)
    until = None if args.for_s is None and not args.once else time.monotonic() + (args.for_s or 1.0)
    try:
        if args.json:
            _listen(receiver, sockets, until, 1.0, lambda: None if args.once else _print(receiver))
        elif args.once or not sys.stdout.isatty():
            if not args.once:
                print(f"listening on {ports}", flush=True)
            _listen(receiver, sockets, until, 1.0, lambda: None if args.once else print(_line(receiver), flush=True))
        else:
            with Live(auto_refresh=False, console=PlainConsole()) as live:
                draw = lambda: live.update(tables(receiver, ports), refresh=True)  # noqa: E731
                draw()
                _listen(receiver, sockets, until, REDRAW_S, draw)
    except KeyboardInterrupt:
        pass
    finally:
        for each in sockets.values():
            each.close()
    if args.json:
        _print(receiver)
    elif args.once or not sys.stdout.isatty():
        PlainConsole().print(tables(receiver, ports))
    return 0


def _listen(
    receiver: OscReceiver,
    sockets: dict[int, socket.socket],
    until: float | None,
    every_s: float,
    report: Callable[[], object],
) -> None:
    """Receives datagrams until it is time, and reports at intervals."""
    selector = selectors.DefaultSelector()
    for port, each in sockets.items():
        selector.register(each, selectors.EVENT_READ, port)
    due = time.monotonic() + every_s
    with selector:
        while until is None or time.monotonic() < until:
            ends = due if until is None else min(due, until)
            for key, _ in selector.select(max(0.0, ends - time.monotonic())):
                _drain(receiver, sockets[key.data], key.data)
            if time.monotonic() >= due:
                due = time.monotonic() + every_s
                report()


def _drain(receiver: OscReceiver, each: socket.socket, port: int) -> None:
    # Then the others have their turn, and the table.
    for _ in range(1000):
        try:
            datagram, sender = each.recvfrom(65536)
        except BlockingIOError:
            return
        receiver.receive(datagram, f"{sender[0]}:{sender[1]}", port)


def _sockets(args: argparse.Namespace) -> tuple[dict[int, socket.socket], list[str]]:
    """Those that open, and a line for each that does not; none, if one that was asked for does not."""
    asked = args.port or ([LAYOUTS[args.protocol].port] if args.protocol else [])
    ports = asked or sorted({layout.port for layout in LAYOUTS.values()})
    made: dict[int, socket.socket] = {}
    faults = []
    for port in ports:
        try:
            made[port] = listening_socket(args.host, port, args.group)
        except SetupError as error:
            faults.append(str(error))
    if not made or (asked and faults):
        for each in made.values():
            each.close()
        made = {}
    # A host or a group is wrong on every port alike.
    return made, list(dict.fromkeys(faults))


def summary(receiver: OscReceiver) -> dict[str, Any]:
    """Everything that was received, as JSON."""
    now_s = time.monotonic()
    return {
        "streams": [stream.summary(now_s) for stream in receiver],
        "unknown": dict(receiver.unknown),
        "unreadable": receiver.unreadable,
    }


def _print(receiver: OscReceiver) -> None:
    print(json.dumps(summary(receiver)), flush=True)


def _line(receiver: OscReceiver) -> str:
    now_s = time.monotonic()
    lines = [
        f"{stream.protocol} from {stream.sender}: {stream.rate(now_s):.1f} frames/s, {len(stream.hands)} hands"
        + "".join(f", {fault}" for fault in faults(stream, now_s))
        for stream in receiver
    ]
    lines += [f"{receiver.unreadable} datagrams are not OSC ({receiver.fault})"] if receiver.unreadable else []
    return one_line(" | ".join(lines)) or "nothing has arrived"


def faults(stream: ReceivedStream, now_s: float) -> list[str]:
    """What is wrong with a stream, in words."""
    found = [f"{stream.missing} frames are missing"] if stream.missing else []
    if stuck := stream.stuck(now_s):
        found.append(f"never left: {', '.join(map(str, stuck[:10]))}{' ...' if len(stuck) > 10 else ''}")
    found += [
        f"{_short(address)}: expected ,{expected}, got ,{_short(tags)} ({count})"
        for (address, expected, tags), count in stream.wrong.items()
    ]
    return found + [f"{fault} ({count})" for fault, count in stream.faults.items()]


def tables(receiver: OscReceiver, ports: str) -> Group:
    """The streams, what is wrong with them, and their hands."""
    now_s = time.monotonic()
    streams = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for column in ("protocol", "from", "port"):
        streams.add_column(column, no_wrap=True)
    for column in ("frames/s", "missing", "hands", "came", "went"):
        streams.add_column(column, justify="right")
    parts: list[Any] = [streams]
    for stream in receiver:
        streams.add_row(
            stream.protocol + (f" {_short(stream.base)}" if stream.base else ""), stream.sender, str(stream.port),
            f"{stream.rate(now_s):.1f}", str(stream.missing), str(len(stream.hands)),
            str(stream.entered), str(stream.left),
        )  # fmt: skip
    for stream in receiver:
        parts += [Text(one_line(f"{stream.protocol}: {fault}"), style="red") for fault in faults(stream, now_s)]
        if stream.gestures:
            told = ", ".join(f"{name} {count}" for name, count in stream.gestures.most_common(10))
            parts.append(Text(one_line(f"{stream.protocol}: gestures begun: {told}")))
        if stream.hands:
            parts.append(_hands(stream, now_s))
    if receiver.unknown:
        most = ", ".join(f"{_short(address)} ({count})" for address, count in receiver.unknown.most_common(5))
        parts.append(Text(one_line(f"of no known layout: {most}"), style="yellow"))
    if receiver.unreadable:
        parts.append(Text(f"{receiver.unreadable} datagrams are not OSC ({receiver.fault})", style="red"))
    if not receiver.streams:
        parts.append(Text(f"nothing has arrived at port {ports} yet"))
    return Group(*parts)


def _short(text: str) -> str:
    """The beginning of what somebody sent, which may be as long as a datagram."""
    return text if len(text) <= MAX_CHARACTERS else f"{text[:MAX_CHARACTERS]}..."


def _hands(stream: ReceivedStream, now_s: float) -> Table:
    names = [name for name in ("x", "y", "vx", "vy", "w", "open", "zone", "slot") if _has(stream, name)]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in (stream.protocol, *names, "for s"):
        table.add_column(column, justify="right")
    stuck = set(stream.stuck(now_s))
    for id_, hand in sorted(stream.hands.items())[:MAX_ROWS]:
        cells = [_cell(name, hand.values.get(name)) for name in names]
        table.add_row(str(id_), *cells, f"{now_s - hand.since_s:.1f}", style="red" if id_ in stuck else "")
    if len(stream.hands) > MAX_ROWS:
        table.add_row("...")
    return table


def _cell(name: str, value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.0f}" if name in ("zone", "slot") else f"{value:.3f}"


def _has(stream: ReceivedStream, name: str) -> bool:
    return any(name in hand.values for hand in stream.hands.values())
