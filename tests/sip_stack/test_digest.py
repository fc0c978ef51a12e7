"""Digest against the worked examples of RFC 2617 §3.5, RFC 7616 §3.9 and the rules of RFC 8760 §2."""

from __future__ import annotations

import hashlib
import itertools
import re

import pytest

from sip_stack.digest import (
    Challenge,
    DigestClient,
    DigestServer,
    Verdict,
    ha1_of,
    parse_challenge,
    parse_challenges,
    response_of,
)
from sip_stack.errors import LocalError

URI = "sip:bob@biloxi.example.com"


def client(*credentials: tuple[str, str, str]) -> DigestClient:
    numbers = itertools.count(1)
    return DigestClient(credentials or [("alice", "secret", "")], lambda: f"cnonce{next(numbers)}")


def challenge(**said: str) -> str:
    said = {"realm": "example.com", "nonce": "n1", "qop": "auth"} | said
    return "Digest " + ", ".join(f'{name}="{value}"' for name, value in said.items() if value != "-")


def www(**said: str) -> tuple[str, str]:
    return "WWW-Authenticate", challenge(**said)


def proxy(**said: str) -> tuple[str, str]:
    return "Proxy-Authenticate", challenge(**said)


def said_in(value: str) -> dict[str, str]:
    assert value.startswith("Digest ")
    found = re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,"]+))', value)
    return {name: quoted or plain for name, quoted, plain in found}


def answered(fields: list[tuple[str, str]] | None) -> dict[str, str]:
    assert fields is not None and len(fields) == 1
    return said_in(fields[0][1])


def md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


class TestVectors:
    def test_rfc_2617_section_3_5(self) -> None:
        ha1 = ha1_of("Mufasa", "testrealm@host.com", "Circle Of Life")
        assert ha1 == "939e7578ed9e3c518a452acee763bce9"
        assert (
            response_of(
                ha1, "dcd98b7102dd2f0e8b11d0f600bfb0c093", "GET", "/dir/index.html",
                qop="auth", nonce_count=1, cnonce="0a4f113b",
            )
            == "6629fae49393a05397450978507c4ef1"
        )  # fmt: skip

    def test_rfc_2617_without_qop_as_in_rfc_2069(self) -> None:
        # The example of RFC 2069 §2.4 with the digest of its erratum 749.
        ha1 = ha1_of("Mufasa", "testrealm@host.com", "CircleOfLife")
        assert (
            response_of(ha1, "dcd98b7102dd2f0e8b11d0f600bfb0c093", "GET", "/dir/index.html")
            == "1949323746fe6a43ef61f9606e7febea"
        )

    @pytest.mark.parametrize(
        ("algorithm", "response"),
        [
            ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
            ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ],
    )
    def test_rfc_7616_section_3_9_1(self, algorithm: str, response: str) -> None:
        ha1 = ha1_of("Mufasa", "http-auth@example.org", "Circle of Life", algorithm)
        assert (
            response_of(
                ha1, "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", "GET", "/dir/index.html",
                algorithm=algorithm, qop="auth", nonce_count=1,
                cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
            )
            == response
        )  # fmt: skip

    def test_rfc_7616_section_3_9_2_as_corrected_by_erratum_4897(self) -> None:
        fields = DigestClient(
            [("J\u00e4s\u00f8n Doe", "Secret, or not?", "api@example.org")],
            lambda: "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v",
        ).answer(
            [(
                "WWW-Authenticate",
                'Digest realm="api@example.org", qop="auth", algorithm=SHA-512-256, '
                'nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK", '
                'opaque="HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS", charset=UTF-8, userhash=true',
            )],
            "GET",
            "/doe.json",
        )  # fmt: skip
        said = answered(fields)
        assert said["username"] == "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b"
        assert said["response"] == "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5"
        assert said["userhash"] == "true"
        assert said["opaque"] == "HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS"

    def test_session_key_is_made_of_the_nonces(self) -> None:
        inner = md5(f"{md5('alice:example.com:secret')}:n1:c1")
        expected = md5(f"{inner}:n1:00000001:c1:auth:{md5('INVITE:' + URI)}")
        ha1 = ha1_of("alice", "example.com", "secret", "MD5-sess")
        assert expected == response_of(
            ha1, "n1", "INVITE", URI, algorithm="MD5-sess", qop="auth", nonce_count=1, cnonce="c1"
        )

    def test_auth_int_covers_the_body(self) -> None:
        ha1 = md5("alice:example.com:secret")
        ha2 = md5(f"INVITE:{URI}:{md5('v=0')}")
        assert response_of(
            ha1, "n1", "INVITE", URI, qop="auth-int", nonce_count=2, cnonce="c1", body=b"v=0"
        ) == md5(f"{ha1}:n1:00000002:c1:auth-int:{ha2}")


