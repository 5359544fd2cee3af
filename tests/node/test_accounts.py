import pytest

from node import account, password
from node.errors import Invalid
from node.role import Role
from tests.node.conftest import PASSWORD

NEW = {"username": "hoa", "display_name": "Lê Hoa", "role": "operator", "area_code": "26374", "password": PASSWORD}


def test_an_administrator_gives_out_changes_and_closes_accounts(centre):
    admin = centre.signed_in(Role.ADMIN)
    created = admin.post("/api/v1/accounts", json=NEW)
    assert created.status_code == 201
    assert "password" not in created.text
    assert {row["username"] for row in admin.get("/api/v1/accounts").json()} == {"admin", "hoa"}
    hoa, own = centre.client(), "mot-mat-khau-rieng"
    first = {"username": "hoa", "password": PASSWORD, "new_password": own}
    assert hoa.post("/api/v1/session", json=first).status_code == 200

    admin.put("/api/v1/accounts/hoa/password", json={"password": "mot-mat-khau-khac"})
    assert hoa.get("/api/v1/session").status_code == 401  # the change ended the session
    assert hoa.post("/api/v1/session", json={"username": "hoa", "password": own}).status_code == 401
    second = {"username": "hoa", "password": "mot-mat-khau-khac", "new_password": own}
    assert hoa.post("/api/v1/session", json=second).status_code == 200

    assert admin.put("/api/v1/accounts/hoa/access", json={"disabled": True}).json()["disabled"] is True
    assert hoa.get("/api/v1/session").status_code == 401
    assert hoa.post("/api/v1/session", json={"username": "hoa", "password": own}).status_code == 401
    acts = [line.act for line in centre.audited() if line.actor == "admin" and line.act.startswith("account")]
    assert acts == ["account.disable", "account.reset", "account.add"]


@pytest.mark.parametrize("role", [Role.CITIZEN, Role.OPERATOR, Role.LEADER])
def test_nobody_else_does(centre, role):
    client = centre.signed_in(role)
    path = f"/api/v1/accounts/{role.value}"
    bodies = {
        ("GET", "/api/v1/accounts"): None,
        ("GET", "/api/v1/accounts/sessions"): None,
        ("POST", "/api/v1/accounts"): NEW,
        ("PUT", f"{path}/password"): {"password": "mot-mat-khau-khac"},
        ("PUT", f"{path}/access"): {"disabled": False},
        ("PUT", f"{path}/scope"): {"role": "admin"},
        ("DELETE", f"{path}/lock"): None,
        ("DELETE", f"{path}/second-factor"): None,
        ("DELETE", f"{path}/sessions"): None,
        ("DELETE", f"{path}/sessions/x"): None,
    }
    for (method, where), body in bodies.items():
        assert client.request(method, where, json=body).status_code == 403, where


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"password": "ngan"}, 422, "password"),
        ({"password": "HOA-hoa-hoa", "username": "hoa-hoa-hoa"}, 422, "password"),
        ({"username": "có dấu"}, 422, "username"),
        ({"username": "a/b"}, 422, "username"),
        ({"role": "king"}, 422, "role"),
        ({"area_code": "99999"}, 422, "area_code"),
        ({"username": "admin"}, 409, None),
    ],
)
def test_what_cannot_be_is_refused_by_name(centre, change, status, field):
    admin = centre.signed_in(Role.ADMIN)
    answer = admin.post("/api/v1/accounts", json={**NEW, **change})
    assert answer.status_code == status, answer.text
    if field:
        assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_an_administrator_cannot_lock_the_own_account_nor_one_that_is_not(centre):
    admin = centre.signed_in(Role.ADMIN)
    assert admin.put("/api/v1/accounts/admin/access", json={"disabled": True}).status_code == 409
    assert admin.put("/api/v1/accounts/nobody/access", json={"disabled": True}).status_code == 404


