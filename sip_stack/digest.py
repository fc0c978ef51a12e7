"""Digest access authentication (RFC 7616) as SIP uses it (RFC 3261 §22, RFC 8760): both sides.

A challenge is looked at in the order in which the server wrote them: RFC 8760 §2.4 has it write the
algorithm it likes best first, and the client take the first that it supports. No randomness and no clock
here: the client nonce and the time are handed in.
"""

from __future__ import annotations

import enum
import hashlib
import hmac
import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from sip_stack.errors import LocalError

# RFC 7616 §6.1; §3.3: "If this is not present, it is assumed to be "MD5"." Peers write them in any case.
_HASHES = {
    algorithm + suffix: name
    for algorithm, name in (("md5", "md5"), ("sha-256", "sha256"), ("sha-512-256", "sha512_256"))
    for suffix in ("", "-sess")
    if name in hashlib.algorithms_available
} | {"": "md5"}
_ANSWERED_IN = {"www-authenticate": "Authorization", "proxy-authenticate": "Proxy-Authorization"}
_MOST_CHALLENGES = 16


class Challenge(NamedTuple):
    """A Digest challenge (RFC 7616 §3.3), quotes and escapes undone. algorithm: as written, "" if absent."""

    realm: str
    nonce: str
    algorithm: str = ""
    qop: tuple[str, ...] = ()
    opaque: str | None = None
    is_stale: bool = False
    hashes_username: bool = False

    @property
    def is_usable(self) -> bool:
        """Whether both its algorithm and one of its qop values are known to us."""
        return self.algorithm.lower() in _HASHES and (not self.qop or self.chosen_qop != "")

    @property
    def chosen_qop(self) -> str:
        """auth where it is offered, else auth-int; "" for a server of before RFC 2617, and for neither."""
        return next((qop for qop in ("auth", "auth-int") if qop in self.qop), "")


class Credentials(NamedTuple):
    """realm "" stands for any realm."""

    username: str
    password: str
    realm: str = ""


# The grammar of a challenge: RFC 7616 §3.3 over RFC 9110 §11.2.

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
# Commas divide both the parameters of a challenge and, where a peer joins header fields, the challenges; only
# "token SP token =" tells where the next begins.
_ITEM = re.compile(
    rf"[\s,]*(?:(?P<name>{_TOKEN})\s*=\s*(?:\"(?P<quoted>(?:[^\"\\]|\\.)*)\"|(?P<token>{_TOKEN}|))(?=\s*(?:,|$))"
    rf"|(?P<scheme>{_TOKEN})(?=\s|,|$)(?:\s+[\w.~+/-]+=*(?=\s*(?:,|$)))?)"
)
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def parse_challenge(value: str) -> Challenge | None:
    """The first Digest challenge in the value of one header field; None if there is none to be understood."""
    return next(iter(parse_challenges(value)), None)


def parse_challenges(value: str) -> tuple[Challenge, ...]:
    """All Digest challenges in one value, but other schemes and whatever follows a fault are left out."""
    return tuple([made for scheme, said in _read(value) if scheme == "digest" and (made := _challenge(said))])


def _read(value: str) -> Iterator[tuple[str, dict[str, str]]]:
    """(scheme, parameters) of challenges or credentials, up to the first that cannot be read."""
    if _UNPRINTABLE.search(value):
        return
    found: list[tuple[str, dict[str, str]]] = []
    at, end = 0, len(value.rstrip(" \t,"))
    while at < end and len(found) <= _MOST_CHALLENGES:
        item = _ITEM.match(value, at)
        if item is None or (item["scheme"] is None and not found):
            found = found[:-1]
            break
        at = item.end()
        if item["scheme"] is not None:
            found.append((item["scheme"].lower(), {}))
        else:
            text = item["token"] if item["quoted"] is None else re.sub(r"\\(.)", r"\1", item["quoted"])
            # RFC 7616 §3.3 allows each parameter once; of two the first counts.
            found[-1][1].setdefault(item["name"].lower(), text)
    yield from found


