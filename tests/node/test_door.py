"""The door: a one-time password, a telephone, codes on paper; told as a browser and as a program meet it."""

import re

import pytest
from sqlalchemy import select

from node import account, door, second_factor, totp
from node.role import Role
from node.tables import recovery_code
from node.tables import second_factor as second_factor_table
from tests.node.conftest import PASSWORD, form_of

OWN = "mưa rơi trên sông Đồng Nai"


class Phone:
    """A telephone that was shown the secret."""

    def __init__(self, clock, spelled):
        import base64

        letters = spelled.replace(" ", "")
        self.secret = base64.b32decode(letters + "=" * (-len(letters) % 8))
        self.clock = clock

    def code(self, ahead=0):
        return totp.code_at(self.secret, totp.step_of(self.clock.now()) + ahead)


@pytest.fixture
def strict(centre):
    """The same centre with the second factor required of leader and admin, as it is by default."""
    accounts = centre.context.settings.accounts.model_copy(update={"second_factor": (Role.LEADER, Role.ADMIN)})
    object.__setattr__(centre.context, "settings", centre.context.settings.model_copy(update={"accounts": accounts}))
    return centre


def login(centre, username, password, goal="/dash/"):
    client, form = centre.page()
    answer = client.post("/login", data={"username": username, "password": password, "form": form, "next": goal})
    return client, answer


def step(client, path, **fields):
    page = client.get(path, params={"next": "/dash/"})
    if page.status_code != 200 or "sealed" not in page.text:
        return client.post(path, data={"form": form_of(page.text), "next": "/dash/", **fields}), page
    sealed = re.search(r'name="sealed" value="([^"]+)"', page.text)[1]
    return client.post(path, data={"form": form_of(page.text), "next": "/dash/", "sealed": sealed, **fields}), page


def key_on(page):
    return re.search(r'class="key">([A-Z2-7 ]+)<', page)[1]


def enrolled(centre, username="lan", role=Role.LEADER):
    """Somebody who went through enrolment: the browser, the telephone, the codes on paper."""
    centre.add(username, role)
    client, answer = login(centre, username, PASSWORD)
    assert answer.headers["location"] == "/login/telephone?next=%2Fdash%2F"
    page = client.get("/login/telephone").text
    phone = Phone(centre.clock, key_on(page))
    sealed = re.search(r'name="sealed" value="([^"]+)"', page)[1]
    done = client.post(
        "/login/telephone", data={"form": form_of(page), "sealed": sealed, "code": phone.code(), "next": "/dash/"}
    )
    assert done.status_code == 200, done.text
    return client, phone, re.findall(r"<li><code>([a-z2-7-]+)</code>", done.text)


def test_who_must_have_a_telephone_sets_it_up_at_the_door(strict):
    client, _, paper = enrolled(strict)
    assert client.get("/api/v1/session").json()["username"] == "lan"
    assert len(set(paper)) == second_factor.RECOVERY_CODES
    assert "factor.set" in [line.act for line in strict.audited()]


def test_nothing_is_open_before_the_last_step(strict):
    strict.add("lan", Role.LEADER)
    client, _ = login(strict, "lan", PASSWORD)
    for path in ("/api/v1/session", "/api/v1/sessions", "/account", "/api/v1/audit"):
        assert client.get(path).status_code == 401
    assert client.get("/login/code").status_code == 401  # another step than the one that was reached


def test_the_telephone_is_asked_for_and_each_code_holds_once(strict):
    _, phone, _ = enrolled(strict)
    strict.clock.advance(60)
    client, answer = login(strict, "lan", PASSWORD)
    assert answer.headers["location"] == "/login/code?next=%2Fdash%2F"
    code = phone.code()
    first, _ = step(client, "/login/code", code=f"{code[:3]} {code[3:]}")
    assert (first.status_code, first.headers["location"]) == (303, "/dash/")
    again, _ = login(strict, "lan", PASSWORD)
    for used in (code, phone.code(-1)):  # the same, and an earlier one that would still be in time
        refused, _ = step(again, "/login/code", code=used)
        assert refused.status_code == 401
        assert door.WRONG_CODE in refused.text
    assert step(again, "/login/code", code=phone.code(1))[0].status_code == 303