def test_passwords_are_argon2id_and_never_the_name():
    hashed = account.hash_password("hoa", PASSWORD)
    assert hashed.startswith("$argon2id$")
    assert account.is_password(hashed, PASSWORD)
    assert not account.is_password(hashed, PASSWORD + "x")
    assert not account.is_password(None, PASSWORD)
    with pytest.raises(Invalid):
        account.hash_password("mat-khau-cua-hoa", "Mat-Khau-Cua-Hoa")


def test_a_name_that_nobody_has_costs_the_same_work():
    assert not password._hasher.check_needs_rehash(password._NOBODY)


def test_no_password_is_in_the_audit_or_in_an_answer(centre):
    admin = centre.signed_in(Role.ADMIN)
    admin.post("/api/v1/accounts", json=NEW)
    assert PASSWORD not in admin.get("/api/v1/accounts").text
    assert PASSWORD not in repr(centre.audited())
    answer = admin.post("/api/v1/accounts", json={**NEW, "username": "hoa2", "role": "king"})
    assert PASSWORD not in answer.text


def test_a_password_for_one_use_is_made_shown_once_and_must_be_replaced(centre):
    admin = centre.signed_in(Role.ADMIN)
    new = {key: value for key, value in NEW.items() if key != "password"}
    made = admin.post("/api/v1/accounts", json=new).json()
    one_time = made["one_time_password"]
    assert made["must_change"] is True
    assert one_time not in admin.get("/api/v1/accounts").text
    assert one_time not in repr(centre.audited())
    hoa = centre.client()
    bare = {"username": "hoa", "password": one_time}
    assert hoa.post("/api/v1/session", json=bare).json()["needs"] == "password"
    assert hoa.post("/api/v1/session", json={**bare, "new_password": "mưa trên sông"}).status_code == 200
    again = admin.put("/api/v1/accounts/hoa/password", json={}).json()["one_time_password"]
    assert again != one_time
    assert hoa.get("/api/v1/session").status_code == 401


def test_another_role_or_area_ends_the_sessions_with_the_former_rights(centre):
    admin, hoa = centre.signed_in(Role.ADMIN), centre.signed_in(Role.OPERATOR, "hoa")
    same = {"role": "operator", "area_code": None, "display_name": "Lê Thị Hòa"}
    assert admin.put("/api/v1/accounts/hoa/scope", json=same).json()["display_name"] == "Lê Thị Hòa"
    assert hoa.get("/api/v1/session").status_code == 200  # only the name changed
    assert admin.put("/api/v1/accounts/hoa/scope", json={**same, "area_code": "26374"}).status_code == 200
    assert hoa.get("/api/v1/session").status_code == 401
    assert admin.put("/api/v1/accounts/hoa/scope", json={**same, "area_code": "99999"}).status_code == 422
    line = next(line for line in centre.audited() if line.act == "account.scope")
    assert line.detail["before"] == {"role": "operator", "area_code": None}


def test_one_administrator_always_remains(centre):
    admin = centre.signed_in(Role.ADMIN)
    demoted = {"role": "operator", "display_name": "x"}
    assert admin.put("/api/v1/accounts/admin/scope", json=demoted).status_code == 409
    local = centre.client()
    assert local.put("/local/v1/accounts/admin/access", json={"disabled": True}).status_code == 409
    assert local.put("/local/v1/accounts/admin/scope", json=demoted).status_code == 409
    centre.add("second", Role.ADMIN)
    assert admin.put("/api/v1/accounts/second/scope", json=demoted).status_code == 200
    assert local.put("/local/v1/accounts/admin/access", json={"disabled": True}).status_code == 409
    assert admin.put("/api/v1/accounts/second/scope", json={**demoted, "role": "admin"}).status_code == 200
    assert local.put("/local/v1/accounts/admin/access", json={"disabled": True}).status_code == 200
    assert admin.get("/api/v1/session").status_code == 401
    assert local.put("/local/v1/accounts/second/access", json={"disabled": True}).status_code == 409