def _challenge(said: dict[str, str]) -> Challenge | None:
    if "realm" not in said or "nonce" not in said:
        return None
    return Challenge(
        said["realm"],
        said["nonce"],
        said.get("algorithm", ""),
        tuple(said.get("qop", "").lower().replace(",", " ").split()),
        said.get("opaque"),
        said.get("stale", "").lower() == "true",
        said.get("userhash", "").lower() == "true",
    )


def _quoted(text: str) -> str:
    if "\\" in text or '"' in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


# The arithmetic: RFC 7616 §3.4.


def _hash(algorithm: str, data: bytes) -> str:
    return hashlib.new(_HASHES[algorithm.lower()], data, usedforsecurity=False).hexdigest()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def ha1_of(username: str, realm: str, password: str, algorithm: str = "") -> str:
    """H(username:realm:password) in hex: what a server stores, one for each algorithm (AUT-6)."""
    return _hash(algorithm, _bytes(f"{username}:{realm}:{password}"))


def response_of(
    ha1: str,
    nonce: str,
    method: str,
    uri: str,
    *,
    algorithm: str = "",
    qop: str = "",
    nonce_count: int = 0,
    cnonce: str = "",
    body: bytes = b"",
) -> str:
    """The request-digest (RFC 7616 §3.4.1), in hex. ha1: as `ha1_of`, also for a -sess algorithm."""
    if algorithm.lower().endswith("-sess"):
        ha1 = _hash(algorithm, _bytes(f"{ha1}:{nonce}:{cnonce}"))
    a2 = f"{method}:{uri}"
    if qop == "auth-int":
        a2 = f"{a2}:{_hash(algorithm, body)}"
    ha2 = _hash(algorithm, _bytes(a2))
    middle = f"{nonce}:{nonce_count:08x}:{cnonce}:{qop}" if qop else nonce
    return _hash(algorithm, _bytes(f"{ha1}:{middle}:{ha2}"))


# The client.


class _Space:
    """What is known of one protection space: a realm of servers or of proxies."""

    __slots__ = ("challenge", "cnonce", "credentials", "ha1", "is_carried", "is_refused", "nonce_count",
                 "tries")  # fmt: skip

    def __init__(self, challenge: Challenge, credentials: Credentials, cnonce: str, tries: int) -> None:
        self.challenge = challenge
        self.credentials = credentials
        # RFC 7616 §3.4.2: a -sess key is made of the first cnonce after a challenge, so we keep it with the
        # nonce; servers that compute anew from each request's cnonce then agree with those that do not.
        self.cnonce = cnonce
        self.ha1 = ha1_of(credentials.username, challenge.realm, credentials.password, challenge.algorithm)
        self.nonce_count = 0
        self.tries = tries  # challenges answered since the request began
        self.is_carried = False  # by the request, as it was last sent
        self.is_refused = False

    def begin_request(self) -> None:
        self.tries = 0
        self.is_carried = False

    def is_worth_answering(self, challenge: Challenge) -> bool:
        """Whether another challenge to the same request leaves hope."""
        if not self.is_carried:
            return True
        if self.is_refused or challenge.nonce == self.challenge.nonce:
            return False
        # With no try yet, a nonce of an earlier request has run out, whether the server says stale or not.
        return self.tries == 0 or (self.tries == 1 and challenge.is_stale)

    def answer(self, method: str, uri: str, body: bytes) -> str:
        challenge, qop = self.challenge, self.challenge.chosen_qop
        self.nonce_count += 1
        self.is_carried = True
        response = response_of(
            self.ha1, challenge.nonce, method, uri, algorithm=challenge.algorithm,
            qop=qop, nonce_count=self.nonce_count, cnonce=self.cnonce, body=body,
        )  # fmt: skip
        username = self.credentials.username
        if challenge.hashes_username:
            username = _hash(challenge.algorithm, _bytes(f"{username}:{challenge.realm}"))
        parts = [
            f"Digest username={_quoted(username)}",
            f"realm={_quoted(challenge.realm)}",
            f"nonce={_quoted(challenge.nonce)}",
            f"uri={_quoted(uri)}",
            f'response="{response}"',
        ]
        if challenge.algorithm:
            parts.append(f"algorithm={challenge.algorithm}")
        if qop:
            # RFC 7616 §3.4: algorithm, qop and nc are not quoted here, unlike qop in the challenge.
            parts.append(f"qop={qop}, nc={self.nonce_count:08x}")
        if qop or challenge.algorithm.lower().endswith("-sess"):
            parts.append(f"cnonce={_quoted(self.cnonce)}")
        if challenge.opaque is not None:
            parts.append(f"opaque={_quoted(challenge.opaque)}")
        if challenge.hashes_username:
            parts.append("userhash=true")
        return ", ".join(parts)


