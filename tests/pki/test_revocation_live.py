"""A revocation at the top ends streams two tiers below: by the links alone, and by every word of the registry."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from pki import encoding
from tests.fakes.authority import THREE_TIERS, FakeFederation, small_federation
from tests.federation.nodes import Node, until


class Tiers:
    """Province, district and commune, connected over live gRPC."""

    def __init__(self, folder: Path) -> None:
        self.land: FakeFederation = small_federation(folder, centres=THREE_TIERS)
        self.province, self.district, self.commune = (Node(self.land, code) for code in ("75", "731", "26374"))

    async def start(self) -> "Tiers":
        await self.province.start()
        await self.district.start(self.province)
        await self.commune.start(self.district)
        await until(lambda: self.district.peer(self.commune) and self.district.peer(self.commune).connected)
        await until(lambda: self.province.peer(self.district) and self.province.peer(self.district).connected)
        return self

    async def stop(self) -> None:
        for node in (self.commune, self.district, self.province):
            await node.stop()

    def tell_the_top(self) -> None:
        """What the authority published reaches the node beside it, and nobody else by hand."""
        assert self.province.registry.offer(self.land.authority.registry_raw)

    def error_of_the_commune(self) -> str:
        found = [one for one in self.commune.delivery.peers() if one.name == self.district.name]
        return found[0].error_code if found else ""


@pytest_asyncio.fixture
async def tiers(tmp_path: Path) -> AsyncIterator[Tiers]:
    made = await Tiers(tmp_path).start()
    yield made
    await made.stop()


@pytest.mark.parametrize("how", ["revoked", "leaf denied", "new keys"])
async def test_a_stream_two_tiers_below_ends(tiers: Tiers, how: str) -> None:
    """The registry is pushed at once, and each beat of two seconds asks again: far below a minute."""
    land, commune = tiers.land, tiers.commune
    codes = {"revoked": "REVOKED", "leaf denied": "DENIED", "new keys": "WRONG_KEY"}
    if how == "revoked":
        land.authority.revoke(commune.name, land.now)
    elif how == "leaf denied":
        leaf = encoding.from_pem(land.keystore("26374").tls_chain_pem, "tls.pem")
        issuer = encoding.issuer_key(land.issuing_signer().certificate)
        land.authority.deny(issuer, leaf.serial_number, leaf.not_valid_after_utc, land.now)
    else:
        land.enrol("26374")
    tiers.tell_the_top()
    await until(lambda: tiers.error_of_the_commune() == codes[how])
    assert tiers.district.peer(commune) is None or not tiers.district.peer(commune).connected
    commune.say("too late")
    assert tiers.district.heard() == []
    assert tiers.province.peer(tiers.district).connected


async def test_an_old_registry_from_the_parent_is_refused_and_rings(tiers: Tiers) -> None:
    """The province was put back to an old state and sends it down: the district keeps what it has seen, and says so."""
    land, old = tiers.land, tiers.province.registry.current
    land.authority.revoke(tiers.commune.name, land.now + timedelta(hours=3))
    tiers.tell_the_top()
    newest = land.authority.registry_raw
    await until(lambda: tiers.district.registry.current.raw == newest)
    tiers.province.registry._current = old
    tiers.province.delivery._sessions[tiers.district.name].push_registry()
    await until(lambda: ("BAD_REGISTRY", tiers.province.name, tiers.province.name) in tiers.district.alarms())
    assert tiers.district.registry.current.raw == newest
    assert tiers.district.registry.current.centre(tiers.commune.name).state == "revoked"
