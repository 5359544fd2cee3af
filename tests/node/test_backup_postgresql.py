"""A node on PostgreSQL: its own tools copy it; a copy restored on trial is examined and declared safe all the same."""

import json

import pytest
from sqlalchemy import create_engine
from typer.testing import CliRunner

from federation.safety import heads
from node.backup import journal
from node.cli import app
from tests.fakes.authority import THREE_TIERS, small_federation
from tests.federation.pairs import Centre
from tests.federation.stores import edit, opener
from tests.simulation.test_over_grpc import settings_of


@pytest.fixture
def node(tmp_path, postgresql):
    """A district at rest, its database, and a copy of it."""
    federation = small_federation(tmp_path, centres=THREE_TIERS)
    federation.registry_file("731")
    settings_of(federation, THREE_TIERS[1], {"75": 1, "731": 2})
    config = federation.home("731") / "node.toml"
    own = postgresql.new_database()
    config.write_text(f'{config.read_text("utf-8")}\n[database]\nurl = "{own}"\n', "utf-8")
    ran(["migrate", "--config", str(config)])
    centre = Centre(federation, "731", tmp_path, opener(lambda _file: own))
    centre.say("a", "b")
    centre.say("c")
    held = centre.storage.read(heads)
    centre.storage.close()
    return config, copied(postgresql, own), held


def copied(postgresql, url):
    """What pg_dump and pg_restore would make of it."""
    name, trial = url.partition("@/")[2].partition("?")[0], postgresql.new_database()
    other = trial.partition("@/")[2].partition("?")[0]
    engine = create_engine(url.replace(f"/{name}?", "/postgres?"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {other}")
        connection.exec_driver_sql(f"CREATE DATABASE {other} TEMPLATE {name}")
    engine.dispose()
    return trial


def ran(words, status=0):
    done = CliRunner().invoke(app, words)
    assert done.exit_code == status, done.output
    return done.stdout if status == 0 else done.stderr


def test_a_copy_that_holds_is_declared_safe(node) -> None:
    config, trial, held = node
    words = ["backup", "verify", "--database", trial, "--config", str(config)]
    said = json.loads(ran(words).splitlines()[-1])
    assert (said["ok"], said["records"], said["streams"], said["moved"]) == (True, 3, 1, 1)
    safe = journal.newest_safe(config.parent)
    assert safe.heads == held
    assert json.loads(ran(words).splitlines()[-1])["moved"] == 0


def test_a_damaged_copy_is_not(node) -> None:
    config, trial, _ = node
    storage = opener(lambda _file: trial)(config)
    edit(storage, "UPDATE federation_frame SET raw = :raw WHERE pos = 2", raw=b"damaged")
    storage.close()
    assert "damaged" in ran(["backup", "verify", "--database", trial, "--config", str(config)], status=1)
    assert journal.newest_safe(config.parent) is None


def test_its_own_tools_are_named(node, tmp_path) -> None:
    config, _, _ = node
    said = ran(["backup", "make", "--to", str(tmp_path / "b"), "--config", str(config)], status=1)
    assert "pg_dump" in said
    refused = ["backup", "verify", "--database", "postgresql+psycopg://a:secret@/b", "--config", str(config)]
    assert "secret" not in ran(refused, status=1)
