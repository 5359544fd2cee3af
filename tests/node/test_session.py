"""Somebody signs in, is refused, is locked out, signs out; told through the routes."""

import jwt
import pytest

from node.role import Permission, Role
from tests.node.conftest import PASSWORD, form_of

OWN = "http://127.0.0.1:8001"
REFUSED = "Sai tên đăng nhập"


def test_the_cookie_is_named_after_the_node_and_closed_to_scripts(centre):
    client = centre.signed_in()
    answer = client.post("/api/v1/session", json={"username": "operator", "password": PASSWORD})
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"lt_{centre.context.centre.name[2:10]}=")
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie  # loopback without TLS
    assert "token" not in answer.json()


def test_who_is_signed_in(centre):
    body = centre.signed_in(Role.LEADER, area_code="26374").get("/api/v1/session").json()
    assert body["username"] == "leader"
    assert body["role"] == "leader"
    assert body["area_code"] == "26374"
    assert "incident.approve" in body["permissions"]
    assert body["centre"] == {
        "name": centre.context.centre.name,
        "code": "731",
        "title": "OC thành phố Biên Hòa",
        "tier": "oc",
    }


def test_the_form_leads_back_to_where_one_wanted_to_go(centre):
    centre.add("hanh")
    client = centre.client()
    page = client.get("/login", params={"next": "/dash/incidents?id=7"})
    form = form_of(page.text)
    assert page.status_code == 200
    assert 'value="/dash/incidents?id=7"' in page.text
    filled = {"username": " Hanh ", "password": PASSWORD, "next": "/dash/incidents?id=7", "form": form}
    answer = client.post("/login", data=filled, headers={"origin": OWN})
    assert (answer.status_code, answer.headers["location"]) == (303, "/dash/incidents?id=7")
    assert client.get("/api/v1/session").json()["username"] == "hanh"


@pytest.mark.parametrize(
    "goal", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/a\nb", "\\\\evil"]
)
def test_it_leads_to_no_other_site(centre, goal):
    centre.add("hanh")
    client, form = centre.page()
    answer = client.post("/login", data={"username": "hanh", "password": PASSWORD, "next": goal, "form": form})
    assert (answer.status_code, answer.headers["location"]) == (303, "/docs")


def test_the_page_speaks_vietnamese_and_english_on_request(centre):
    client = centre.client()
    page = client.get("/login")
    assert '<html lang="vi">' in page.text
    assert "Mật khẩu" in page.text
    assert "<script" not in page.text
    assert "style=" not in page.text
    english = client.get("/login", params={"lang": "en"})
    assert '<html lang="en">' in english.text
    assert "Password" in english.text
    assert '<html lang="en">' in client.get("/login").text  # remembered


def test_a_refusal_is_the_same_for_a_name_that_nobody_has(centre):
    centre.add("hanh")
    client = centre.client()
    known = client.post("/api/v1/session", json={"username": "hanh", "password": "wrong"})
    unknown = client.post("/api/v1/session", json={"username": "nobody", "password": "wrong"})
    assert known.status_code == unknown.status_code == 401
    assert known.json() == unknown.json()
    assert known.headers["content-type"] == "application/problem+json"
    form = centre.page(client)[1]
    page = client.post("/login", data={"username": "hanh", "password": "<b>wrong", "form": form})
    assert page.status_code == 401
    assert REFUSED in page.text
    assert [line.act for line in centre.audited()].count("login.refused") == 3


def trier(centre, address):
    client = centre.client(client=(address, 50000))
    return lambda password: client.post("/api/v1/session", json={"username": "hanh", "password": password}).status_code


def test_five_failures_stop_their_own_address_and_nobody_else(centre):
    centre.add("hanh")
    stranger, hanh = trier(centre, "10.0.0.66"), trier(centre, "10.0.0.7")
    assert [stranger("wrong") for _ in range(4)] == [401] * 4
    assert stranger(PASSWORD) == 200  # a success forgets failures
    assert [stranger("wrong") for _ in range(20)] == [401] * 20
    assert stranger(PASSWORD) == 401
    assert hanh(PASSWORD) == 200
    assert "account.lock" not in [line.act for line in centre.audited()]
    assert [line.act for line in centre.audited()].count("login.refused") == 25
    centre.clock.advance(15 * 60 + 1)
    assert stranger(PASSWORD) == 200