def test_a_lock_is_lifted_with_the_pauses_of_the_addresses(centre):
    admin = centre.signed_in(Role.ADMIN)
    centre.add("hoa")
    for number in range(6):
        stranger = centre.client(client=(f"10.0.1.{number}", 5000))
        for _ in range(5):
            stranger.post("/api/v1/session", json={"username": "hoa", "password": "wrong"})
    row = next(row for row in admin.get("/api/v1/accounts").json() if row["username"] == "hoa")
    assert row["locked"] is True
    good = {"username": "hoa", "password": PASSWORD}
    last = centre.client(client=("10.0.1.5", 5000))
    assert last.post("/api/v1/session", json=good).status_code == 401
    assert admin.delete("/api/v1/accounts/hoa/lock").json()["locked_until"] is None
    assert last.post("/api/v1/session", json=good).status_code == 200
    assert "account.unlock" in [line.act for line in centre.audited()]


def test_sessions_are_listed_with_device_and_address_and_ended_one_or_all(centre):
    admin = centre.signed_in(Role.ADMIN)
    centre.add("hoa")
    agents = ["Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36", "curl/8.1\x00é"]
    places = [centre.client(client=(f"10.0.4.{n}", 5000), headers={"user-agent": agents[n].encode()}) for n in range(2)]
    for place in places:
        place.post("/api/v1/session", json={"username": "hoa", "password": PASSWORD})
    own = places[0].get("/api/v1/sessions").json()["items"]
    assert {(one["address"], one["device"], one["is_current"]) for one in own} == {
        ("10.0.4.0", "Chrome · Windows", True),
        ("10.0.4.1", "curl", False),
    }
    everybody = admin.get("/api/v1/accounts/sessions").json()["items"]
    assert sorted(one["username"] for one in everybody) == ["admin", "hoa", "hoa"]
    other = next(one["id"] for one in own if not one["is_current"])
    mine = admin.get("/api/v1/sessions").json()["items"][0]["id"]
    assert places[0].delete(f"/api/v1/sessions/{mine}").status_code == 404  # somebody else's
    assert places[0].delete(f"/api/v1/sessions/{other}").json() == {"ended": 1}
    assert places[1].get("/api/v1/session").status_code == 401
    assert admin.delete("/api/v1/accounts/hoa/sessions").json() == {"ended": 1}
    assert places[0].get("/api/v1/session").status_code == 401
    assert admin.delete("/api/v1/accounts/admin/sessions").json() == {"ended": 0}  # but the one that asks
    assert places[0].get("/api/v1/accounts/sessions").status_code == 401


def test_one_session_more_than_allowed_ends_the_longest_unused(centre):
    centre.add("hoa")
    browsers = [centre.client() for _ in range(21)]
    for browser in browsers:
        browser.post("/api/v1/session", json={"username": "hoa", "password": PASSWORD})
        centre.clock.advance(1)
    assert [browser.get("/api/v1/session").status_code for browser in browsers] == [401] + [200] * 20


def test_a_telephone_is_forgotten_by_another_administrator_only(centre):
    admin = centre.signed_in(Role.ADMIN)
    centre.add("hoa")
    assert admin.delete("/api/v1/accounts/hoa/second-factor").status_code == 404
    assert admin.delete("/api/v1/accounts/admin/second-factor").status_code == 409
    assert admin.put("/api/v1/accounts/admin/password", json={}).status_code == 409


def test_a_name_holds_no_signs_that_turn_a_line_around(centre):
    admin = centre.signed_in(Role.ADMIN)
    made = admin.post("/api/v1/accounts", json={**NEW, "display_name": " Lê\u202e Hoa\x1b[31m\n "}).json()
    assert made["display_name"] == "Lê Hoa[31m"


def test_an_administrator_has_no_limit_that_would_only_look_like_one(centre):
    admin = centre.signed_in(Role.ADMIN)
    body = {"username": "gioihan", "role": "admin", "display_name": "Quản trị", "area_code": "26374"}
    assert admin.post("/api/v1/accounts", json=body).status_code == 422
    made = admin.post("/api/v1/accounts", json=body | {"role": "operator"})
    assert made.status_code == 201, made.text
    raised = {"role": "admin", "display_name": "Quản trị", "area_code": "26374"}
    assert admin.put("/api/v1/accounts/gioihan/scope", json=raised).status_code == 422
