"""The commands, as a province types them: found a federation, plan, hand over a token, join; and what goes wrong."""

import logging
import stat
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from federation.enrolment.desk import EnrolmentDesk
from node import audit
from node.api import problem, tokens
from node.clock import SystemClock
from node.database import Database, Owner, migrate
from node.histories import TOP
from node.tables import metadata
from pki.authority import Authority
from pki.keystore import Keystore
from tests.fakes.authority import THREE_TIERS, FakeFederation, small_federation
from tests.pki.province import Province


@pytest.fixture
def province(tmp_path: Path) -> Province:
    return Province(tmp_path)


def test_from_nothing_to_the_first_centre(province: Province) -> None:
    province.found()
    file = province.token()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    said = province.type("enrol", "--config", province.config, "--token-file", file)
    assert "Enrolled as IOC tỉnh Đồng Nai" in said
    keystore = Keystore.load(province.folder / "ioc" / "keys")
    assert keystore.identity["code"] == "75"
    assert "in order" in province.type("pki", "check", "--config", province.config)
    shown = province.type("pki", "registry", "show", "--config", province.config)
    assert "IOC tỉnh Đồng Nai" in shown
    assert keystore.name in shown
    assert "active" in shown


def test_token_from_standard_input_and_never_on_the_screen_twice(
    province: Province, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    province.found()
    text = province.type("pki", "token", "--config", province.config, "75").strip()
    said = province.type("enrol", "--config", province.config, stdin=f"{text}\n")
    assert text.split(".")[1] not in said + caplog.text
    again = province.type("enrol", "--config", province.config, "--replace", stdin=text, code=1)
    assert "TOKEN_USED" in again
    assert text.split(".")[1] not in again + caplog.text


def test_no_command_takes_a_secret_as_a_word(province: Province) -> None:
    """What stands on a command line is in the list of processes for everybody to read."""
    province.found()
    text = province.type("pki", "token", "--config", province.config, "75").strip()
    province.type("enrol", "--config", province.config, text, code=2)
    province.type("enrol", "--config", province.config, "--token", text, code=2)
    words = ("--passphrase", "a long enough passphrase")
    province.type("pki", "root", "--folder", province.folder / "x", "--title", "x", *words, code=2)
    province.type("pki", "keys", "export", "--config", province.config, "--out", province.folder / "x", *words, code=2)
    province.type("pki", "sign", province.folder / "x", "--signer", province.folder, *words, code=2)


def test_joined_already(province: Province) -> None:
    province.found()
    province.type("enrol", "--config", province.config, "--token-file", province.token())
    old = Keystore.load(province.folder / "ioc" / "keys").key_id
    assert "ALREADY_ACTIVE" in province.type("pki", "token", "--config", province.config, "75", code=1)
    file = province.token("75", "--replace")
    assert "--replace" in province.type("enrol", "--config", province.config, "--token-file", file, code=1)
    province.type("enrol", "--config", province.config, "--token-file", file, "--replace")
    assert Keystore.load(province.folder / "ioc" / "keys").key_id != old


def test_what_goes_wrong_is_said_in_a_sentence(province: Province) -> None:
    config = province.config
    assert "Traceback" not in province.type("pki", "token", "--config", config, "75", code=1)
    province.found()
    assert "KEYS_ABSENT" in province.type("pki", "check", "--config", config, code=1)
    assert "NOT_PLANNED" in province.type("pki", "token", "--config", config, "99", code=1)
    plan = ("pki", "plan", "--config", config)
    assert "CODE_TAKEN" in province.type(*plan, "75", "--title", "x", "--tier", "ioc", code=1)
    assert "PARENT_UNKNOWN" in province.type(*plan, "731", "--title", "x", "--tier", "oc", "--parent", "9", code=1)
    province.type(*plan, "731", "--title", "x", "--tier", "kingdom", "--parent", "75", code=2)
    assert "EXISTS" in province.type("pki", "root", "--folder", province.folder / "root", "--title", "x", code=1)
    absent = province.type("enrol", "--config", config, "--token-file", province.folder / "absent", code=1)
    assert "absent" in absent
    assert "TOKEN_UNREADABLE" in province.type("enrol", "--config", config, stdin="nonsense", code=1)
    assert "Not enrolled" not in absent


def test_keys_that_others_may_read(province: Province) -> None:
    province.found()
    province.type("enrol", "--config", province.config, "--token-file", province.token())
    (province.folder / "ioc" / "keys" / "sign.key").chmod(0o644)
    assert "chmod 0600" in province.type("pki", "check", "--config", province.config, code=1)


def test_a_passphrase_for_the_root(province: Province) -> None:
    words = province.folder / "words"
    words.write_text("một câu dài để giữ khóa gốc\n")
    folders = ("--root", province.folder / "root", "--folder", province.folder / "authority")
    root = ("pki", "root", "--folder", province.folder / "root", "--title", "x", "--passphrase-file", words)
    province.type(*root)
    assert b"ENCRYPTED" in (province.folder / "root" / "root.key").read_bytes()
    assert "passphrase is wrong" in province.type("pki", "issuing", *folders, code=1)
    province.type("pki", "issuing", *folders, "--passphrase-file", words)


def test_leaving(province: Province) -> None:
    province.found()
    province.type("pki", "plan", "--config", province.config, "731", "--title", "OC", "--tier", "oc", "--parent", "75")
    province.type("pki", "revoke", "--config", province.config, "731", stdin="n\n", code=1)
    assert "is revoked" in province.type("pki", "revoke", "--config", province.config, "731", "--yes")
    assert "NOT_PLANNED" in province.type("pki", "token", "--config", province.config, "731", code=1)
    assert "UNKNOWN_CENTRE" in province.type("pki", "revoke", "--config", province.config, "731", "--yes", code=1)


@pytest.fixture
def land(tmp_path: Path) -> FakeFederation:
    return small_federation(tmp_path, centres=THREE_TIERS)


@pytest.fixture
def socket_of_the_top(land: FakeFederation, tmp_path: Path) -> Iterator[tuple[TestClient, SimpleNamespace]]:
    """The local routes of a running node at the top, with its real database, desk and registry."""
    database = Database(f"sqlite:///{tmp_path / 'node.db'}", SystemClock())
    migrate(database.engine, [Owner("node", TOP / "node" / "migrations", metadata)])
    registry = land.registry_file("75")
    local = FastAPI()
    local.include_router(tokens.local_router)
    problem.install(local)
    local.state.node = SimpleNamespace(registry=registry, database=database, clock=SystemClock())
    local.state.enrolment = EnrolmentDesk(
        keystore=land.keystore("75"),
        registry=registry,
        clock=SystemClock(),
        authority=Authority.load(land.folder / "authority"),
    )
    with TestClient(local) as client:
        yield client, local.state
    database.close()


def test_a_running_node_plans_issues_and_remembers_who_asked(land: FakeFederation, socket_of_the_top) -> None:
    client, state = socket_of_the_top
    before = state.node.registry.current.version
    body = {"code": "25993", "title": "COC phường Trảng Dài", "tier": "coc", "parent_code": "731"}
    made = client.post("/local/v1/centres", json=body)
    assert made.status_code == 201
    assert made.json()["state"] == "planned"
    assert made.json()["parent"] == land.name("731")
    assert state.node.registry.current.version == before + 1
    text = client.post("/local/v1/centres/25993/token", json={}).json()["token"]
    assert text.startswith("lt1.")
    everyone = client.get("/local/v1/centres").json()
    assert {one["code"]: one["state"] for one in everyone["centres"]}["25993"] == "planned"
    gone = client.post("/local/v1/centres/25993/revoke")
    assert gone.status_code == 200
    lines = state.node.database.read(audit.recent)
    assert [line.act for line in lines] == ["centre.revoke", "token.issue", "centre.plan"]
    assert all(text.split(".")[1] not in str(line) for line in lines)


def test_the_socket_says_why_not(socket_of_the_top) -> None:
    client, _ = socket_of_the_top
    refusals = {
        ("99/token", 404): "NOT_PLANNED",
        ("26374/token", 409): "ALREADY_ACTIVE",
        ("731/revoke", 409): "HAS_CHILDREN",
        ("99/revoke", 404): "UNKNOWN_CENTRE",
    }
    for (path, status), code in refusals.items():
        answer = client.post(f"/local/v1/centres/{path}", json={})
        assert (answer.status_code, answer.json()["reason_code"]) == (status, code)
    assert client.post("/local/v1/centres", json={"code": "../x", "title": "x", "tier": "coc"}).status_code == 422
    assert client.post("/local/v1/centres", json={"code": "1", "title": "x", "tier": "king"}).status_code == 422
