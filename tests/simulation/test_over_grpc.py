"""The same journey over the real link: three whole nodes in one process, mutual TLS between them."""

import asyncio
import os

import pytest

from node.app import Node
from node.incident import rows
from node.incident.act import Desk, open_incident, perform, timeline
from node.incident.value import IncidentKind, Place, Severity, Status
from node.settings import Settings
from tests.fakes.authority import THREE_TIERS, small_federation
from tests.fakes.ports import free_port
from tests.simulation.posts import JPEG, TERRITORY

FLOOD = IncidentKind("citizen.flood", "Ngập lụt", Severity.HIGH)
PATIENCE_S = 30


def settings_of(federation, centre, ports):
    code, title, tier, parent = centre
    home = federation.home(code)
    lines = [
        "[node]",
        f'tier = "{tier}"',
        f'code = "{code}"',
        f'title = "{title}"',
        f'folder = "{home}"',
        "[territory]",
        f'file = "{TERRITORY}"',
        "[link]",
        f'listen = "127.0.0.1:{ports[code]}"',
        "[presence]",
        "period_s = 1",
    ]
    if parent:
        lines += ["[parent]", f'address = "127.0.0.1:{ports[parent]}"']
    file = home / "node.toml"
    file.write_text("\n".join(lines), "utf-8")
    return Settings.load(file)


@pytest.fixture
async def nodes(tmp_path):
    federation = small_federation(tmp_path, centres=THREE_TIERS)
    ports = {code: free_port() for code, *_ in THREE_TIERS}
    made = {}
    for centre in THREE_TIERS:
        federation.registry_file(centre[0])
        made[centre[0]] = Node(settings_of(federation, centre, ports))
    for node in made.values():
        await node.start()
    yield made
    for node in made.values():
        await node.stop()


async def until(question):
    """Ask until the answer is yes; how long it took is nobody's business here."""
    async with asyncio.timeout(PATIENCE_S):
        while not (answer := await asyncio.to_thread(question)):  # noqa: ASYNC110 - the question is a read elsewhere
            await asyncio.sleep(0.05)
    return answer


def find(node, incident_id):
    return node.context.database.read(lambda session: rows.find(session, incident_id))


async def act(node, incident_id, name, **fields):
    desk = Desk(node.context.centre, "Cán bộ", node.context.clock.now())
    return await asyncio.to_thread(
        node.context.database.write,
        lambda session: perform(session, desk, incident_id, name, version=None, fields=fields),
    )


async def test_a_report_goes_up_by_rule_and_by_hand_and_its_status_comes_down(nodes):
    province, district, commune = nodes["75"], nodes["731"], nodes["26374"]
    context = commune.context
    one = await asyncio.to_thread(
        context.database.write,
        lambda session: open_incident(
            session,
            centre=context.centre,
            kind=FLOOD,
            severity=Severity.CRITICAL,
            title="Nước dâng",
            description="",
            area_code="26374",
            place=Place(10.88, 106.95),
            category="",
            thumbnail=JPEG,
            actor="Người dân",
            now=context.clock.now(),
            random=os.urandom,
        ),
    )
    await until(lambda: find(province, one.id))
    for node in (district, province):  # the words are enciphered in the frames: their keys came beside them
        assert (find(node, one.id).title, find(node, one.id).place) == ("Nước dâng", Place(10.88, 106.95))
    await act(commune, one.id, "escalate", cause="capacity", note="cần xuồng")
    await until(lambda: find(district, one.id).custody.offered_to == district.context.centre.name)
    await act(district, one.id, "accept")
    await act(district, one.id, "escalate", cause="capacity", note="cần thêm")
    await until(lambda: find(province, one.id).custody.offered_to == province.context.centre.name)
    await act(province, one.id, "accept")
    await act(province, one.id, "resolve", note="đã cứu được")
    await until(lambda: find(commune, one.id).status is Status.RESOLVED)

    events = commune.context.database.read(lambda session: timeline(session, one.id))
    assert [event.act for event in events] == ["open", "escalate", "accept", "escalate", "accept", "resolve"]
    assert events[-1].centre == province.context.centre.name
    proofs = province.context.database.read(lambda session: rows.proofs(session, one.id))
    assert {proof.origin for proof in proofs} == {district.context.centre.name, commune.context.centre.name}
    assert not any(node.context.alarms() for node in nodes.values())
