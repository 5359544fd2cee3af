"""A registry that is past its expiry rings and stops nothing; the node with the authority keeps it young."""

from datetime import timedelta
from types import SimpleNamespace

import pytest

from federation.alarm import counts
from federation.enrolment.desk import EnrolmentDesk
from node import freshness
from node.health import Instruments
from node.metrics import exposition, registry_of
from pki.authority import REGISTRY_LIFE, Authority
from tests.fakes.authority import THREE_TIERS, small_federation
from tests.fakes.clock import FakeClock


@pytest.fixture
def land(tmp_path):
    return small_federation(tmp_path / "land", centres=THREE_TIERS)


def test_it_rings_once_it_is_old_and_not_before(centre, land):
    clock = FakeClock(land.registry.issued_at + REGISTRY_LIFE)
    seen = SimpleNamespace(registry=land.registry_file("731"), clock=clock)
    assert not centre.context.database.write(lambda session: freshness.look(session, seen))
    clock.advance(60)
    assert centre.context.database.write(lambda session: freshness.look(session, seen))
    assert centre.context.database.read(counts) == {freshness.STALE: 1}


def test_only_the_node_with_the_authority_tends_it(centre):
    assert [one.name for one in freshness.rounds(centre.context, None)] == ["freshness"]
    settings = SimpleNamespace(authority=object())
    above = SimpleNamespace(settings=settings)
    desk = SimpleNamespace(tend=None)
    assert [one.name for one in freshness.rounds(above, desk)] == ["freshness", "registry"]


async def test_what_a_command_did_in_the_folder_reaches_the_running_node_and_age_is_made_good(land):
    clock, registry = FakeClock(land.now), land.registry_file("75")
    desk = EnrolmentDesk(keystore=land.keystore("75"), registry=registry, clock=clock, authority=land.authority)
    await desk.tend()
    before = registry.current.version
    Authority.load(land.folder / "authority").revoke(land.name("26374"), land.now)
    await desk.tend()
    assert registry.current.version == before + 1
    assert registry.current.centre(land.name("26374")).state == "revoked"
    clock.advance(timedelta(days=20).total_seconds())
    registry._now = clock.now
    await desk.tend()
    assert registry.current.version == before + 2
    assert registry.current.expires_at == clock.now() + REGISTRY_LIFE


def test_what_tls_refused_is_a_counter(centre, federation):
    instruments = Instruments(centre.context, federation.keystore("731"), list, tls_refusals=lambda: 7)
    assert b"lienthong_link_tls_refusals_total 7.0" in exposition(registry_of(centre.context.centre, instruments))
