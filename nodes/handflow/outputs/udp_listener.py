"""A socket that receives datagrams, of a multicast group too."""

import errno
import ipaddress
import socket
import struct

from handflow.errors import SetupError

MULTICAST = "an address from 224.0.0.0 to 239.255.255.255, or from ff00:: on"


def listening_socket(host: str, port: int, group: str | None) -> socket.socket:
    """A socket that never blocks, at `host` and `port`, in a multicast `group` if given. SetupError says why not."""
    if group is not None and not _is_multicast(group):
        raise SetupError(f"--group: expected {MULTICAST}, got {group!r}")
    family = socket.AF_INET6 if ":" in (group or host) else socket.AF_INET
    address = _own_address(host, port, family)
    made = socket.socket(family, socket.SOCK_DGRAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        # Of a multicast every listener on this machine gets its own copy.
        if group:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((address, port))
        made.setblocking(False)
        if group:
            _join(made, family, group, address)
    except OSError as error:
        made.close()
        raise SetupError(_why_not(host, port, group, error)) from error
    return made


def _is_multicast(group: str) -> bool:
    try:
        return ipaddress.ip_address(group.partition("%")[0]).is_multicast
    except ValueError:
        return False


def _own_address(host: str, port: int, family: socket.AddressFamily) -> str:
    """The address that `host` names."""
    if not host:
        return ""
    try:
        return str(socket.getaddrinfo(host, port, family, socket.SOCK_DGRAM)[0][4][0])
    except (OSError, UnicodeError):
        kind = "IPv6" if family == socket.AF_INET6 else "IPv4"
        raise SetupError(f"--host: expected an {kind} address of this machine, or its name, got {host!r}") from None


def _join(made: socket.socket, family: socket.AddressFamily, group: str, address: str) -> None:
    if family == socket.AF_INET:
        member = socket.inet_aton(group) + socket.inet_aton(address or "0.0.0.0")
        made.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
        return
    plain, _, interface = group.partition("%")
    index = socket.if_nametoindex(interface) if interface else 0
    made.setsockopt(
        socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, socket.inet_pton(family, plain) + struct.pack("@I", index)
    )


def _why_not(host: str, port: int, group: str | None, error: OSError) -> str:
    where, why = f"{host}:{port}" if host else f"port {port}", error.strerror or str(error)
    if error.errno == errno.EADDRINUSE:
        return f"{where}: {why}; is a game listening there? End it, or send to another port as well"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"--host: expected an address of this machine, got {host!r} ({why})"
    if error.errno == errno.EACCES:
        return f"{where}: {why}; ports below 1024 are the system's: choose another"
    return f"{where}: group {group} cannot be joined: {why}; is there a network?" if group else f"{where}: {why}"
