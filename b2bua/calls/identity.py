"""Who is calling, and how each recipient's trunk or phone is told so.

Theory. A caller who does not want to be known is shown to nobody: From is the anonymous one of RFC 3323, whatever
stood in his. Who he is may be said in P-Asserted-Identity alone, and only to a trunk that is trusted to keep it
(RFC 3325 §7). Where we show a number of our own, there is nothing of his to hide but his name.
"""

from __future__ import annotations

from b2bua.calls.plan import CallPlan
from b2bua.calls.recipient import HeaderRecipe
from sip_stack.errors import RemoteError
from sip_stack.grammar import quote
from sip_stack.headers import Address
from sip_stack.message import Request
from sip_stack.outgoing import lines

_ANONYMOUS = "anonymous"  # RFC 3323 §4.1.1.3
_ANONYMOUS_HOST = "anonymous.invalid"
_ANONYMOUS_NAME = "Anonymous"
_HIDES_HIM = frozenset(("id", "user", "header"))  # RFC 3323 §4.2, RFC 3325 §9.3
_IDENTIFYING = ("p-asserted-identity", "p-preferred-identity", "remote-party-id")
_FEWEST_DIGITS = (
    5  # of a number that is somebody's in the whole world, and not an extension of each switchboard
)


class Identity:
    """The caller as the trunk stated him. number and display are as on the wire, for the record.

    digits: his number without what it may be written with, "" when it is none. is_private: he is not to be known.
    """

    __slots__ = ("_lines", "_plan", "_request", "_values", "digits", "display", "is_private", "number")

    def __init__(self, request: Request, plan: CallPlan) -> None:
        self._request = request
        self._plan = plan
        self._values: dict[HeaderRecipe, str] = {}
        self._lines: dict[HeaderRecipe, str] = {}
        self.display, self.number, host = stated_by(request)
        self.digits = _digits(self.number)
        privacy = request.get("privacy")
        self.is_private = (
            self.number.lower() in ("", _ANONYMOUS)
            or host == _ANONYMOUS_HOST
            or (privacy is not None and not _HIDES_HIM.isdisjoint(_tokens(privacy)))
        )

    def from_value(self, recipe: HeaderRecipe) -> str:
        """The From of an INVITE to a recipient, without its tag."""
        value = self._values.get(recipe)
        if value is None:
            value = self._values[recipe] = self._from(recipe)
        return value

    def lines(self, recipe: HeaderRecipe) -> str:
        """Further header lines of that INVITE, as its recipe says."""
        text = self._lines.get(recipe)
        if text is None:
            text = self._lines[recipe] = lines(self._fields(recipe)) if recipe != _PLAIN else self._privacy()
        return text

    def _from(self, recipe: HeaderRecipe) -> str:
        host = recipe.from_host or self._plan.host
        if not self.is_private:
            return _name_addr(f"{recipe.display_prefix}{self.display}", self._shown(recipe), host)
        if recipe.from_user == "caller":
            return _name_addr(f"{recipe.display_prefix}{_ANONYMOUS_NAME}", _ANONYMOUS, _ANONYMOUS_HOST)
        return _name_addr(recipe.display_prefix, self._shown(recipe), host)

    def _shown(self, recipe: HeaderRecipe) -> str:
        if recipe.from_user == "caller":
            return self.number
        return self._plan.dialled if recipe.from_user == "dialled" else recipe.from_user

    def _privacy(self) -> str:
        value = self._request.get("privacy")
        return f"Privacy: {value}\r\n" if value is not None else ""

    def _fields(self, recipe: HeaderRecipe) -> list[tuple[str, str]]:
        host = recipe.from_host or self._plan.host
        fields = []
        privacy = self._request.get("privacy")
        if privacy is not None:
            fields.append(("Privacy", privacy))
        asserted = self._asserted(recipe)
        if asserted:
            if self.is_private and recipe.from_user == "caller" and privacy is None:
                fields.append(("Privacy", "id"))
            fields.append(("P-Asserted-Identity", _name_addr("", asserted, host)))
        if recipe.diversion:
            diverted = _name_addr("", self._plan.dialled, host)
            fields.append(("Diversion", f"{diverted};reason=unconditional"))
        for name in recipe.pass_headers:
            if not (self.is_private and name in _IDENTIFYING and not recipe.private_identity):
                fields += [(name.title(), value) for value in self._request.get_all(name)]
        return fields + list(recipe.add)

    def _asserted(self, recipe: HeaderRecipe) -> str:
        """The number of P-Asserted-Identity, "" for none."""
        if not recipe.asserted_identity:
            return ""
        if not self.is_private or recipe.from_user != "caller":
            return self._shown(recipe)
        return self._withheld() if recipe.private_identity else ""

    def _withheld(self) -> str:
        """The number of a caller who hides it, as his trunk has asserted it."""
        for value in self._request.values("p-asserted-identity"):
            try:
                user = Address.parse(value).parsed_uri.user
            except RemoteError:
                continue
            if user:
                return user
        return "" if self.number.lower() == _ANONYMOUS else self.number


_PLAIN = HeaderRecipe()


def digits_of(uri: str) -> str:
    """The number in the user part of a SIP URI without what it may be written with; "" when it is none."""
    return _digits(uri.partition(":")[2].partition("@")[0].partition(";")[0])


def _digits(number: str) -> str:
    digits = number.replace("-", "").removeprefix("+").removeprefix("00")
    return digits if len(digits) >= _FEWEST_DIGITS and digits.isascii() and digits.isdigit() else ""


def _tokens(privacy: str) -> list[str]:
    return [token.strip().lower() for token in privacy.split(";")]


def stated_by(request: Request) -> tuple[str, str, str]:
    """Display name, user and host of From."""
    try:
        address: Address = request.from_
        uri = address.parsed_uri
        return address.display, uri.user or "", uri.host
    except RemoteError:
        return "", "", ""


def _name_addr(display: str, user: str, host: str) -> str:
    host = f"[{host}]" if ":" in host and not host.startswith("[") else host
    shown = f"{quote(display)} " if display else ""
    return f"{shown}<sip:{user}@{host}>"
