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
    assert client.get("/api/v1/accounts").status_code == 403
    assert client.post("/api/v1/accounts", json=NEW).status_code == 403
    path = f"/api/v1/accounts/{role.value}"
    assert client.put(f"{path}/password", json={"password": "mot-mat-khau-khac"}).status_code == 403
    assert client.put(f"{path}/access", json={"disabled": False}).status_code == 403


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