class TestChallenge:
    def test_every_parameter(self) -> None:
        assert parse_challenge(
            'DIGEST Realm="a", domain="sip:x,sip:y" ,nonce = "b",opaque="", STALE=TRUE, algorithm=SHA-256,'
            'qop="auth,auth-int",userhash=false'
        ) == Challenge("a", "b", "SHA-256", ("auth", "auth-int"), "", True, False)

    def test_escapes_and_commas_in_quotes(self) -> None:
        found = parse_challenge(r'Digest realm="the \"A, B\" \\ realm", nonce="a=b, Digest c=d"')
        assert found is not None
        assert (found.realm, found.nonce) == ('the "A, B" \\ realm', "a=b, Digest c=d")

    def test_several_in_one_value(self) -> None:
        found = parse_challenges(
            'Negotiate YWJj==, Digest realm="x", nonce="1", algorithm=SHA-256, qop="auth", Basic realm="z", '
            'Digest realm="x", nonce="2", algorithm=MD5'
        )
        assert [(each.nonce, each.algorithm) for each in found] == [("1", "SHA-256"), ("2", "MD5")]

    @pytest.mark.parametrize(
        "value",
        [
            "", "Digest", "Basic realm=\"x\"", 'Digest realm="x"', 'Digest nonce="x"', "Digest realm=x nonce",
            'Digest realm="x", nonce="y', 'realm="x", nonce="y"', 'Digest realm="x", nonce="y\r\nVia: z"',
            'Digest realm="x"nonce="y"', '"', ",,,", 'Digest realm="x", nonce="y", =',
        ],
    )  # fmt: skip
    def test_nothing_to_be_understood(self, value: str) -> None:
        assert parse_challenge(value) is None

    def test_long_rubbish_takes_no_long_time(self) -> None:
        assert parse_challenges("Digest " + 'a="' * 20000) == ()
        assert parse_challenges("a " * 30000) == ()
        assert parse_challenges("Digest " + "," * 60000) == ()


