"""What a node says about itself, in words and in OpenMetrics: what is unknown is never a zero."""

import os
import threading
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from federation.alarm import raise_alarm
from federation.peer import PeerState
from federation.settlement import mark_restored
from node.api import node_health
from node.health import LITTLE_ROOM_BYTES, Certificate, Disk, Instruments, State, certificates, job_state
from node.job import JobState
from node.metrics import exposition, registry_of
from node.role import Role
from node.settings import Settings, SettingsError
from tests.node.conftest import write_settings

CHILD = "n-cccccccccccccccc.lienthong.internal"


@pytest.fixture
def healthy(centre, federation):
    """The centre with the routes of its health; its peers and jobs are what a test puts into the lists."""
    object.__setattr__(centre.context, "peers", lambda: peers)
    peers, jobs = [], []
    instruments = Instruments(centre.context, federation.keystore("731"), lambda: jobs)
    centre.app.include_router(node_health.router)
    centre.app.state.instruments = instruments
    metrics_app = node_health.metrics_application()
    metrics_app.state.metrics = registry_of(centre.context.centre, instruments)
    return centre, peers, jobs, TestClient(metrics_app)


def samples(client):
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    return {
        (one.name, tuple(sorted(one.labels.items()))): one.value
        for family in text_string_to_metric_families(answer.text)
        for one in family.samples
    }


def test_silence_is_unknown_and_a_lost_link_is_lost(healthy):
    centre, peers, _, scrape = healthy
    heard_at = centre.clock.now()
    parent = centre.context.centre.parent
    peers += [
        PeerState(name=parent, relation="parent", last_heard_at=heard_at, waiting={"urgent": 3}),
        PeerState(name=CHILD, relation="child"),
    ]
    links = centre.signed_in().get("/api/v1/health").json()["links"]
    assert [(one["peer"], one["state"]) for one in links] == [(parent, "lost"), (CHILD, "unknown")]
    assert links[1]["last_heard_at"] is None
    found = samples(scrape)
    heard = "lienthong_link_last_heard_timestamp_seconds"
    assert found[heard, (("peer", parent),)] == heard_at.timestamp()
    assert (heard, (("peer", CHILD),)) not in found
    assert found["lienthong_link_waiting_records", (("lane", "urgent"), ("peer", parent))] == 3
    states = {
        dict(labels)["peer"]: dict(labels)
        for (name, labels), value in found.items()
        if name == "lienthong_link_state" and value
    }
    assert states[parent]["lienthong_link_state"] == "lost"
    assert states[CHILD]["lienthong_link_state"] == "unknown"


def test_certificates_are_counted_in_days_and_warn_before_they_end(healthy, federation):
    centre, _, _, scrape = healthy
    ends = {one.name: one.not_after for one in certificates(federation.keystore("731"))}
    assert set(ends) == {"auth", "sign", "issuing", "root"}
    shown = {one["name"]: one for one in centre.signed_in().get("/api/v1/health").json()["certificates"]}
    assert shown["auth"]["days_left"] == (ends["auth"] - centre.clock.now()).days
    name = "lienthong_certificate_not_after_timestamp_seconds"
    assert samples(scrape)[name, (("certificate", "auth"),)] == ends["auth"].timestamp()
    end = ends["auth"]
    states = [Certificate("auth", end).state(end - timedelta(days=left)) for left in (15, 13, 0)]
    assert states == [State.OK, State.WATCH, State.ALARM]


def test_jobs_that_fail_or_never_ran_are_told_apart(healthy):
    centre, _, jobs, scrape = healthy
    jobs += [JobState("clock", centre.clock.now()), JobState("proof"), JobState("copies", None, 4, "OSError")]
    states = {one["name"]: one["state"] for one in centre.signed_in().get("/api/v1/health").json()["jobs"]}
    assert states == {"clock": "ok", "proof": "unknown", "copies": "watch"}
    found = samples(scrape)
    assert found["lienthong_job_failures_in_a_row", (("job", "copies"),)] == 4
    assert ("lienthong_job_last_success_timestamp_seconds", (("job", "proof"),)) not in found
    assert job_state(JobState("x")) is State.UNKNOWN


def test_disk_says_when_only_the_ballast_is_left():
    ballast = 8 * 1024 * 1024
    sizes = (LITTLE_ROOM_BYTES, LITTLE_ROOM_BYTES - 1, ballast)
    assert [Disk(free, 2**40).state(ballast) for free in sizes] == [State.OK, State.WATCH, State.ALARM]


def test_alarms_and_restores_are_counted(healthy):
    centre, _, _, scrape = healthy
    now = centre.clock.now()

    def step(session):
        for number in range(2):
            raise_alarm(session.connection(), "FORK", at=now, peer="x", subject=str(number), detail="two")
        mark_restored(session, [CHILD], now, "a test")

    centre.context.database.write(step)
    found = samples(scrape)
    assert found["lienthong_alarms_total", (("code", "FORK"),)] == 2
    assert found["lienthong_restore_unsettled_neighbours", ()] == 1
    assert centre.signed_in().get("/api/v1/health").json()["restore"] == {"unsettled": 1, "state": "watch"}


def test_metrics_hold_no_secret_and_stand_at_their_own_address_only(healthy):
    centre, _, _, scrape = healthy
    canary = "canary-8d1f"
    os.environ["LIENTHONG_TEST_CANARY"] = canary
    try:
        text = scrape.get("/metrics").text
    finally:
        del os.environ["LIENTHONG_TEST_CANARY"]
    assert "lienthong_node_info" in text
    assert canary not in text
    assert "PRIVATE" not in text
    assert centre.client().get("/metrics").status_code == 404
    assert scrape.get("/openapi.json").status_code == 404


def test_only_those_who_look_after_links_see_the_health(healthy):
    centre, *_ = healthy
    assert centre.client().get("/api/v1/health").status_code == 401
    assert centre.signed_in(Role.CITIZEN).get("/api/v1/health").status_code == 403


def test_metrics_are_read_while_the_writer_is_busy(healthy, federation):
    """A scrape must tell of a node that stands still, so it may not wait for the writer."""
    centre, *_ = healthy
    let_go = threading.Event()
    busy = centre.context.database.submit(lambda _session: let_go.wait(10))
    try:
        registry = registry_of(centre.context.centre, centre.app.state.instruments)
        assert b"lienthong_disk_free_bytes" in exposition(registry)
        assert not busy.done()
    finally:
        let_go.set()


def test_metrics_listen_on_this_machine_only(tmp_path):
    file = write_settings(tmp_path, more='[metrics]\nlisten = "192.0.2.7:9464"\n')
    with pytest.raises(SettingsError, match="loopback"):
        Settings.load(file)
