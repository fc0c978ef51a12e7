"""The grammar of RFC 3261 §25.1 as patterns, each under its ABNF rule, with our leniences and their reasons.

Patterns are text to be combined; compiled ones are at the foot. All work on text that is already unfolded, so
that LWS is but spaces and tabs. Classes are spelled out: `\\d` and `\\s` on `str` would take Arabic digits and
no-break spaces.

Repetition of a class is possessive (`++`, `*+`) wherever nothing can be gained by giving back, which keeps every
pattern linear on hostile input. Repetition of a group never is: Python before 3.11.5, Debian 12's among them,
keeps what a group had taken when it failed (";tag=" would pass for a parameter). So each turn of a group begins
with a character that nothing before it could have taken, and there is one way only to match.
"""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address

# Limits. RFC 3261 sets none; these keep a hostile message cheap.
MAX_HEAD = 65_536  # octets of start line and headers: what one datagram can carry
MAX_FIELDS = 256  # header fields: ten times what a call through five proxies has
MAX_LINE = 16_384  # octets of one unfolded line: an Identity header (RFC 8224) takes up to 2 KiB
MAX_VIAS = 70  # hops: Max-Forwards starts at 70 (RFC 3261 §8.1.1.6), so more is a loop
MAX_CSEQ = 2**31  # §8.1.1.5: "The sequence number value MUST be expressible as a 32-bit unsigned integer and
#                   MUST be less than 2**31."

# LWS = [*WSP CRLF] 1*WSP ; SWS = [LWS]
SWS = r"[ \t]*+"
LWS = r"[ \t]++"

# token = 1*(alphanum / "-" / "." / "!" / "%" / "*" / "_" / "+" / "`" / "'" / "~" )
TOKEN = r"[A-Za-z0-9\-.!%*_+`'~]++"

# quoted-string = SWS DQUOTE *(qdtext / quoted-pair ) DQUOTE
# Lenience: octets that are not UTF-8 pass (they arrive as surrogates), and so do raw control characters: they
# cannot end the string, and phones put Latin-1 in display names.
QUOTED = r'"[^"\\]*+(?:\\.[^"\\]*+)*"'

# generic-param = token [ EQUAL gen-value ] ; gen-value = token / host / quoted-string
# Lenience: any run free of separators passes for a value, because vendors put "/", ":" and "@" in unquoted
# ones.
VALUE = rf'(?:{QUOTED}|[^ \t;,"<>]++)'
PARAMETERS = rf"(?:{SWS};{SWS}{TOKEN}(?:{SWS}={SWS}{VALUE})?)*"

# escaped = "%" HEXDIG HEXDIG
ESCAPED = r"%[0-9A-Fa-f]{2}"

# user = 1*( unreserved / escaped / user-unreserved ) ; user-unreserved = "&" / "=" / "+" / "$" / "," / ";"
# / "?" / "/" Lenience: "#" passes unescaped, because star codes ("*31#...") are sent so by many PBXs; so
# does UTF-8.
USER = rf"(?:[A-Za-z0-9\-_.!~*'()&=+$,;?/#\x80-\U0010ffff]|{ESCAPED})+"

# password = *( unreserved / escaped / "&" / "=" / "+" / "$" / "," )
PASSWORD = rf"(?:[A-Za-z0-9\-_.!~*'()&=+$,]|{ESCAPED})*"

# host = hostname / IPv4address / IPv6reference ; IPv6reference = "[" IPv6address "]"
# Lenience: "_" in host names, which internal DNS zones have. What stands in brackets is checked as an address
# where it is used; a zone ("%eth0") is refused, for it means nothing to the peer.
HOST = r"(?:[A-Za-z0-9][A-Za-z0-9\-_.]*+|\[[0-9A-Fa-f:.]++\])"

# port = 1*DIGIT
PORT = r"[0-9]{1,5}+"

# uri-parameter = pname [ "=" pvalue ] ; paramchar = param-unreserved / unreserved / escaped
# param-unreserved = "[" / "]" / "/" / ":" / "&" / "+" / "$"
PARAMCHARS = rf"(?:[A-Za-z0-9\-_.!~*'()\[\]/:&+$]|{ESCAPED})+"
URI_PARAMETERS = rf"(?:;{PARAMCHARS}(?:={PARAMCHARS})?)*"

