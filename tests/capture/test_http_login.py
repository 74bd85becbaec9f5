"""Logging in, against the examples of the standards and against servers that ask in every way they do."""

import pytest

from handflow.capture import http_login
from handflow.capture.http_login import Login, challenges

RFC_7616 = (
    'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=%s, '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)


def answered(user: str, password: str, challenge: str, target: str, own: str, patch: pytest.MonkeyPatch) -> str:
    patch.setattr(http_login.secrets, "token_hex", lambda size: own)
    login = Login(user, password)
    assert login.heed([challenge], False)
    return login.authorization("GET", target) or ""


@pytest.mark.parametrize(
    ("challenge", "login", "target", "own", "response"),
    [
        # RFC 7616, 3.9.1
        (RFC_7616 % "MD5", ("Mufasa", "Circle of Life"), "/dir/index.html",
         "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", "8ca523f5e9506fed4657c9700eebdbec"),
        (RFC_7616 % "SHA-256", ("Mufasa", "Circle of Life"), "/dir/index.html",
         "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
         "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        # RFC 2617, 3.5
        ('Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"',
         ("Mufasa", "Circle Of Life"), "/dir/index.html", "0a4f113b", "6629fae49393a05397450978507c4ef1"),
        # RFC 2069, 2.4, as its erratum 749 corrects it
        ('Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"',
         ("Mufasa", "CircleOfLife"), "/dir/index.html", "", "1949323746fe6a43ef61f9606e7febea"),
    ],
    ids=["MD5", "SHA-256", "RFC 2617", "RFC 2069"],
)  # fmt: skip
def test_the_standards_examples_are_answered_as_they_say(challenge, login, target, own, response, monkeypatch) -> None:
    assert f'response="{response}"' in answered(*login, challenge, target, own, monkeypatch)


@pytest.mark.parametrize(
    ("headers", "scheme", "algorithm"),
    [
        (['Basic realm="cam"', 'Digest realm="cam", nonce="a"'], "digest", "md5"),
        (['Digest realm="a, b", nonce="a", Basic realm="cam"'], "digest", "md5"),
        (["Negotiate", 'NTLM TlRMTVNTUAAC=, Basic realm = "cam"'], "basic", "md5"),
        (['Digest nonce="a", algorithm=MD5', 'DIGEST nonce="a", algorithm="sha-256"'], "digest", "sha-256"),
        (['Digest nonce="a", algorithm=TIGER, Basic realm=cam'], "basic", "md5"),
        (['Digest nonce="a", qop="auth-int, auth-conf"'], "digest", "md5"),
    ],
)
def test_the_best_way_of_several_is_taken(headers: list[str], scheme: str, algorithm: str) -> None:
    best = max(challenges(headers), key=lambda challenge: challenge.strength)
    assert (best.scheme, best.algorithm) == (scheme, algorithm)


def test_a_name_is_hidden_where_the_server_wants_it_so(monkeypatch) -> None:
    challenge = (
        'Digest realm="api@example.org", qop="auth", algorithm=SHA-512-256, charset=UTF-8, userhash=true, '
        'nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK"'
    )
    # RFC 7616, 3.9.2, as its erratum 4897 corrects it
    hashed = "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b"
    given = answered("J\u00e4s\u00f8n Doe", "Secret, or not?", challenge, "/doe.json", "x", monkeypatch)
    assert f'username="{hashed}"' in given
    assert "userhash=true" in given


def test_a_quotation_mark_in_a_name_stays_within_its_quotes(monkeypatch) -> None:
    given = answered('a"b\\c', "x", 'Digest realm="r", nonce="n"', "/", "", monkeypatch)
    assert r'username="a\"b\\c"' in given


def test_a_wrong_password_is_given_once_and_a_right_one_again_when_it_has_grown_old() -> None:
    def asks(nonce: str, more: str = "") -> list[str]:
        return [f'Digest realm="cam", nonce="{nonce}", qop="auth"{more}']

    login = Login("me", "secret")
    assert login.authorization("GET", "/") is None
    assert login.heed(asks("1"), False)
    assert "nc=00000001" in (login.authorization("GET", "/") or "")
    assert not login.heed(asks("2"), True)  # wrong, whatever the new nonce
    assert login.heed(asks("3", ", stale=TRUE"), True)
    login.authorization("GET", "/")
    login.accept()
    assert "nc=00000002" in (login.authorization("GET", "/") or "")
    assert login.heed(asks("4"), True)  # grown old without a word
    assert not login.heed(asks("5"), True)
