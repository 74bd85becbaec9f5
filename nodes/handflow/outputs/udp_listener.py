"""A socket that receives datagrams, of a multicast group too."""

import socket
import struct


def listening_socket(host: str, port: int, group: str | None) -> socket.socket:
    """A socket that never blocks, at `host` and `port`, in a multicast `group` if given. OSError or OverflowError."""
    family = socket.AF_INET6 if ":" in (group or host) else socket.AF_INET
    made = socket.socket(family, socket.SOCK_DGRAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        # Of a multicast every listener on this machine gets its own copy.
        if group:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host, port))
        made.setblocking(False)
        if group and family == socket.AF_INET:
            member = socket.inet_aton(group) + socket.inet_aton(host or "0.0.0.0")
            made.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
        elif group:
            member = socket.inet_pton(family, group) + struct.pack("@I", 0)
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, member)
    except (OSError, OverflowError):
        made.close()
        raise
    return made
