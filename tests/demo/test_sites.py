"""Settings that the demo writes are ones that a node takes; accounts are kept closed and stay."""

import json
import socket

import pytest

from federation.v1.link_pb2 import Envelope, FrameDelivery
from node.demo.check.scene import percentile
from node.demo.people import people
from node.demo.plan import DemoPlan
from node.demo.relay import LyingChannel
from node.demo.sites import place, write_settings
from node.settings import Settings


@pytest.fixture
def sites(tmp_path):
    return place(tmp_path / "demo", DemoPlan.load(), habit=False)


def test_every_centre_gets_settings_that_a_node_takes(sites):
    for site in sites.by_code.values():
        write_settings(sites, site, has_screens=site.centre.dashboard)
        settings = Settings.load(site.settings)
        assert settings.node.code == site.centre.code
        assert (settings.parent is None) == (site.centre.parent == "")
        assert (settings.authority is None) == (site.centre.parent != "")
        # A child opens no port for its parent: only who has children listens.
        assert (settings.link.listen is None) == (not sites.plan.children(site.centre.code))
        assert settings.http.origin == (site.screens_url if site.centre.dashboard else site.url)
        assert site.settings.stat().st_mode & 0o777 == 0o600


def test_over_nats_every_parent_has_a_server_and_every_child_dials_it(tmp_path):
    sites = place(tmp_path / "demo", DemoPlan.load(), habit=False, over_nats=True)
    for site in sites.by_code.values():
        write_settings(sites, site)
        settings = Settings.load(site.settings)
        assert (settings.link.nats is None) == (not sites.plan.children(site.centre.code))
        if settings.parent:
            assert settings.parent.nats == f"127.0.0.1:{sites[site.centre.parent].nats}"


def test_a_demo_of_before_gets_the_port_that_it_lacked(sites):
    note = sites.folder / "ports.json"
    note.write_text(json.dumps({code: ports[:4] for code, ports in json.loads(note.read_text()).items()}))
    again = place(sites.folder, sites.plan, habit=False)
    assert again.moved == ()
    assert again["731"].link == sites["731"].link
    assert again["731"].nats not in {0, again["731"].screens}


def test_ports_stay_and_a_taken_one_is_replaced(sites):
    again = place(sites.folder, sites.plan, habit=False)
    assert again.moved == ()
    assert again["75"] == sites["75"]
    with socket.socket() as other:
        other.bind(("127.0.0.1", sites["731"].http))
        other.listen()
        moved = place(sites.folder, sites.plan, habit=False)
    assert moved["731"].http != sites["731"].http
    assert moved["731"].link == sites["731"].link
    assert len(moved.moved) == 1


def test_accounts_are_made_once_and_read_by_their_owner_only(sites):
    file = sites.accounts
    made = people(file, sites.plan.centres)
    assert len(made) == 3 * len(sites.plan.centres)
    assert all(person.fresh for person in made.values())
    assert len({person.password for person in made.values()}) == len(made)
    assert file.stat().st_mode & 0o777 == 0o600
    kept = people(file, sites.plan.centres)
    assert {key: person.password for key, person in kept.items()} == {
        key: person.password for key, person in made.items()
    }
    assert not any(person.fresh for person in kept.values())


class Kept:
    """A connection that keeps what it is given."""

    def __init__(self):
        self.sent = []

    async def send(self, envelope):
        self.sent.append(envelope)


async def test_the_lying_relay_flips_one_bit_of_others_and_none_of_its_own():
    real = Kept()
    liar = LyingChannel(real, "n-own")
    own = Envelope(frame=FrameDelivery(frame=b"own", origin="n-own"))
    others = Envelope(frame=FrameDelivery(frame=b"other", origin="n-other", lane="regular"))
    beat = Envelope()
    beat.heartbeat.at_us = 7
    for envelope in (own, others, beat):
        await liar.send(envelope)
    assert real.sent[0] == own
    assert real.sent[2] == beat
    lie = real.sent[1].frame
    assert (lie.origin, lie.lane, lie.frame[:-1]) == ("n-other", "regular", b"othe")
    assert lie.frame[-1] ^ b"r"[0] == 1
    assert others.frame.frame == b"other"


def test_percentiles_are_values_that_were_measured():
    assert percentile([5.0], 0.99) == 5.0
    values = [float(value) for value in range(1, 101)]
    assert percentile(values, 0.5) == 50.0
    assert percentile(values, 0.99) == 99.0