def test_one_address_cannot_close_an_account_however_long_it_tries(centre):
    centre.add("hanh")
    stranger = trier(centre, "10.0.0.66")
    for _ in range(8):
        for _ in range(5):
            stranger("wrong")
        centre.clock.advance(15 * 60)
    assert "account.lock" not in [line.act for line in centre.audited()]
    assert trier(centre, "10.0.0.7")(PASSWORD) == 200


def test_many_addresses_together_close_an_account_and_no_attempt_keeps_it_closed(centre):
    centre.add("hanh")
    for number in range(6):
        stranger = trier(centre, f"10.0.1.{number}")
        for _ in range(5):
            stranger("wrong")
    hanh = trier(centre, "10.0.0.7")
    assert hanh(PASSWORD) == 401
    assert [line.act for line in centre.audited()].count("account.lock") == 1
    centre.clock.advance(14 * 60)
    assert hanh(PASSWORD) == 401
    assert [trier(centre, f"10.0.2.{number}")("wrong") for number in range(3)] == [401] * 3
    centre.clock.advance(61)
    assert hanh(PASSWORD) == 200


def test_guessing_is_slowed_down_for_each_account(centre, monkeypatch):
    monkeypatch.setattr("node.door.PER_ACCOUNT", 3)
    centre.add("hanh")
    client = centre.client()
    answers = [client.post("/api/v1/session", json={"username": "hanh", "password": "x"}) for _ in range(4)]
    assert {answer.status_code for answer in answers[:3]} == {401}
    assert answers[3].status_code == 429
    assert answers[3].headers["retry-after"]


def test_signing_out_ends_the_session_also_for_a_copy_of_the_token(centre):
    client = centre.signed_in()
    copy = dict(client.cookies)
    form = client.get("/api/v1/session").json()["form"]
    assert client.post("/logout", data={"form": form}, headers={"origin": OWN}).headers["location"] == "/login"
    assert client.get("/api/v1/session").status_code == 401
    thief = centre.client(cookies=copy)
    assert thief.get("/api/v1/session").status_code == 401
    assert "access.refused" in [line.act for line in centre.audited()]


def test_a_session_ends_with_the_shift(centre):
    client = centre.signed_in()
    copy = centre.client(cookies=dict(client.cookies))
    for _ in range(12 * 3 - 1):  # it is used each twenty minutes
        centre.clock.advance(20 * 60)
        assert copy.get("/api/v1/session").status_code == 200
        centre.context.database.write(lambda one: None)  # what was noted meanwhile is there
    centre.clock.advance(20 * 60 - 1)
    assert copy.get("/api/v1/session").status_code == 200
    centre.clock.advance(2)
    assert copy.get("/api/v1/session").status_code == 401


def forged(centre, *, secret=None, algorithm="HS256", **changes):
    """A token as the node makes it, validly signed, and wrong in one thing."""
    context, now = centre.context, int(centre.clock.now().timestamp())
    jti = next(iter(centre.client().cookies.values()), "x")
    claims = {
        "sub": "operator",
        "jti": jti,
        "aud": context.centre.name,
        "iss": context.centre.name,
        "iat": now,
        "exp": now + 600,
        **changes,
    }
    claims = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(claims, secret if secret is not None else context.tokens._secret, algorithm=algorithm)


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": None},
        {"iat": None},
        {"aud": None},
        {"sub": None},
        {"jti": None},
        {"jti": "0" * 32},  # a session that never was
        {"sub": "leader"},  # somebody else's name on one's own session
        {"aud": "n-another.lienthong.internal"},
        {"iss": "n-another.lienthong.internal"},
        {"exp": 1},
        {"iat": 4_000_000_000, "exp": 4_000_000_600},
        {"secret": b"x" * 32},
        {"secret": "", "algorithm": "none"},
        {"algorithm": "HS512"},
    ],
    ids=str,
)
def test_a_token_that_is_wrong_in_one_thing_opens_nothing(centre, changes):
    client = centre.signed_in()
    centre.add("leader", Role.LEADER)
    token = next(iter(client.cookies.values()))
    jti = centre.context.tokens.verify(token).jti
    good = forged(centre, jti=jti)
    name = centre.context.tokens.cookie
    assert centre.client(cookies={name: good}).get("/api/v1/session").status_code == 200
    bad = forged(centre, **{"jti": jti, **changes})
    assert centre.client(cookies={name: bad}).get("/api/v1/session").status_code == 401


