"""A photograph fetched from a commune by the province, through the district: three whole nodes, their real links."""

import asyncio
import hashlib
import io
from uuid import UUID

import httpx
import pytest
from PIL import Image

from federation import failpoint
from federation.bulk.manifest import CHUNK_BYTES
from node import account, audit
from node.app import Node
from node.incident import rows
from node.role import Role
from node.settings import Settings
from tests.fakes.authority import THREE_TIERS, small_federation
from tests.fakes.ports import free_port
from tests.modules.citizen.centre import JSON, TAM_PHUOC, form
from tests.node.conftest import PASSWORD, write_settings

OWN = "http://127.0.0.1:8001"
PATIENCE_S = 60
MORE = {"26374": '[modules]\nenabled = ["citizen"]\n'}


class Tiers:
    """Three centres on the disk, whose nodes come and go."""

    def __init__(self, folder):
        self.federation = small_federation(folder, centres=THREE_TIERS)
        self.ports = {code: free_port() for code, *_ in THREE_TIERS}
        self.nodes = {}
        self.more = dict(MORE)
        for code, *_ in THREE_TIERS:
            self.federation.registry_file(code)

    def settings(self, code):
        tier, title, parent = next((one[2], one[1], one[3]) for one in THREE_TIERS if one[0] == code)
        home = self.federation.home(code)
        more = f'[accounts]\nsecond_factor = []\n[link]\nlisten = "127.0.0.1:{self.ports[code]}"\n'
        more += f'[parent]\naddress = "127.0.0.1:{self.ports[parent]}"\n' if parent else ""
        file = write_settings(home, tier=tier, code=code, title=title, more=more + self.more.get(code, ""))
        file.write_text(file.read_text("utf-8").replace('folder = "data"', 'folder = "."'), "utf-8")
        return Settings.load(file)

    def node(self, code):
        self.nodes[code] = Node(self.settings(code))
        return self.nodes[code]

    async def start(self, code):
        await self.node(code).start()

    async def stop(self, code):
        await self.nodes.pop(code).stop()


@pytest.fixture
async def tiers(tmp_path):
    made = Tiers(tmp_path)
    for code, *_ in THREE_TIERS:
        await made.start(code)
    yield made
    failpoint.disarm()
    for code in list(made.nodes):
        await made.stop(code)


async def until(question):
    async with asyncio.timeout(PATIENCE_S):
        while not (answer := await question()):  # noqa: ASYNC110 - the question is a read elsewhere
            await asyncio.sleep(0.05)
    return answer


