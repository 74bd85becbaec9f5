"""What a web server wants before it answers, and what it is given: basic (RFC 7617) and digest (RFC 7616) login.

urllib's handlers know neither SHA-256 nor lists of qop nor a second challenge, and try a wrong password several times,
which locks the accounts of many cameras.
"""

import base64
import hashlib
import re
import secrets
from collections.abc import Iterable
from typing import NamedTuple
from urllib.request import parse_http_list

from handflow.runtime.names import one_line

# Digest's names of algorithms -> hashlib's, the strongest last.
HASHES = {"md5": "md5", "sha-256": "sha256", "sha-512-256": "sha512_256"}
# Of those that a server offers, the first one is taken.
QOPS = ("auth", "auth-int")


class Challenge(NamedTuple):
    """One way in that a server offers."""

    scheme: str  # "basic", "digest" or another, in lower case
    values: dict[str, str]  # names in lower case

    @property
    def algorithm(self) -> str:
        return self.values.get("algorithm", "md5").lower().removesuffix("-sess")

    @property
    def qop(self) -> str | None:
        """How the answer is to be made; "": as before there was a choice; None: in no way known here."""
        offered = [each.strip().lower() for each in self.values.get("qop", "").split(",") if each.strip()]
        return next((qop for qop in QOPS if qop in offered), None) if offered else ""

    @property
    def strength(self) -> int:
        """Which of several to take: the greatest; -1: none of ours."""
        if self.scheme == "digest" and self.algorithm in HASHES and self.qop is not None and "nonce" in self.values:
            return 1 + list(HASHES).index(self.algorithm)
        return 0 if self.scheme == "basic" else -1


def challenges(headers: Iterable[str]) -> list[Challenge]:
    """What stands in WWW-Authenticate: several headers, or several challenges in one, or both."""
    found: list[Challenge] = []
    for item in parse_http_list(", ".join(headers)):
        begins = re.match(r"([\w-]+)(?:\s+(?!=)|$)", item)
        if begins:
            found.append(Challenge(begins[1].lower(), {}))
            item = item[begins.end() :]
        name, equals, value = item.partition("=")
        if found and equals:
            value = value.strip()
            quoted = len(value) >= 2 and value[0] == value[-1] == '"'
            found[-1].values[name.strip().lower()] = value[1:-1] if quoted else value
    return found


def why_not_let_in(headers: Iterable[str], tried: bool) -> str:
    """Why a server that sent these (WWW-Authenticate) has not let us in, though we `tried` a password, or did not."""
    ways = challenges(headers)
    if ways and all(way.strength < 0 for way in ways):
        kinds = ", ".join(" ".join([way.scheme, way.values.get("algorithm", "")]).strip() for way in ways)
        return f"the server wants a login of a kind that is not known here ({one_line(kinds)}); set it to digest"
    asked = "another user name or password" if tried else "a user name and password"
    return f"the server wants {asked}; write NAME:PASSWORD@ before its name in the address"


class Login:
    """A user name and password, given as a server asks for them, and no oftener than it takes."""

    def __init__(self, user: str, password: str) -> None:
        self._user, self._password = user, password
        self._challenge: Challenge | None = None
        self._accepted = False  # what was answered to this challenge has opened the door once
        self._count = 0  # answers to it

    def heed(self, headers: Iterable[str], answered: bool) -> bool:
        """Takes the best of what a server offers, with whether it was `answered` before; whether to try (again)."""
        offered = challenges(headers)
        best = max(offered, key=lambda challenge: challenge.strength, default=None)
        if best is None or best.strength < 0:
            return False
        stale = best.values.get("stale", "").lower() == "true"
        # The same answer to the same question would be refused again, and count as another wrong password.
        again = not answered or stale or (self._accepted and best != self._challenge)
        self._challenge, self._accepted, self._count = best, False, 0
        return again

    def accept(self) -> None:
        """The server has let us in: should it ask anew, the password is still right."""
        self._accepted = self._challenge is not None

    def authorization(self, method: str, target: str) -> str | None:
        """The header's value for `target` (path and query); None: nobody has asked yet."""
        if self._challenge is None:
            return None
        if self._challenge.scheme == "basic":
            return "Basic " + base64.b64encode(f"{self._user}:{self._password}".encode()).decode()
        self._count += 1
        return self._digest(self._challenge, method, target)

    def _digest(self, challenge: Challenge, method: str, target: str) -> str:
        """RFC 7616, 3.4."""

        def hashed(*parts: str) -> str:
            return hashlib.new(HASHES[challenge.algorithm], ":".join(parts).encode()).hexdigest()

        given = challenge.values
        realm, nonce, qop = given.get("realm", ""), given["nonce"], challenge.qop
        count, own = f"{self._count:08x}", secrets.token_hex(16)
        secret = hashed(self._user, realm, self._password)
        if given.get("algorithm", "").lower().endswith("-sess"):
            secret = hashed(secret, nonce, own)
        asked = hashed(method, target, hashed("")) if qop == "auth-int" else hashed(method, target)
        response = hashed(secret, nonce, count, own, qop, asked) if qop else hashed(secret, nonce, asked)
        hide = given.get("userhash", "").lower() == "true"
        user = hashed(self._user, realm) if hide else self._user
        quoted = {"username": user, "realm": realm, "nonce": nonce, "uri": target, "response": response}
        if "opaque" in given:
            quoted["opaque"] = given["opaque"]
        plain = {name: given[name] for name in ("algorithm",) if name in given}
        if hide:
            plain["userhash"] = "true"
        if qop:
            quoted["cnonce"] = own
            plain |= {"qop": qop, "nc": count}
        words = [f"{name}={_quoted(value)}" for name, value in quoted.items()]
        return "Digest " + ", ".join([*words, *(f"{name}={value}" for name, value in plain.items())])


def _quoted(text: str) -> str:
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'
