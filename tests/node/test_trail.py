"""One id in the logs of three tiers follows one report, and no line says what was reported."""

import io
import json
import logging

import pytest

from node import journal
from node.database import Database, migrate
from node.histories import own
from node.incident.value import Severity
from node.trail import leave
from tests.fakes.clock import FakeClock
from tests.modules.citizen.centre import CitizenCentre
from tests.simulation.posts import FLOOD, Tree


@pytest.fixture
def lines():
    """What a node would write into its log, as its lines."""
    stream, root = io.StringIO(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    journal.begin(stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers[:] = handlers
    root.setLevel(level)


def test_one_id_follows_a_report_over_three_tiers_and_back(tmp_path, lines):
    tree = Tree(tmp_path)
    one = tree.commune.open(FLOOD, Severity.CRITICAL, description="nhà bà Bưởi ngập", actor="Bà Bưởi")
    tree.commune.escalate(one.id)
    tree.carry()
    tree.district.act(one.id, "accept")
    tree.carry()
    tree.close()
    trail = [line for line in lines() if line.get("trace_id") == str(one.id)]
    told = [(line["centre"], line["message"], line.get("act")) for line in trail]
    commune, district, province = tree.commune.name, tree.district.name, tree.province.name
    assert told[:3] == [
        (commune, "incident opened", None),
        (commune, "incident step", "open"),
        (commune, "incident step", "escalate"),
    ]
    assert {centre for centre, *_ in told} == {commune, district, province}
    assert (district, "incident step", "accept") in told
    heard = [(line["centre"], line["sender"], line["acts"]) for line in trail if line["message"] == "incident heard"]
    assert (district, commune, "open") in heard
    assert (province, district, "open") in heard
    assert (commune, district, "accept") in heard
    assert len({line["rid"] for line in trail if "rid" in line}) == len(heard)  # a record's own id is of one hop
    assert "Bưởi" not in json.dumps(trail, ensure_ascii=False)


def test_a_citizens_answer_bears_the_id_that_the_log_has(tmp_path, lines):
    with CitizenCentre(tmp_path) as centre, centre.browser() as citizen:
        said = centre.send(citizen, name="Bà Bưởi", phone="0912345678").json()
    messages = [line["message"] for line in lines() if line.get("trace_id") == said["incident_id"]]
    assert messages == ["incident opened", "report recorded"]
    whole = json.dumps(lines(), ensure_ascii=False)
    assert not [word for word in ("Bưởi", "0912345678", said["code"]) if word in whole]


def test_what_failed_leaves_no_line(tmp_path, lines):
    database = Database(f"sqlite:///{tmp_path}/node.db", FakeClock())
    migrate(database.engine, own())

    def step(session):
        leave(session, "done", "0" * 32)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        database.write(step)
    database.write(lambda session: leave(session, "really done", "1" * 32))
    database.close()
    assert [line["trace_id"] for line in lines() if "done" in line["message"]] == ["1" * 32]