class Person:
    """Somebody who is signed in at a centre."""

    def __init__(self, node, username="truc"):
        self.node, self.username = node, username
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(node.app, raise_app_exceptions=False), base_url=OWN
        )

    async def sign_in(self, *, is_new=True):
        database, now = self.node.context.database, self.node.context.clock.now()
        hashed = account.hash_password(self.username, PASSWORD)

        def step(session):
            account.add(
                session,
                username=self.username,
                display_name="Trực ban Hoa",
                role=Role.OPERATOR,
                area_code=None,
                password_hash=hashed,
                actor="test",
                now=now,
            )

        if is_new:
            await asyncio.to_thread(database.write, step)
        answer = await self.client.post("/api/v1/session", json={"username": self.username, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        return self

    async def originals(self, incident_id):
        return (await self.client.get(f"/api/v1/incidents/{incident_id}/originals")).json()["items"]

    async def fetch(self, incident_id, digest, reason="cần xem mực nước"):
        path = f"/api/v1/incidents/{incident_id}/originals/{digest}/fetch"
        return await self.client.post(path, json={"reason": reason})

    async def state(self, incident_id, wanted):
        (one,) = await self.originals(incident_id)
        return one if one["state"] == wanted else None


async def report_with_photo(node, raw, **changed):
    client = httpx.AsyncClient(transport=httpx.ASGITransport(node.app, raise_app_exceptions=False), base_url=OWN)
    fields = form(category="flood", urgency="danger", description="Nước ngập ngang ngực.", **TAM_PHUOC) | changed
    answer = await client.post(
        "/modules/citizen/api/reports", data=fields, files={"photo": ("p.jpg", raw, "image/jpeg")}, headers=JSON
    )
    assert answer.status_code == 201, answer.text
    return answer.json()["incident_id"]


async def known_at(node, incident_id):
    def look():
        return node.context.database.read(lambda session: rows.find(session, UUID(incident_id)))

    return await until(lambda: asyncio.to_thread(look))


def log_of(node):
    found = node.context.database.read(lambda session: audit.recent(session, limit=200))
    return [entry for entry in reversed(found) if entry.act.startswith("original.")]


async def test_the_province_fetches_a_communes_photograph_through_the_district(tiers):
    province, district, commune = (tiers.nodes[code] for code in ("75", "731", "26374"))
    raw = noisy_photo()
    incident_id = await report_with_photo(commune, raw)
    await known_at(province, incident_id)
    hoa = await Person(province).sign_in()
    (one,) = await hoa.originals(incident_id)
    assert (one["state"], one["kept_at"], one["media_type"]) == ("elsewhere", "COC phường Tam Phước", "image/jpeg")
    absent = await hoa.client.get(f"/api/v1/incidents/{incident_id}/originals/{one['digest']}/content")
    assert absent.status_code == 404

    assert (await hoa.fetch(incident_id, one["digest"], "  ")).status_code == 422
    asked = await hoa.fetch(incident_id, one["digest"])
    assert asked.status_code == 200, asked.text
    assert (await hoa.fetch(incident_id, one["digest"])).status_code == 409
    await until(lambda: hoa.state(incident_id, "here"))

    answer = await hoa.client.get(f"/api/v1/incidents/{incident_id}/originals/{one['digest']}/content")
    assert hashlib.sha256(answer.content).hexdigest() == one["digest"]
    assert (answer.headers["content-type"], answer.headers["x-content-type-options"]) == ("image/jpeg", "nosniff")
    assert len(answer.content) == one["size"] > 3 * 64 * 1024
    picture = Image.open(io.BytesIO(answer.content))
    assert not picture.getexif()
    assert b"Exif" not in answer.content

    await until(lambda: asyncio.to_thread(lambda: len(log_of(district)) == 3 and len(log_of(commune)) == 2))
    given = {(entry.actor, entry.detail["asked_by"], entry.detail["reason"]) for entry in log_of(commune)}
    assert given == {(province.context.centre.name, "Trực ban Hoa", "cần xem mực nước")}
    assert [entry.act for entry in log_of(commune)] == ["original.leaving", "original.given"]
    assert [entry.act for entry in log_of(district)] == ["original.got", "original.leaving", "original.given"]
    assert [entry.act for entry in log_of(province)] == ["original.ask", "original.got"]
    assert log_of(province)[0].actor == "truc"


@pytest.mark.parametrize(
    "who",
    [
        ("26374", "731"),
        pytest.param(("731",), marks=pytest.mark.drill),
        pytest.param(("26374",), marks=pytest.mark.drill),
    ],
)
async def test_a_transfer_goes_on_where_it_was_after_centres_died(tiers, who):
    district = tiers.nodes["731"]
    incident_id = await report_with_photo(tiers.nodes["26374"], noisy_photo())
    await known_at(district, incident_id)
    tiers.more["26374"] = MORE["26374"] + "[bulk]\nkb_per_s = 64\n"
    await tiers.stop("26374")
    hoa = await Person(district).sign_in()
    (one,) = await hoa.originals(incident_id)
    await hoa.fetch(incident_id, one["digest"])
    (waiting,) = await hoa.originals(incident_id)
    assert (waiting["state"], waiting["waits"], waiting["percent"]) == ("coming", "line", 0)

    await tiers.start("26374")
    coming = district.context.settings.node.folder / "objects" / "coming"

    async def begun():
        return any(file.stat().st_size >= 2 * CHUNK_BYTES for file in coming.glob("*/*"))

    await until(begun)
    for code in who:
        await tiers.stop(code)
    (file,) = coming.glob("*/*")
    kept = file.stat().st_size
    assert 0 < kept < one["size"]
    tiers.more["26374"] = MORE["26374"]
    for code in reversed(who):
        await tiers.start(code)
    hoa = await Person(tiers.nodes["731"]).sign_in(is_new=False)
    (resumed,) = await hoa.originals(incident_id)
    assert resumed["state"] == "here" or resumed["percent"] >= kept * 100 // one["size"] - 1
    await until(lambda: hoa.state(incident_id, "here"))
    answer = await hoa.client.get(f"/api/v1/incidents/{incident_id}/originals/{one['digest']}/content")
    assert hashlib.sha256(answer.content).hexdigest() == one["digest"]


async def test_the_owners_rule_is_said_to_whoever_asked(tiers):
    tiers.more["26374"] = MORE["26374"] + '[bulk]\nkinds = ["citizen.fire"]\n'
    await tiers.stop("26374")
    await tiers.start("26374")
    province = tiers.nodes["75"]
    incident_id = await report_with_photo(tiers.nodes["26374"], noisy_photo())
    await known_at(province, incident_id)
    hoa = await Person(province).sign_in()
    (one,) = await hoa.originals(incident_id)
    await hoa.fetch(incident_id, one["digest"])
    refused = await until(lambda: hoa.state(incident_id, "refused"))
    assert (refused["code"], refused["said_by"]) == ("KIND", "COC phường Tam Phước")
    assert "[bulk] kinds" in refused["why_not"]
    entry = next(one for one in log_of(tiers.nodes["26374"]) if one.act == "original.declined")
    assert entry.detail["rule"] == "KIND"


def noisy_photo():
    """A photograph that does not compress well, with a place and a camera in its metadata."""
    image = Image.effect_noise((1100, 900), 90).convert("RGB")
    exif = Image.Exif()
    exif[0x010F] = "Camera"
    exif.get_ifd(0x8825)[1] = "N"
    out = io.BytesIO()
    image.save(out, "JPEG", quality=92, exif=exif)
    return out.getvalue()
