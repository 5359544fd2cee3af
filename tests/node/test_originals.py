"""Originals at one centre: who may ask, what is refused by which rule, what is served how, and what is deleted when."""

import asyncio
import hashlib
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import httpx
import pytest

from federation.bulk import wants
from federation.bulk.manifest import manifest_of
from federation.bulk.wants import BulkRefused, Wish
from node import audit, originals
from node.incident import attachment, rows
from node.incident.act import open_incident
from node.incident.attachment import attachment_of
from node.incident.value import IncidentKind, Severity
from node.settings import BulkSection
from tests.modules.citizen.pictures import picture
from tests.node.test_originals_travel import OWN, Person, Tiers, report_with_photo

JPEG = b"\xff\xd8\xff\xe0" + hashlib.shake_256(b"picture").digest(100_000) + b"\xff\xd9"
SVG = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>" * 20
HTML = b"<!doctype html><script>alert(1)</script>" * 20
FLOOD = IncidentKind("citizen.flood", "Ngập lụt", Severity.HIGH)


@pytest.fixture
def tiers(tmp_path):
    made = Tiers(tmp_path)
    yield made
    for node in made.nodes.values():
        node.close()


def opened(node, data=JPEG, media_type="image/jpeg", severity=Severity.CRITICAL):
    """An incident of this centre's own with an attachment, which rises if it is grave."""
    context = node.context
    return context.database.write(
        lambda session: open_incident(
            session,
            centre=context.centre,
            kind=FLOOD,
            severity=severity,
            title="Nước dâng",
            description="",
            area_code="26374",
            place=None,
            category="",
            thumbnail=None,
            actor="Người dân",
            now=context.clock.now(),
            random=context.random,
            attachments=(attachment_of(data, media_type),),
        )
    )


def from_below(node, child, data=JPEG, media_type="image/jpeg"):
    """The same as if it had come from a child, whose bytes are not here."""
    incident = opened(node, data, media_type)
    moved = replace(incident, source=child, origin=child)
    node.context.database.write(lambda session: rows.save(session, moved))
    return moved


def held(node, incident, data, media_type="image/jpeg", at=None):
    """A copy of the bytes, as if it had been fetched."""
    manifest = manifest_of(data, media_type)
    node.bulk.desk.store.adopt(manifest, data)
    now = at or node.context.clock.now()
    node.context.database.write(
        lambda session: wants.keep(
            session, manifest, sender=str(incident.source), subject=str(incident.id), now=now, days=30.0
        )
    )
    return manifest.digest.hex()


def wish_of(incident, data=JPEG, media_type="image/jpeg", **changed):
    manifest = manifest_of(data, media_type)
    facts = {
        "digest": manifest.digest,
        "manifest_hash": manifest.hash,
        "subject": str(incident.id),
        "asker": "n-aaaaaaaaaaaaaaaa.lienthong.internal",
        "asked_by": "Hoa",
        "reason": "cần",
        "at": incident.opened_at,
    }
    return Wish(**facts | changed)


def refusal(node, wish):
    rules = originals.OriginalRules(node.context)
    try:
        node.context.database.read(lambda session: rules.source(session, wish))
    except BulkRefused as refused:
        return refused.code
    return None


def with_policy(node, **policy):
    settings = node.context.settings.model_copy(update={"bulk": BulkSection(**policy)})
    object.__setattr__(node.context, "settings", settings)


def test_what_may_leave_is_what_rose_and_what_the_owner_allows(tiers):
    commune = tiers.node("26374")
    risen, slight = opened(commune), opened(commune, JPEG + b"2", severity=Severity.LOW)
    assert refusal(commune, wish_of(risen)) is None
    assert refusal(commune, wish_of(slight, JPEG + b"2")) == "NOT_RISEN"
    # validly named, but on a matter that did not rise, that is not here, that is none, or with another manifest
    for changed in (
        {"subject": str(slight.id)},
        {"subject": str(UUID(int=7))},
        {"subject": "../../etc/passwd"},
        {"manifest_hash": bytes(32)},
        {"digest": bytes(32)},
    ):
        assert refusal(commune, wish_of(risen, **changed)) == "NOT_RISEN", changed
    for policy, code in (
        ({"kinds": ("citizen.fire",)}, "KIND"),
        ({"media_types": ()}, "MEDIA_TYPE"),
        ({"largest_mb": 0.05}, "TOO_LARGE"),
    ):
        with_policy(commune, **policy)
        assert refusal(commune, wish_of(risen)) == code
    with_policy(commune, kinds=("citizen.*",))
    assert refusal(commune, wish_of(risen)) is None


def test_what_the_owner_lost_is_said(tiers):
    commune = tiers.node("26374")
    incident = opened(commune)
    rules = originals.OriginalRules(commune.context)
    source = commune.context.database.read(lambda session: rules.source(session, wish_of(incident)))
    with pytest.raises(BulkRefused) as said:
        commune.context.database.read(source.own)
    assert said.value.code == "GONE"