def test_two_who_bring_the_same_code_at_once_are_one(strict):
    _, phone, _ = enrolled(strict)
    strict.clock.advance(60)
    context, now, code = strict.context, strict.clock.now(), phone.code()
    taken = [
        context.database.submit(lambda s: second_factor.is_code(s, context.factor_key, "lan", code, now))
        for _ in range(8)
    ]
    assert sorted(one.result() for one in taken) == [False] * 7 + [True]


def test_a_code_on_paper_holds_once_and_says_how_many_are_left(strict):
    _, _, paper = enrolled(strict)
    for word, status in ((paper[0].upper(), 303), (paper[0], 401), (paper[1].replace("-", " "), 303)):
        client, _ = login(strict, "lan", PASSWORD)
        assert step(client, "/login/code", code=word)[0].status_code == status
    used = [line.detail["left"] for line in strict.audited() if line.act == "factor.recovery_used"]
    assert used == [8, 9]


def test_after_five_wrong_codes_the_password_is_asked_for_again(strict):
    _, phone, _ = enrolled(strict)
    strict.clock.advance(60)
    client, _ = login(strict, "lan", PASSWORD)
    wrong = "000000" if phone.code() != "000000" else "111111"
    for _ in range(5):
        assert step(client, "/login/code", code=wrong)[0].status_code == 401
    form = form_of(client.get("/login/code").text)
    over = client.post("/login/code", data={"form": form, "code": phone.code()})
    assert over.status_code == 401
    assert door.STEP_OVER in over.text
    assert client.get("/login/code").status_code == 401


def test_ten_wrong_codes_from_anywhere_close_the_account(strict):
    _, phone, _ = enrolled(strict)
    strict.clock.advance(60)
    wrong = "000000" if phone.code() != "000000" else "111111"
    for number in range(10):
        client = strict.client(client=(f"10.0.3.{number}", 50000))
        answer = client.post("/api/v1/session", json={"username": "lan", "password": PASSWORD, "code": wrong})
        assert answer.status_code == 401
    assert [line.act for line in strict.audited()].count("account.lock") == 1
    good = {"username": "lan", "password": PASSWORD, "code": phone.code()}
    assert strict.client().post("/api/v1/session", json=good).status_code == 401
    strict.clock.advance(16 * 60)
    assert strict.client().post("/api/v1/session", json={**good, "code": phone.code()}).status_code == 200


def test_somebody_with_the_same_password_cannot_replace_a_telephone_at_the_door(strict):
    strict.add("lan", Role.LEADER)
    thief, _ = login(strict, "lan", PASSWORD)
    page = thief.get("/login/telephone").text
    client, _ = login(strict, "lan", PASSWORD)
    own = client.get("/login/telephone").text
    for browser, text, status in ((client, own, 200), (thief, page, 401)):
        sealed = re.search(r'name="sealed" value="([^"]+)"', text)[1]
        fields = {"form": form_of(text), "sealed": sealed, "code": Phone(strict.clock, key_on(text)).code()}
        assert browser.post("/login/telephone", data=fields).status_code == status
    assert thief.get("/api/v1/session").status_code == 401


def test_a_secret_shown_to_one_session_is_worth_nothing_in_another(strict):
    strict.add("lan", Role.LEADER)
    strict.add("minh", Role.LEADER)
    lan, _ = login(strict, "lan", PASSWORD)
    minh, _ = login(strict, "minh", PASSWORD)
    text = lan.get("/login/telephone").text
    sealed = re.search(r'name="sealed" value="([^"]+)"', text)[1]
    fields = {"form": form_of(minh.get("/login/telephone").text), "sealed": sealed}
    answer = minh.post("/login/telephone", data={**fields, "code": Phone(strict.clock, key_on(text)).code()})
    assert answer.status_code == 422