# headers = "?" header *( "&" header ) ; header = hname "=" hvalue
HEADERCHARS = rf"(?:[A-Za-z0-9\-_.!~*'()\[\]/?:+$]|{ESCAPED})"
URI_HEADER = rf"{HEADERCHARS}+={HEADERCHARS}*"
URI_HEADERS = rf"\?{URI_HEADER}(?:&{URI_HEADER})*"

# SIP-URI = "sip:" [ userinfo ] hostport uri-parameters [ headers ]
SIP_SCHEME = r"[Ss][Ii][Pp][Ss]?"
SIP_URI_NO_HEADERS = rf"{SIP_SCHEME}:(?:{USER}(?::{PASSWORD})?@)?{HOST}(?::{PORT})?{URI_PARAMETERS}"
SIP_URI = rf"{SIP_URI_NO_HEADERS}(?:{URI_HEADERS})?"

# scheme = ALPHA *( ALPHA / DIGIT / "+" / "-" / "." ) ; absoluteURI = scheme ":" ( hier-part / opaque-part )
SCHEME = r"[A-Za-z][A-Za-z0-9+\-.]*+"
OTHER_URI = rf'(?!{SIP_SCHEME}:){SCHEME}:[^ \t<>"]++'

# name-addr = [ display-name ] LAQUOT addr-spec RAQUOT ; display-name = *(token LWS)/ quoted-string
# Lenience: UTF-8 passes in an unquoted display name.
DISPLAY = rf"(?:{QUOTED}|(?:[A-Za-z0-9\-.!%*_+`'~\x80-\U0010ffff]++{SWS})*)"
NAME_ADDR = rf"{DISPLAY}{SWS}<(?:{SIP_URI}|{OTHER_URI})>"

# §20.10: "Even if the 'display-name' is empty, the 'name-addr' form MUST be used if the 'addr-spec'
# contains a comma, semicolon, or question mark." So a bare addr-spec ends at the first of them.
BARE_USER = rf"(?:[A-Za-z0-9\-_.!~*'()&=+$/#]|{ESCAPED})+"
BARE_ADDR = (
    rf"(?:{SIP_SCHEME}:(?:{BARE_USER}(?::(?:[A-Za-z0-9\-_.!~*'()&=+$]|{ESCAPED})*)?@)?{HOST}(?::{PORT})?"
    rf'|(?!{SIP_SCHEME}:){SCHEME}:[^ \t<>";,?]++)'
)
ADDRESS = rf"(?:{NAME_ADDR}|{BARE_ADDR}){PARAMETERS}"

# via-parm = sent-protocol LWS sent-by *( SEMI via-params )
# sent-protocol = protocol-name SLASH protocol-version SLASH transport ; sent-by = host [ COLON port ]
SENT_PROTOCOL = rf"{TOKEN}{SWS}/{SWS}{TOKEN}{SWS}/{SWS}(?P<transport>{TOKEN})"
VIA = rf"{SENT_PROTOCOL}{LWS}(?P<host>{HOST})(?:{SWS}:{SWS}(?P<port>{PORT}))?(?P<parameters>{PARAMETERS})"

# callid = word [ "@" word ] ; word takes nearly every separator, so that no other rule may be used to cut
# one.
WORD = r"[A-Za-z0-9\-.!%*_+`'~()<>:\\\"/\[\]?{}]++"
CALL_ID = rf"{WORD}(?:@{WORD})?"

# CSeq = "CSeq" HCOLON 1*DIGIT LWS Method
CSEQ = rf"(?P<number>[0-9]{{1,64}}+){LWS}(?P<method>{TOKEN})"

# §7.3.3 and the IANA registry of SIP header fields: compact form to long name.
COMPACT_NAMES = {
    "a": "accept-contact",
    "b": "referred-by",
    "c": "content-type",
    "d": "request-disposition",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "j": "reject-contact",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "n": "identity-info",
    "o": "event",
    "r": "refer-to",
    "s": "subject",
    "t": "to",
    "u": "allow-events",
    "v": "via",
    "x": "session-expires",
    "y": "identity",
}