def test_several_audiences_are_no_audience(centre):
    token = next(iter(centre.signed_in().cookies.values()))
    jti = centre.context.tokens.verify(token).jti
    both = forged(centre, jti=jti, aud=[centre.context.centre.name, "n-another.lienthong.internal"])
    client = centre.client(cookies={centre.context.tokens.cookie: both})
    assert client.get("/api/v1/session").status_code == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 303),
        ({"origin": OWN}, 303),
        ({"origin": "http://oc.example", "host": "oc.example"}, 303),  # through a proxy that keeps the name
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://127.0.0.1:9999"}, 403),  # another program on the same machine
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-origin"}, 303),
    ],
    ids=str,
)
def test_a_change_must_come_from_our_own_pages(centre, headers, status):
    client = centre.signed_in()
    form = client.get("/api/v1/session").json()["form"]
    assert client.post("/logout", data={"form": form}, headers=headers).status_code == status
    is_open = status == 403
    assert (client.get("/api/v1/session").status_code == 200) is is_open


def test_nobody_is_signed_in_from_another_site(centre):
    centre.add("hanh")
    client, form = centre.page()
    filled = {"username": "hanh", "password": PASSWORD, "form": form}
    answer = client.post("/login", data=filled, headers={"origin": "http://evil.example"})
    assert answer.status_code == 403
    assert "set-cookie" in answer.headers
    assert f"{centre.context.tokens.cookie}=" not in answer.headers["set-cookie"]


def test_a_permission_that_is_lacking_is_audited(centre):
    client = centre.signed_in(Role.OPERATOR)
    answer = client.get("/api/v1/audit")
    assert answer.status_code == 403
    assert answer.json()["code"] == "forbidden"
    refused = [line for line in centre.audited() if line.act == "access.refused"]
    assert refused[0].actor == "operator"
    assert refused[0].detail["reason"] == f"lacks {Permission.AUDIT_READ}"


def test_strangers_cannot_fill_the_audit(centre):
    client = centre.client(cookies={centre.context.tokens.cookie: "x"})
    for _ in range(100):
        assert client.get("/api/v1/session").status_code == 401
    assert len([line for line in centre.audited() if line.act == "access.refused"]) == 30


def test_a_session_that_nobody_uses_ends_and_a_live_screen_is_use_if_the_setting_says_so(centre):
    client = centre.signed_in()
    look = {"lt-unattended": "1"}
    for _ in range(4):
        centre.clock.advance(10 * 60)
        assert client.get("/api/v1/session", headers=look).status_code == 200
        centre.context.database.write(lambda one: None)
    for _ in range(2):  # the proxy's own questions are nobody's use
        centre.clock.advance(10 * 60)
        assert client.get("/api/v1/session", headers={"lt-unattended": "proxy"}).status_code == 200
        centre.context.database.write(lambda one: None)
    centre.clock.advance(10 * 60 + 1)
    assert client.get("/api/v1/session").status_code == 401


def test_without_the_setting_only_a_person_is_use(centre):
    accounts = centre.context.settings.accounts.model_copy(update={"watching_is_use": False})
    object.__setattr__(centre.context, "settings", centre.context.settings.model_copy(update={"accounts": accounts}))
    client = centre.signed_in()
    for status in (200, 200, 401):
        centre.clock.advance(10 * 60 + 1)
        assert client.get("/api/v1/session", headers={"lt-unattended": "1"}).status_code == status
        centre.context.database.write(lambda one: None)