def test_a_token_of_a_step_is_another_than_that_of_the_session(strict):
    strict.add("lan", Role.LEADER)
    client, _ = login(strict, "lan", PASSWORD)
    before = client.cookies[strict.context.tokens.cookie]
    text = client.get("/login/telephone").text
    sealed = re.search(r'name="sealed" value="([^"]+)"', text)[1]
    code = Phone(strict.clock, key_on(text)).code()
    client.post("/login/telephone", data={"form": form_of(text), "sealed": sealed, "code": code})
    assert client.cookies[strict.context.tokens.cookie] != before
    old = strict.client(cookies={strict.context.tokens.cookie: before})
    assert old.get("/api/v1/session").status_code == 401


def test_a_one_time_password_must_be_replaced_and_does_not_last(strict):
    admin = strict.client()
    strict.add("truong", Role.OPERATOR)
    reset = lambda: door_reset(strict, "truong")  # noqa: E731 - said twice below
    first = reset()
    client, answer = login(strict, "truong", first)
    assert answer.headers["location"] == "/login/password?next=%2Fdash%2F"
    for bad in (
        {"password": OWN, "again": OWN + "x"},
        {"password": "ngan", "again": "ngan"},
        {"password": first, "again": first},
    ):
        refused, _ = step(client, "/login/password", **bad)
        assert refused.status_code == 422
    done, _ = step(client, "/login/password", password=OWN, again=OWN)
    assert done.status_code == 303
    assert client.get("/api/v1/session").json()["username"] == "truong"
    assert login(strict, "truong", first)[1].status_code == 401
    late = reset()
    strict.clock.advance(73 * 3600)
    assert login(strict, "truong", late)[1].status_code == 401
    assert "login.expired" in [line.act for line in strict.audited()]
    assert admin.get("/api/v1/session").status_code == 401


def door_reset(centre, username):
    answer = centre.client().put(f"/local/v1/accounts/{username}/password", json={})
    assert answer.json()["must_change"] is True
    return answer.json()["one_time_password"]


def test_a_program_takes_all_steps_at_once_and_is_told_which_is_missing(strict):
    _, phone, _ = enrolled(strict)
    strict.clock.advance(60)
    ask = lambda **more: strict.client().post("/api/v1/session", json={"username": "lan", "password": PASSWORD, **more})  # noqa: E731 - short
    missing = ask()
    assert (missing.status_code, missing.json()["code"], missing.json()["needs"]) == (401, "step_needed", "code")
    assert ask(code=phone.code()).status_code == 200
    one_time = door_reset(strict, "lan")
    strict.clock.advance(60)
    needs = strict.client().post(
        "/api/v1/session", json={"username": "lan", "password": one_time, "code": phone.code()}
    )
    assert needs.json()["needs"] == "password"
    strict.clock.advance(60)
    whole = {"username": "lan", "password": one_time, "code": phone.code(), "new_password": OWN}
    assert strict.client().post("/api/v1/session", json=whole).status_code == 200


def test_who_may_be_without_a_telephone_may_have_one_and_leave_it(strict):
    client = strict.signed_in(Role.OPERATOR)
    page = client.get("/account").text
    form = form_of(page)
    assert client.post("/account/telephone", data={"form": form, "current": "wrong"}).status_code == 403
    text = client.post("/account/telephone", data={"form": form, "current": PASSWORD}).text
    phone = Phone(strict.clock, key_on(text))
    sealed = re.search(r'name="sealed" value="([^"]+)"', text)[1]
    wrong = client.post("/account/telephone/code", data={"form": form, "sealed": sealed, "code": "1"})
    assert wrong.status_code == 422
    assert key_on(wrong.text) == key_on(text)
    done = client.post("/account/telephone/code", data={"form": form, "sealed": sealed, "code": phone.code()})
    assert done.status_code == 200
    assert login(strict, "operator", PASSWORD)[1].headers["location"].startswith("/login/code")
    old = re.findall(r"<li><code>([a-z2-7-]+)</code>", done.text)
    new = re.findall(
        r"<li><code>([a-z2-7-]+)</code>", client.post("/account/paper", data={"form": form, "current": PASSWORD}).text
    )
    assert len(new) == 10
    assert set(old).isdisjoint(new)
    assert client.post("/account/telephone/remove", data={"form": form, "current": PASSWORD}).status_code == 303
    assert login(strict, "operator", PASSWORD)[1].headers["location"] == "/dash/"