class TestAnswer:
    def test_form_of_the_header_field(self) -> None:
        fields = client().answer([www(opaque="o", algorithm="SHA-256")], "INVITE", URI)
        assert fields is not None
        [(name, value)] = fields
        assert name == "Authorization"
        assert value.startswith('Digest username="alice", realm="example.com", nonce="n1", uri="sip:bob@')
        assert ', algorithm=SHA-256, qop=auth, nc=00000001, cnonce="cnonce1", opaque="o"' in value
        ha1 = ha1_of("alice", "example.com", "secret", "SHA-256")
        expected = response_of(
            ha1, "n1", "INVITE", URI, algorithm="SHA-256", qop="auth", nonce_count=1, cnonce="cnonce1"
        )
        assert said_in(value)["response"] == expected

    def test_a_challenge_of_rfc_2069_gets_neither_qop_nor_nc_nor_cnonce(self) -> None:
        said = answered(client().answer([www(qop="-")], "INVITE", URI))
        assert set(said) == {"username", "realm", "nonce", "uri", "response"}
        assert said["response"] == md5(f"{md5('alice:example.com:secret')}:n1:{md5('INVITE:' + URI)}")

    def test_quotes_are_escaped_on_the_wire_and_not_in_the_digest(self) -> None:
        value = r'Digest realm="a \"b\"", nonce="n1"'
        fields = client(('al"ice', "secret", "")).answer([("WWW-Authenticate", value)], "INVITE", URI)
        assert fields is not None
        assert r'username="al\"ice", realm="a \"b\""' in fields[0][1]
        digest = md5(f"{md5(chr(97) + 'l' + chr(34) + 'ice:a ' + chr(34) + 'b' + chr(34) + ':secret')}"
                     f":n1:{md5('INVITE:' + URI)}")  # fmt: skip
        assert f'response="{digest}"' in fields[0][1]

    @pytest.mark.parametrize(
        ("offered", "chosen"),
        [
            (["SHA-512-256", "SHA-256", "MD5"], "SHA-512-256"),
            (["MD5", "SHA-256"], "MD5"),  # the server's order, not ours: RFC 8760 §2.4
            (["SHA3-999", "SHA-256", "MD5"], "SHA-256"),
            (["AKAv1-MD5", "sha-256-SESS"], "sha-256-SESS"),
            (["-sess", "md5"], "md5"),
        ],
    )
    def test_topmost_supported_algorithm_of_a_realm(self, offered: list[str], chosen: str) -> None:
        said = answered(client().answer([www(algorithm=each) for each in offered], "INVITE", URI))
        assert said["algorithm"] == chosen

    def test_several_algorithms_with_nonces_of_their_own_are_one_try(self) -> None:
        leg = client()
        both = [www(algorithm="SHA-256", nonce="a"), www(algorithm="MD5", nonce="b")]
        assert answered(leg.answer(both, "INVITE", URI))["nonce"] == "a"
        assert answered(leg.answer([www(nonce="c", stale="true")], "INVITE", URI))["nonce"] == "c"

    @pytest.mark.parametrize(
        ("offered", "chosen"), [("auth-int,auth", "auth"), ("auth-int", "auth-int"), ("x, auth", "auth")]
    )
    def test_quality_of_protection(self, offered: str, chosen: str) -> None:
        assert answered(client().answer([www(qop=offered)], "INVITE", URI, b"v=0"))["qop"] == chosen

    def test_auth_int_hashes_the_body_that_is_sent(self) -> None:
        one = answered(client().answer([www(qop="auth-int")], "INVITE", URI, b"1"))
        other = answered(client().answer([www(qop="auth-int")], "INVITE", URI, b"2"))
        assert one["response"] != other["response"]

    @pytest.mark.parametrize("value", ["", 'Basic realm="x"', challenge(algorithm="X"), challenge(qop="x")])
    def test_no_usable_challenge(self, value: str) -> None:
        assert client().answer([("WWW-Authenticate", value)], "INVITE", URI) is None
        assert client().answer([], "INVITE", URI) is None

    def test_other_header_fields_are_no_challenges(self) -> None:
        assert client().answer([("Authentication-Info", challenge())], "INVITE", URI) is None

    def test_no_credentials_for_the_realm(self) -> None:
        assert client(("alice", "secret", "elsewhere")).answer([www()], "INVITE", URI) is None

    def test_credentials_of_each_realm(self) -> None:
        both = client(("a", "1", "one"), ("b", "2", "two"))
        fields = both.answer([proxy(realm="two"), www(realm="one"), proxy(realm="three")], "INVITE", URI)
        assert fields is not None
        assert [(name, said_in(value)["username"]) for name, value in fields] == [
            ("Proxy-Authorization", "b"), ("Authorization", "a"),
        ]  # fmt: skip

    def test_server_and_proxy_of_one_realm_are_answered_apart(self) -> None:
        fields = client().answer([www(nonce="s"), proxy(nonce="p")], "INVITE", URI)
        assert fields is not None
        assert [(name, said_in(value)["nonce"]) for name, value in fields] == [
            ("Authorization", "s"), ("Proxy-Authorization", "p"),
        ]  # fmt: skip