class DigestClient:
    """Answers challenges for one leg: the requests of one branch before it has a dialog, and then within it.

    Requests of a leg follow each other, so that nonce counts arrive in order and a refusal is known to be of
    the request before; hence one of these for each leg, and not one for a trunk.

    credentials: (username, password, realm) each, realm "" for any; the first that fits a realm is used.
    cnonce: called once for each new nonce; gives fresh text of at least 64 random bits, without quotes.
    """

    def __init__(self, credentials: Sequence[tuple[str, str, str]], cnonce: Callable[[], str]) -> None:
        self._credentials = [Credentials(*each) for each in credentials]
        self._cnonce = cnonce
        self._spaces: dict[tuple[str, str], _Space] = {}  # by header name and realm
        self._request = ("", "")  # method and URI of the request under way

    def preauthorise(self, method: str, uri: str, body: bytes = b"") -> list[tuple[str, str]]:
        """Header fields for a new request, from nonces that are known (RFC 3261 §22.3: nc+1); may be empty.

        Call it once for every new request of the leg, a retry excepted: it also marks where the request
        begins, so that a challenge to it is answered afresh. Not for ACK and CANCEL: a CANCEL is never
        challenged, an ACK repeats the fields of its INVITE (RFC 3261 §22.1).
        """
        self._begin_request(method, uri)
        return self._fields(method, uri, body)

    def answer(
        self, challenges: Sequence[tuple[str, str]], method: str, uri: str, body: bytes = b""
    ) -> list[tuple[str, str]] | None:
        """Header fields with which to send the request once more, as a new transaction with CSeq+1 (TRX-16).

        challenges: (name, value) of every WWW-Authenticate and Proxy-Authenticate field of the 401 or 407, in
        order, values unsplit. uri: the Request-URI as it will be sent. A realm that was answered earlier and
        is not challenged now is answered again, as its server is still on the path.

        None if trying again is of no use: no challenge that we support and have credentials for, or all such
        were refused: RFC 3261 §22.2 has a client not repeat credentials that were just rejected. Only
        stale=true with another nonce earns one more try. Another method or URI than last time is taken for
        a new request that was sent without credentials.
        """
        if (method, uri) != self._request:
            self._begin_request(method, uri)
        answered = False
        seen: set[tuple[str, str]] = set()
        for header, challenge in _usable(challenges):
            key = (header, challenge.realm)
            if key not in seen and (credentials := self._credentials_for(challenge.realm)):
                seen.add(key)
                answered |= self._take_up(key, challenge, credentials)
        return self._fields(method, uri, body) if answered else None

    def _begin_request(self, method: str, uri: str) -> None:
        self._request = (method, uri)
        self._spaces = {key: space for key, space in self._spaces.items() if not space.is_refused}
        for space in self._spaces.values():
            space.begin_request()

    def _take_up(self, key: tuple[str, str], challenge: Challenge, credentials: Credentials) -> bool:
        """Make ready to answer a challenge; False if it means that our credentials are refused."""
        known = self._spaces.get(key)
        if known is not None and not known.is_worth_answering(challenge):
            known.is_refused = True
            return False
        if known is None or known.challenge.nonce != challenge.nonce:
            tries = known.tries if known is not None else 0
            known = self._spaces[key] = _Space(challenge, credentials, self._cnonce(), tries)
        known.tries += 1
        return True

    def _credentials_for(self, realm: str) -> Credentials | None:
        return next((each for each in self._credentials if each.realm in ("", realm)), None)

    def _fields(self, method: str, uri: str, body: bytes) -> list[tuple[str, str]]:
        return [
            (header, space.answer(method, uri, body))
            for (header, _), space in self._spaces.items()
            if not space.is_refused
        ]


