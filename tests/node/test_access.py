import os
from itertools import product

import pytest

from node.access import KeyFileError, session_key_problem, session_secret, within
from node.role import PERMISSIONS, Permission, Principal, Role
from node.territory import Territory
from tests.fakes.clock import START
from tests.node.conftest import TERRITORY

# written down a second time, on purpose: an oracle that the table is held against
MAY = {
    "incident.read": {"operator", "leader"},
    "incident.act": {"operator", "leader"},
    "incident.approve": {"leader"},
    "report.read": {"operator", "leader"},
    "report.identity": {"operator", "leader"},
    "figure.read": {"operator", "leader"},
    "figure.prepare": {"operator", "leader"},
    "figure.approve": {"leader"},
    "link.read": {"operator", "leader", "admin"},
    "account.manage": {"admin"},
    "audit.read": {"leader", "admin"},
    "token.issue": {"admin"},
}


@pytest.mark.parametrize(("role", "permission"), list(product(Role, Permission)))
def test_the_table_of_rights(role, permission):
    assert (permission in PERMISSIONS[role]) is (role.value in MAY[permission.value])


def somebody(area_code):
    return Principal(
        username="x", display_name="x", role=Role.OPERATOR, area_code=area_code, permissions=PERMISSIONS[Role.OPERATOR]
    )


@pytest.mark.parametrize(
    ("own", "asked", "allowed"),
    [
        (None, "75", True),
        ("731", "731", True),
        ("731", "26374", True),
        ("731", "26173", False),  # another district's commune
        ("731", "75", False),
        ("26374", "26377", False),
        ("26374", "26374", True),
        ("75", "26173", True),
        ("26374", "99999", False),
        ("99999", "26374", False),
    ],
)
def test_the_scope_of_an_account_is_its_area(own, asked, allowed):
    territory = Territory.load(TERRITORY)
    assert within(somebody(own), territory, asked, territory.local_date(START)) is allowed


def test_the_session_key_is_made_once_and_closed(tmp_path):
    secret = session_secret(tmp_path, os.urandom)
    assert len(secret) == 32
    assert session_secret(tmp_path, os.urandom) == secret
    assert (tmp_path / "session.key").stat().st_mode & 0o777 == 0o600


def test_a_session_key_that_others_may_read_is_refused(tmp_path):
    session_secret(tmp_path, os.urandom)
    (tmp_path / "session.key").chmod(0o640)
    assert "chmod 600" in session_key_problem(tmp_path)
    with pytest.raises(KeyFileError, match="chmod 600"):
        session_secret(tmp_path, os.urandom)
    (tmp_path / "session.key").write_bytes(b"short")
    (tmp_path / "session.key").chmod(0o600)
    with pytest.raises(KeyFileError, match="too short"):
        session_secret(tmp_path, os.urandom)