# Names that title-casing each word would spell wrong.
_SPELLINGS = {
    "call-id": "Call-ID",
    "cseq": "CSeq",
    "mime-version": "MIME-Version",
    "min-se": "Min-SE",
    "rack": "RAck",
    "rseq": "RSeq",
    "sip-etag": "SIP-ETag",
    "sip-if-match": "SIP-If-Match",
    "www-authenticate": "WWW-Authenticate",
}

# Header fields whose ABNF is a comma list. §7.3.1 forbids to join or split any other, and names the four
# that have commas of their own: WWW-Authenticate, Authorization, Proxy-Authenticate and
# Proxy-Authorization.
LIST_NAMES = frozenset(
    {
        "accept",
        "accept-contact",
        "accept-encoding",
        "accept-language",
        "accept-resource-priority",
        "alert-info",
        "allow",
        "allow-events",
        "call-info",
        "contact",
        "content-encoding",
        "content-language",
        "diversion",
        "error-info",
        "geolocation",
        "history-info",
        "in-reply-to",
        "p-asserted-identity",
        "p-associated-uri",
        "p-early-media",
        "p-preferred-identity",
        "path",
        "proxy-require",
        "reason",
        "record-route",
        "recv-info",
        "reject-contact",
        "request-disposition",
        "require",
        "resource-priority",
        "route",
        "security-client",
        "security-server",
        "security-verify",
        "service-route",
        "supported",
        "unsupported",
        "via",
        "warning",
    }
)


def spell(name: str) -> str:
    """A canonical (lower-case) header name as it is usually written."""
    return _SPELLINGS.get(name) or "-".join([word.capitalize() for word in name.split("-")])


is_token = re.compile(TOKEN).fullmatch
is_address = re.compile(ADDRESS, re.DOTALL).fullmatch
is_request_uri = re.compile(SIP_URI_NO_HEADERS).fullmatch
is_call_id = re.compile(CALL_ID).fullmatch
match_via = re.compile(VIA, re.DOTALL).fullmatch
match_cseq = re.compile(CSEQ).fullmatch
# SIP-Version = "SIP" "/" 1*DIGIT "." 1*DIGIT
is_version = re.compile(r"[Ss][Ii][Pp]/[0-9]++\.[0-9]++").fullmatch
# The end of the headers. Lenience: bare LF, as PAR-4 asks.
find_blank_line = re.compile(rb"\r?\n\r?\n").search
# An element of a comma list, and a piece between semicolons. An open quote runs to the end of the value.
_OPEN_QUOTED = r'"[^"\\]*+(?:\\.[^"\\]*+)*(?:"|\\?$)'
find_elements = re.compile(rf'(?:[^,"<]++|{_OPEN_QUOTED}|<[^<>]*+>?+)+', re.DOTALL).findall
find_pieces = re.compile(rf'(?:[^;"<]++|{_OPEN_QUOTED}|<[^<>]*+>?+)+', re.DOTALL).findall


def unquote(text: str) -> str:
    """The characters that a quoted-string stands for; text that is not quoted, as it is."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    inner = text[1:-1]
    return re.sub(r"\\(.)", r"\1", inner, flags=re.DOTALL) if "\\" in inner else inner


def quote(text: str) -> str:
    """A quoted-string that stands for `text` (RFC 3261 §25.1)."""
    if "\\" in text or '"' in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def ip_address(host: str) -> IPv4Address | IPv6Address | None:
    """The address that `host` is, brackets allowed, an IPv4-mapped one as IPv4; None for a name."""
    try:
        if ":" not in host:
            return IPv4Address(host)
        # RFC 5118 §4.10: the ABNF of RFC 3261 lets a third colon in before an IPv4 part.
        text = host.replace(":::", "::") if "." in host else host
        address = IPv6Address(text.removeprefix("[").removesuffix("]"))
    except AddressValueError:
        return None
    return address.ipv4_mapped or address


def same_host(one: str, other: str) -> bool:
    """Do two hosts mean the same? Addresses are compared as addresses, not as text (RFC 5118 §4)."""
    if one == other:
        return True
    address = ip_address(one)
    return one.lower() == other.lower() if address is None else address == ip_address(other)