def _usable(challenges: Sequence[tuple[str, str]]) -> Iterator[tuple[str, Challenge]]:
    for name, value in challenges[:_MOST_CHALLENGES]:
        header = _ANSWERED_IN.get(name.lower())
        for challenge in parse_challenges(value) if header else ():
            if header and challenge.is_usable:
                yield header, challenge


# The server.


class Verdict(enum.Enum):
    ACCEPTED = "accepted"
    STALE = "stale"  # right, but for a nonce that has run out: challenge again with stale=true
    REFUSED = "refused"  # absent, for another realm, malformed or wrong: which, the peer is not told (AUT-6)


class DigestServer:
    """Challenges requests and checks what comes back, without memory: a nonce proves itself.

    A nonce is its time and an HMAC over it, the realm and the peer's address; it serves for `lifetime`
    seconds, and only from that address. Within that time a request may be repeated from there, which at
    worst repeats the same method on the same URI; the transaction layer absorbs what is the same request.

    key: at least 16 random bytes, for this process. algorithms: as the challenges should be ordered, the
    most preferred first (RFC 8760 §2.3); each must be one of MD5, SHA-256, SHA-512-256.
    """

    def __init__(
        self, realm: str, key: bytes, algorithms: Sequence[str] = ("SHA-256", "MD5"), lifetime: float = 300.0
    ) -> None:
        if len(key) < 16 or not algorithms or any(name.lower() not in _HASHES for name in algorithms):
            raise LocalError("a digest server needs a key of 16 bytes or more, and algorithms that it knows")
        self._realm = realm
        self._key = key
        self._algorithms = tuple(algorithms)
        self._lifetime = lifetime

    def challenges(self, source: str, now: float, *, is_stale: bool = False) -> list[str]:
        """Values for WWW- or Proxy-Authenticate, one field each and in this order.

        source: the peer's address; now: seconds on a clock that does not go back.
        """
        nonce = self._nonce(f"{int(now):x}", source)
        stale = ", stale=true" if is_stale else ""
        return [
            f'Digest realm={_quoted(self._realm)}, nonce="{nonce}", algorithm={name}, qop="auth"{stale}'
            for name in self._algorithms
        ]

    def verify(
        self, value: str, method: str, uri: str, source: str, now: float,
        ha1: Callable[[str, str], str | None],
    ) -> tuple[Verdict, str]:  # fmt: skip
        """Judge the value of one Authorization or Proxy-Authorization field; the username comes with it.

        uri: the Request-URI, which the credentials must be made for (RFC 7616 §3.4.6). ha1: called with
        username and algorithm, gives what `ha1_of` gave for that user in this realm; None if unknown.
        """
        said = next((said for scheme, said in _read(value) if scheme == "digest"), {})
        algorithm = said.get("algorithm", "MD5")
        count = said.get("nc", "")
        is_in_form = (
            said.get("realm") == self._realm
            and said.get("qop") == "auth"
            and algorithm.upper() in [name.upper() for name in self._algorithms]
            and re.fullmatch("[0-9a-fA-F]{8}", count) is not None
        )
        nonce, username = said.get("nonce", ""), said.get("username", "")
        made_at = nonce.partition(".")[0]
        if not is_in_form or not _equal(nonce, self._nonce(made_at, source)):
            return Verdict.REFUSED, ""
        known = ha1(username, algorithm)
        # A user who is unknown goes the same way as a wrong password, to the same comparison.
        expected = response_of(
            known or ha1_of(username, self._realm, "", algorithm), nonce, method, uri, algorithm=algorithm,
            qop="auth", nonce_count=int(count, 16), cnonce=said.get("cnonce", ""),
        )  # fmt: skip
        if not _equal(said.get("response", "").lower(), expected) or known is None:
            return Verdict.REFUSED, ""
        is_fresh = 0 <= now - int(made_at, 16) <= self._lifetime + 1
        return (Verdict.ACCEPTED if is_fresh else Verdict.STALE), username

    def _nonce(self, made_at: str, source: str) -> str:
        proof = hmac.digest(self._key, _bytes(f"{made_at}:{source}:{self._realm}"), "sha256").hex()
        return f"{made_at}.{proof[:32]}"


def _equal(one: str, other: str) -> bool:
    return hmac.compare_digest(_bytes(one), _bytes(other))