def test_a_role_that_must_have_one_cannot_leave_it(strict):
    client, _, _ = enrolled(strict)
    form = form_of(client.get("/account").text)
    assert client.post("/account/telephone/remove", data={"form": form, "current": PASSWORD}).status_code == 409


def test_ones_own_password_ends_the_other_sessions(centre):
    client = centre.signed_in(Role.OPERATOR)
    other = centre.client()
    other.post("/api/v1/session", json={"username": "operator", "password": PASSWORD})
    form = form_of(client.get("/account").text)
    fields = {"form": form, "current": PASSWORD, "password": OWN, "again": OWN}
    assert client.post("/account/password", data={**fields, "current": "x"}).status_code == 403
    assert client.post("/account/password", data={**fields, "password": PASSWORD, "again": PASSWORD}).status_code == 422
    assert client.post("/account/password", data=fields).status_code == 303
    assert client.get("/api/v1/session").status_code == 200
    assert other.get("/api/v1/session").status_code == 401


FORMS = [
    "/logout",
    "/account/password",
    "/account/telephone",
    "/account/telephone/remove",
    "/account/paper",
    "/account/sessions",
]


@pytest.mark.parametrize("path", FORMS)
def test_a_form_of_another_session_or_without_a_token_does_nothing(centre, path):
    client = centre.signed_in(Role.OPERATOR)
    other = centre.signed_in(Role.LEADER)
    foreign = other.get("/api/v1/session").json()["form"]
    fields = {"current": PASSWORD, "password": OWN, "again": OWN}
    for token in ("", foreign, "é", "0" * 64):
        assert client.post(path, data={**fields, "form": token}).status_code == 403
    form = client.get("/api/v1/session").json()["form"]
    assert (
        client.post(path, data={**fields, "form": form}, headers={"origin": "http://evil.example"}).status_code == 403
    )
    assert client.get("/api/v1/session").status_code == 200
    assert login(centre, "operator", PASSWORD)[1].status_code == 303


def test_nobody_is_signed_in_by_a_form_of_another_browser(centre):
    centre.add("hanh")
    _, foreign = centre.page()
    client, form = centre.page()
    fields = {"username": "hanh", "password": PASSWORD}
    assert client.post("/login", data={**fields, "form": foreign}).status_code == 403
    assert client.post("/login", data=fields).status_code == 403
    assert centre.client().post("/login", data={**fields, "form": form}).status_code == 403
    assert client.post("/login", data={**fields, "form": form}).status_code == 303


def test_the_secret_is_sealed_in_the_database_and_paper_is_a_digest(strict):
    _, phone, paper = enrolled(strict)
    kept = (second_factor_table, recovery_code)
    rows = strict.context.database.read(lambda s: repr([s.execute(select(one)).all() for one in kept]))
    assert totp.spelled(phone.secret) not in rows
    assert phone.secret.hex() not in rows
    assert all(code not in rows and code.replace("-", "") not in rows for code in paper)
    key = second_factor.FactorKey(bytes(32))
    factor = strict.context.database.read(lambda s: second_factor.of(s, "lan"))
    assert key.open(factor.sealed, second_factor.purpose("lan")) is None
    assert strict.context.factor_key.open(factor.sealed, second_factor.purpose("minh")) is None


def test_an_account_that_is_closed_meanwhile_does_not_get_through_the_next_step(strict):
    _, phone, _ = enrolled(strict)
    strict.clock.advance(60)
    client, _ = login(strict, "lan", PASSWORD)
    form = form_of(client.get("/login/code").text)
    now = strict.clock.now()
    strict.context.database.write(lambda s: account.set_disabled(s, "lan", disabled=True, actor="t", now=now))
    assert client.post("/login/code", data={"form": form, "code": phone.code()}).status_code == 401
