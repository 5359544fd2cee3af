"""Parked records are listed with their reasons, and tried again, all of them, after a mend."""

import json

import pytest
from typer.testing import CliRunner

from federation import parking
from federation.effects import Unacceptable
from node import audit
from node.api import parked as api
from node.cli import app
from node.clock import SystemClock
from node.database import Database, migrate
from node.histories import own
from tests.fakes.authority import small_federation
from tests.federation.pairs import Centre, keep, pump
from tests.simulation.test_over_grpc import THREE_TIERS, settings_of


@pytest.fixture
def world(tmp_path):
    return small_federation(tmp_path, centres=THREE_TIERS)


@pytest.fixture
def pair(world, tmp_path):
    def opened(file):
        database = Database(f"sqlite:///{file}", SystemClock())
        migrate(database.engine, own())
        return database

    child, parent = (Centre(world, code, tmp_path, opened) for code in ("26374", "731"))
    yield child, parent
    child.storage.close()
    parent.storage.close()


def tried(parent):
    def replay(at, skip):
        return parent.storage.write(lambda session: parent.receiver.replay_parked(session, at, skip=skip))

    return api.tried_again(parent.storage, SystemClock(), replay)


def test_all_are_tried_though_the_oldest_still_fail_and_the_reason_is_that_of_now(pair, monkeypatch) -> None:
    child, parent = pair
    monkeypatch.setattr(api, "STEP", 2)
    child.append("a", "b", "c", kind="test.no")
    child.append("d", kind="test.new")
    child.append("e", "f", kind="test.no")
    child.append("g", kind="test.new")
    child.seal()
    pump(child, parent)
    assert parent.storage.read(parking.count) == 7
    parent.handlers["test.new"] = keep

    def no_more(_session, _inbound):
        raise Unacceptable("LATER", "not yet either")

    parent.handlers["test.no"] = no_more
    parent.restart()

    def replay(at, skip):
        step = {"limit": 2, "skip": skip}
        return parent.storage.write(lambda session: parent.receiver.replay_parked(session, at, **step))

    answer = api.tried_again(parent.storage, SystemClock(), replay)
    assert (answer["applied"], answer["still_parked"]) == (2, 5)
    assert {one["code"] for one in answer["why"]} == {"LATER"}
    assert parent.effects() == ["d", "g"]
    parent.handlers["test.no"] = keep
    parent.restart()
    answer = tried(parent)
    assert (answer["applied"], answer["still_parked"], answer["why"]) == (5, 0, [])
    assert sorted(parent.effects()) == list("abcdefg")
    assert tried(parent)["applied"] == 0
    audited = parent.storage.read(audit.recent)
    assert [(one.act, one.detail["applied"]) for one in audited] == [
        ("parked.replay", 0),
        ("parked.replay", 5),
        ("parked.replay", 2),
    ]


def test_the_commands_of_a_node_at_rest(world) -> None:
    """A kind that no module of this node knows stays parked, and the command says so."""
    settings_of(world, THREE_TIERS[1], {"75": 1, "731": 2})
    config = str(world.home("731") / "node.toml")
    world.registry_file("731")
    run = CliRunner().invoke(app, ["parked", "replay", "--config", config])
    assert json.loads(run.stdout) == {"applied": 0, "still_parked": 0, "why": []}, run.output
    listed = CliRunner().invoke(app, ["parked", "list", "--config", config])
    assert (listed.stdout, listed.stderr) == ("", "Nothing is parked. (Không có bản ghi nào bị giữ lại.)\n")
    file = world.home("731") / "node.db"
    parent = Centre(world, "731", file.parent, lambda _file: Database(f"sqlite:///{file}", SystemClock()))
    child = Centre(world, "26374", world.home("26374"))
    child.say("x", kind="test.no")
    pump(child, parent)
    child.storage.close()
    parent.storage.close()
    listed = CliRunner().invoke(app, ["parked", "list", "--config", config])
    assert json.loads(listed.stdout)["code"] == "NOT_TODAY"
    run = CliRunner().invoke(app, ["parked", "replay", "--config", config])
    answer = json.loads(run.stdout)
    assert (answer["applied"], answer["still_parked"], answer["why"][0]["code"]) == (0, 1, "UNKNOWN_KIND")