async def test_who_may_ask_and_what_is_refused(tiers):
    district = tiers.node("731")
    incident = from_below(district, tiers.federation.name("26374"))
    hoa = await Person(district).sign_in()
    digest = hashlib.sha256(JPEG).hexdigest()
    base = f"/api/v1/incidents/{incident.id}/originals"
    stranger = httpx.AsyncClient(transport=httpx.ASGITransport(district.app), base_url=OWN)
    assert (await stranger.get(base)).status_code == 401
    assert (await stranger.post(f"{base}/{digest}/fetch", json={"reason": "muốn xem"})).status_code == 401
    for wrong in ("..%2f..%2fetc", "A" * 64, "0" * 63, "%00" * 32):
        answer = await hoa.client.post(f"{base}/{wrong}/fetch", json={"reason": "muốn xem"})
        assert answer.status_code in {404, 422}, (wrong, answer.status_code)
    assert (await hoa.fetch(incident.id, "0" * 64)).status_code == 404
    other = f"/api/v1/incidents/{UUID(int=5)}/originals/{digest}/fetch"
    assert (await hoa.client.post(other, json={"reason": "muốn xem"})).status_code == 404
    with_policy(district, quota_mb=0.05)
    full = await hoa.fetch(incident.id, digest)
    assert (full.status_code, full.json()["rule"]) == (409, "QUOTA")
    with_policy(district, child_quota_mb=0.05)
    assert (await hoa.fetch(incident.id, digest)).json()["rule"] == "CHILD_QUOTA"
    with_policy(district)
    assert (await hoa.fetch(incident.id, digest)).status_code == 200
    assert (await hoa.client.post(f"{base}/{digest}/cancel")).status_code == 200
    assert (await hoa.client.post(f"{base}/{digest}/cancel")).status_code == 409
    acts = [one.act for one in district.context.database.read(audit.recent)]
    assert [act for act in reversed(acts) if act.startswith("original")] == ["original.ask", "original.cancel"]


@pytest.mark.parametrize("data", [SVG, HTML, b"GIF89a" + bytes(100), b"\xff\xd8"])
async def test_what_only_claims_to_be_a_picture_can_be_saved_and_not_shown(tiers, data):
    district = tiers.node("731")
    incident = from_below(district, tiers.federation.name("26374"), data)
    digest = held(district, incident, data)
    hoa = await Person(district).sign_in()
    answer = await hoa.client.get(f"/api/v1/incidents/{incident.id}/originals/{digest}/content")
    assert answer.content == data
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment;")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"


async def test_a_type_that_scripts_is_never_served_as_such(tiers):
    district = tiers.node("731")
    incident = from_below(district, tiers.federation.name("26374"), SVG, "image/svg+xml")
    digest = held(district, incident, SVG, "image/svg+xml")
    hoa = await Person(district).sign_in()
    answer = await hoa.client.get(f"/api/v1/incidents/{incident.id}/originals/{digest}/content")
    assert answer.headers["content-type"] == "application/octet-stream"


async def test_a_damaged_or_missing_copy_is_said_and_may_be_fetched_again(tiers):
    district = tiers.node("731")
    incident = from_below(district, tiers.federation.name("26374"))
    digest = held(district, incident, JPEG)
    hoa = await Person(district).sign_in()
    (one,) = await hoa.originals(incident.id)
    assert one["state"] == "here"
    file = district.bulk.desk.store.path(bytes.fromhex(digest))
    file.write_bytes(JPEG[:-1] + b"!")
    answer = await hoa.client.get(f"/api/v1/incidents/{incident.id}/originals/{digest}/content")
    assert answer.status_code == 404
    assert "hỏng" in answer.json()["detail"]
    (one,) = await hoa.originals(incident.id)
    assert one["state"] == "elsewhere"
    assert (await hoa.fetch(incident.id, digest)).status_code == 200


async def test_a_copy_is_deleted_when_its_days_are_over_and_the_log_says_so(tiers):
    district = tiers.node("731")
    incident = from_below(district, tiers.federation.name("26374"))
    now = district.context.clock.now()
    digest = held(district, incident, JPEG, at=now - timedelta(days=31))
    young = from_below(district, tiers.federation.name("26374"), JPEG + b"2")
    kept = held(district, young, JPEG + b"2", at=now - timedelta(days=29))
    assert await district.bulk.upkeep() == 1
    store = district.bulk.desk.store
    assert (store.has(bytes.fromhex(digest)), store.has(bytes.fromhex(kept))) == (False, True)
    (entry,) = [one for one in district.context.database.read(audit.recent) if one.act == "original.expired"]
    assert (entry.subject, entry.detail["digest"]) == (str(incident.id), digest)


async def test_what_nobody_knows_is_swept_at_the_start(tiers):
    district = tiers.node("731")
    manifest = manifest_of(SVG, "image/jpeg")
    district.bulk.desk.store.adopt(manifest, SVG)
    incident = from_below(district, tiers.federation.name("26374"))
    kept = held(district, incident, JPEG)
    await asyncio.to_thread(district.bulk._sweep)
    assert list(district.bulk.desk.store.names()) == [bytes.fromhex(kept)]


def test_a_complaints_photograph_is_no_attachment(tiers):
    """What a complaint says and shows stays at the centre that took it."""
    commune = tiers.node("26374")
    words = "Tôi tố cáo cán bộ phường nhận hối lộ."
    incident_id = asyncio.run(report_with_photo(commune, picture(), description=words))
    found = commune.context.database.read(lambda session: attachment.attached(session, UUID(incident_id)))
    assert found == ()
