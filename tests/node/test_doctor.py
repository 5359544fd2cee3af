"""`doctor` says what is wrong in sentences, and is silent about what is not."""

import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest
from typer.testing import CliRunner

from node.backup.journal import Entry
from node.cli import app
from node.commands.doctor import (
    Remark,
    _postgresql,
    backup_remark,
    certificates,
    postgres_setting,
    sqlite_version,
)
from node.engines import reader_engine
from pki.keystore import Keystore
from tests.fakes.authority import THREE_TIERS, real_now, small_federation
from tests.simulation.test_over_grpc import settings_of


@pytest.mark.parametrize(
    ("version", "level"),
    [("3.6.23", "ok"), ("3.7.0", "note"), ("3.45.1", "note"), ("3.51.2", "note"), ("3.51.3", "ok"), ("3.53.0", "ok")],
)
def test_versions_with_the_rare_damage_are_named(version, level) -> None:
    assert sqlite_version(version).level == level
    assert version in sqlite_version(version).words


@pytest.mark.parametrize(
    ("name", "value", "level"),
    [
        ("fsync", "on", "ok"),
        ("fsync", "off", "bad"),
        ("full_page_writes", "off", "bad"),
        ("data_checksums", "off", "bad"),
        ("synchronous_commit", "off", "note"),
        ("synchronous_commit", "remote_apply", "ok"),
    ],
)
def test_settings_of_postgresql_are_judged(name, value, level) -> None:
    assert postgres_setting(name, value).level == level


def test_a_real_postgresql_without_syncs_is_called_bad(postgresql) -> None:
    engine = reader_engine(postgresql.new_database())
    remarks = list(_postgresql(engine))
    engine.dispose()
    assert Remark("bad", "fsync is off: a power cut loses what was recorded; turn it on") in remarks
    assert any("nobody writes" in one.words for one in remarks)


@pytest.fixture
def home(tmp_path):
    federation = small_federation(tmp_path, centres=THREE_TIERS)
    settings_of(federation, THREE_TIERS[1], {"75": 1, "731": 2})
    return federation.home("731")


def look(home):
    ran = CliRunner().invoke(app, ["doctor", "--config", str(home / "node.toml")])
    return ran.exit_code, ran.stdout


def test_a_node_that_is_well_says_so_and_each_damage_is_a_sentence(home) -> None:
    status, said = look(home)
    assert "bad" not in said, said
    assert status == 0
    assert "the parent could not be asked for its time" in said
    assert "the signing certificate is valid for" in said
    with closing(sqlite3.connect(home / "node.db")) as database:
        database.execute("CREATE TABLE a (b)")
    (home / "node.db").chmod(0o644)
    status, said = look(home)
    assert status == 1
    assert "chmod 600" in said
    assert "journal mode is delete" in said
    (home / "node.db").write_bytes(b"no database at all" * 400)
    assert "cannot be read" in look(home)[1]


@pytest.mark.parametrize(
    ("days", "restored_days_ago", "level"),
    [(None, None, "note"), (1, None, "ok"), (8, None, "note"), (31, None, "bad"), (1, 0, "bad"), (1, 2, "ok")],
)
def test_a_backup_that_counts_is_asked_for(days, restored_days_ago, level) -> None:
    now = real_now()
    made_at = now - timedelta(days=days or 0)
    safe = Entry(what="safe", at=now, file="monday", sha256="", made_at=made_at, heads={})
    ended = [] if restored_days_ago is None else [{"ended_at": (now - timedelta(days=restored_days_ago)).isoformat()}]
    assert backup_remark(safe if days else None, ended, now).level == level


def test_a_certificate_that_ends_soon_is_seen(home) -> None:
    keystore = Keystore.load(home / "keys")
    now = real_now()
    begin = dict(certificates(keystore, now))
    later = dict(certificates(keystore, now + begin["TLS"] - timedelta(days=3)))
    assert later["TLS"] == timedelta(days=3)
    assert set(begin) == {"TLS", "issuing", "root", "signing"}