class TestTries:
    def test_same_nonce_again_means_a_wrong_password(self) -> None:
        leg = client()
        assert leg.answer([www()], "INVITE", URI)
        assert leg.answer([www()], "INVITE", URI) is None

    def test_new_nonce_without_stale_means_a_wrong_password(self) -> None:
        leg = client()
        assert leg.answer([www()], "INVITE", URI)
        assert leg.answer([www(nonce="n2")], "INVITE", URI) is None
        assert leg.answer([www(nonce="n3", stale="true")], "INVITE", URI) is None

    def test_stale_earns_one_more_try_and_no_third(self) -> None:
        leg = client()
        assert leg.answer([www()], "INVITE", URI)
        again = answered(leg.answer([www(nonce="n2", stale="true")], "INVITE", URI))
        assert (again["nonce"], again["nc"], again["cnonce"]) == ("n2", "00000001", "cnonce2")
        assert leg.answer([www(nonce="n3", stale="true")], "INVITE", URI) is None

    def test_stale_with_the_same_nonce_earns_nothing(self) -> None:
        leg = client()
        assert leg.answer([www()], "INVITE", URI)
        assert leg.answer([www(stale="true")], "INVITE", URI) is None

    def test_proxy_then_server_carries_both(self) -> None:
        leg = client()
        assert leg.answer([proxy(nonce="p")], "INVITE", URI)
        fields = leg.answer([www(nonce="s")], "INVITE", URI)
        assert fields is not None
        assert [(name, said_in(value)["nonce"], said_in(value)["nc"]) for name, value in fields] == [
            ("Proxy-Authorization", "p", "00000002"), ("Authorization", "s", "00000001"),
        ]  # fmt: skip

    def test_a_refused_realm_is_left_out_while_another_is_new(self) -> None:
        leg = client()
        assert leg.answer([proxy(nonce="p")], "INVITE", URI)
        fields = leg.answer([proxy(nonce="p2"), www(nonce="s")], "INVITE", URI)
        assert fields is not None and [name for name, _ in fields] == ["Authorization"]

    def test_later_requests_are_authorised_beforehand(self) -> None:
        leg = client()
        assert leg.preauthorise("INVITE", URI) == []
        leg.answer([www()], "INVITE", URI)
        said = answered(leg.preauthorise("BYE", "sip:contact@192.0.2.4"))
        assert (said["nc"], said["cnonce"], said["uri"]) == ("00000002", "cnonce1", "sip:contact@192.0.2.4")
        ha1 = ha1_of("alice", "example.com", "secret")
        assert said["response"] == response_of(
            ha1, "n1", "BYE", "sip:contact@192.0.2.4", qop="auth", nonce_count=2, cnonce="cnonce1"
        )

    def test_nonce_that_ran_out_between_requests_is_no_refusal(self) -> None:
        leg = client()
        leg.answer([www()], "INVITE", URI)
        leg.preauthorise("BYE", URI)
        assert answered(leg.answer([www(nonce="n2")], "BYE", URI))["nonce"] == "n2"
        assert leg.answer([www(nonce="n3")], "BYE", URI) is None

    @pytest.mark.parametrize("nonce", ["n1", "n2"])
    def test_another_request_sent_without_credentials_is_answered(self, nonce: str) -> None:
        leg = client()
        leg.answer([www()], "INVITE", URI)
        said = answered(leg.answer([www(nonce=nonce)], "BYE", URI))
        assert said["nc"] == ("00000002" if nonce == "n1" else "00000001")
        assert leg.answer([www(nonce=nonce)], "BYE", URI) is None

    def test_a_loop_of_stale_nonces_ends(self) -> None:
        leg = client()
        leg.preauthorise("INVITE", URI)
        challenges = [[www(nonce=f"n{number}", stale="true")] for number in range(6)]
        tries = [leg.answer(each, "INVITE", URI) is not None for each in challenges]
        assert tries == [True, True, False, False, False, False]

    def test_refused_credentials_are_not_sent_beforehand(self) -> None:
        leg = client()
        leg.answer([www()], "INVITE", URI)
        leg.answer([www()], "INVITE", URI)
        assert leg.preauthorise("INVITE", URI) == []
        assert leg.answer([www()], "INVITE", URI)  # but a new request may ask anew


