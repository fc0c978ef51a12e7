"""Who is calling, and how each recipient's trunk or phone is told so."""

from __future__ import annotations

from b2bua.calls.plan import CallPlan
from b2bua.calls.recipient import HeaderRecipe
from sip_stack.errors import RemoteError
from sip_stack.grammar import quote
from sip_stack.headers import Address
from sip_stack.message import Request
from sip_stack.outgoing import lines

_ANONYMOUS = "anonymous"  # RFC 3323 §4.1.1.3


class Identity:
    """The caller as the trunk stated him. number and display are as on the wire, for the record."""

    __slots__ = ("_lines", "_plan", "_request", "_values", "display", "number")

    def __init__(self, request: Request, plan: CallPlan) -> None:
        self._request = request
        self._plan = plan
        self._values: dict[HeaderRecipe, str] = {}
        self._lines: dict[HeaderRecipe, str] = {}
        self.display, self.number = _stated_by(request)

    def from_value(self, recipe: HeaderRecipe) -> str:
        """The From of an INVITE to a recipient, without its tag."""
        value = self._values.get(recipe)
        if value is None:
            display = f"{recipe.display_prefix}{self.display}"
            host = recipe.from_host or self._plan.host
            value = self._values[recipe] = _name_addr(display, self._shown(recipe), host)
        return value

    def lines(self, recipe: HeaderRecipe) -> str:
        """Further header lines of that INVITE, as its recipe says."""
        text = self._lines.get(recipe)
        if text is None:
            text = self._lines[recipe] = lines(self._fields(recipe)) if recipe != _PLAIN else self._privacy()
        return text

    def _shown(self, recipe: HeaderRecipe) -> str:
        if recipe.from_user == "caller":
            return self.number or _ANONYMOUS
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
        if recipe.asserted_identity:
            fields.append(("P-Asserted-Identity", _name_addr("", self._shown(recipe), host)))
        if recipe.diversion:
            diverted = _name_addr("", self._plan.dialled, host)
            fields.append(("Diversion", f"{diverted};reason=unconditional"))
        for name in recipe.pass_headers:
            fields += [(name.title(), value) for value in self._request.get_all(name)]
        return fields + list(recipe.add)


_PLAIN = HeaderRecipe()


def _stated_by(request: Request) -> tuple[str, str]:
    try:
        address: Address = request.from_
        return address.display, address.parsed_uri.user or ""
    except RemoteError:
        return "", ""


def _name_addr(display: str, user: str, host: str) -> str:
    host = f"[{host}]" if ":" in host and not host.startswith("[") else host
    shown = f"{quote(display)} " if display else ""
    return f"{shown}<sip:{user}@{host}>"