class TestServer:
    KEY = b"0123456789abcdef"
    FROM = "192.0.2.9"

    def server(self) -> DigestServer:
        return DigestServer("example.com", self.KEY, ("SHA-512-256", "SHA-256", "MD5"), lifetime=60)

    def authorised(
        self, *, username: str = "alice", password: str = "secret", uri: str = URI, algorithm: int = 0
    ) -> str:
        value = self.server().challenges(self.FROM, 100.0)[algorithm]
        fields = client((username, password, "")).answer([("WWW-Authenticate", value)], "INVITE", uri)
        assert fields is not None
        return fields[0][1]

    def verdict(self, value: str, method: str = "INVITE", source: str = FROM, now: float = 101.0) -> Verdict:
        def known(username: str, algorithm: str) -> str | None:
            return ha1_of("alice", "example.com", "secret", algorithm) if username == "alice" else None

        verdict, username = self.server().verify(value, method, URI, source, now, known)
        assert username == ("" if verdict is Verdict.REFUSED else "alice")
        return verdict

    def test_challenges_in_order_of_preference(self) -> None:
        values = self.server().challenges(self.FROM, 100.0, is_stale=True)
        found = [parse_challenge(value) for value in values]
        assert [each and each.algorithm for each in found] == ["SHA-512-256", "SHA-256", "MD5"]
        assert all(each and each.is_stale and each.qop == ("auth",) for each in found)

    @pytest.mark.parametrize("algorithm", [0, 1, 2])
    def test_right_credentials(self, algorithm: int) -> None:
        value = self.authorised(algorithm=algorithm)
        assert self.verdict(value) is Verdict.ACCEPTED
        assert self.verdict(value, now=160.0) is Verdict.ACCEPTED
        assert self.verdict(value, now=170.0) is Verdict.STALE
        assert self.verdict(value, now=10.0) is Verdict.STALE

    def test_wrong_credentials(self) -> None:
        right = self.authorised()
        assert self.verdict(self.authorised(password="guess")) is Verdict.REFUSED
        assert self.verdict(right, method="BYE") is Verdict.REFUSED
        assert self.verdict(right, source="192.0.2.10") is Verdict.REFUSED
        assert self.verdict(self.authorised(uri="sip:else@example.com")) is Verdict.REFUSED
        for old, new in (
            ("alice", "bob"), ("SHA-512-256", "MD5"), ("example.com\"", "example.org\""), ("nc=0", "nc=1"),
            ("nc=0", "nc=x"), ("qop=auth", "qop=auth-int"), ('nonce="', 'nonce="1'), ('se="', 'se="é'),
        ):  # fmt: skip
            assert right.count(old) >= 1
            assert self.verdict(right.replace(old, new, 1)) is Verdict.REFUSED, (old, new)
        assert self.verdict(self.authorised(username="nobody", password="")) is Verdict.REFUSED
        assert self.verdict("") is Verdict.REFUSED
        assert self.verdict("Basic YTpi") is Verdict.REFUSED

    def test_a_wrong_password_on_a_stale_nonce_is_refused(self) -> None:
        assert self.verdict(self.authorised(password="guess"), now=900.0) is Verdict.REFUSED

    def test_misuse(self) -> None:
        with pytest.raises(LocalError):
            DigestServer("x", b"short")
        with pytest.raises(LocalError):
            DigestServer("x", self.KEY, ("SHA-1",))
