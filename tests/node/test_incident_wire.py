"""The codec of news: what travels is checked on arrival as strictly as what a person types."""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.receiver import Unacceptable
from node.incident import wire
from node.incident.attachment import attachment_of
from node.incident.custody import Answer
from node.incident.value import THUMBNAIL_LIMIT, Place, Severity, Status
from node.v1 import incident_pb2

JPEG = b"\xff\xd8\xff\xe0picture\xff\xd9"
CENTRE = "n-aaaaaaaaaaaaaaaa.lienthong.internal"
NOW = datetime(2025, 6, 1, 1, tzinfo=UTC)
NEWS = wire.News(
    incident_id=UUID("01972900-ae80-7b39-9e6b-6516be7d2108"),
    serial=1,
    content=wire.Content(
        origin=CENTRE,
        number="26374-1",
        kind="citizen.flood",
        kind_title="Ngập lụt",
        rises_from=Severity.HIGH,
        title="Nước dâng",
        description="Hẻm 12",
        category="Thiên tai",
        severity=Severity.CRITICAL,
        area_code="26374",
        place=Place(10.88, 106.95),
        opened_at=NOW,
        thumbnail=JPEG,
    ),
    step=wire.Step(
        act="open", status=Status.NEW, note="", actor="Người dân", at=NOW, severity=None, category="", resumes=None
    ),
    claim=wire.Claim(CENTRE, None, 1),
    answer=Answer(CENTRE, 1, accepted=True),
    enclosed=(b"x",),
)
# The bytes of this message as version 0.1.0 wrote them: every later version must still read them.
GOLDEN = bytes.fromhex(
    "0a1001972900ae807b399e6b6516be7d210810011aa2010a256e2d616161616161616161616161616161612e6c69656e"
    "74686f6e672e696e7465726e616c120732363337342d311a0d636974697a656e2e666c6f6f64220c4e67e1baad70206c"
    "e1bba5742803320d4ec6b0e1bb9b632064c3a26e673a0848e1babb6d203132420a546869c3aa6e207461694804520532"
    "363337345a0b0880a0e16710c099fafb076080c8a6d582cf8d036a0dffd8ffe070696374757265ffd922230a046f7065"
    "6e12036e6577220d4e67c6b0e1bb9d692064c3a26e2880c8a6d582cf8d032a290a256e2d616161616161616161616161"
    "616161612e6c69656e74686f6e672e696e7465726e616c1801322b0a256e2d616161616161616161616161616161612e"
    "6c69656e74686f6e672e696e7465726e616c100118013a0178"
)


def test_the_same_limits_hold_on_arrival():
    good = incident_pb2.IncidentNews.FromString(wire.encode(NEWS))
    assert wire.decode(good.SerializeToString()).content.title == NEWS.content.title

    def broken(change):
        message = incident_pb2.IncidentNews()
        message.CopyFrom(good)
        change(message)
        return message.SerializeToString()

    def put(name, value, where="content"):
        return lambda message: setattr(getattr(message, where), name, value)

    changes = [
        put("title", ""),
        put("title", "a" * 201),
        put("title", "a\x07"),
        put("description", "a" * 4001),
        put("category", "a" * 65),
        put("kind", "../etc"),
        put("kind", "citizen"),
        put("kind_title", ""),
        put("severity", 0),
        put("severity", 5),
        put("rises_from", 9),
        put("area_code", "7x"),
        put("area_code", ""),
        put("origin", "n-evil.example"),
        put("opened_at_us", 0),
        put("opened_at_us", 2**62),
        put("thumbnail", b"\x89PNG\r\n"),
        put("thumbnail", JPEG[:-1]),
        put("thumbnail", JPEG[:-2] + b"x" * THUMBNAIL_LIMIT + JPEG[-2:]),
        put("status", "exploded", "step"),
        put("act", "", "step"),
        put("note", "a" * 2001, "step"),
        put("at_us", -(2**62), "step"),
        put("severity", 7, "step"),
        put("term", 0, "custody"),
        put("term", 2**63, "custody"),
        put("holder", "", "custody"),
        put("offered_to", "x", "custody"),
        lambda message: setattr(message.content.place, "lat_e7", 910_000_000),
        lambda message: setattr(message, "incident_id", b"short"),
        lambda message: setattr(message, "incident_id", bytes(16)),
        lambda message: setattr(message, "serial", 0),
        lambda message: message.enclosed.extend([b"x"] * 9),
        lambda message: message.answer.CopyFrom(incident_pb2.CustodyAnswer(giver="x", term=1)),
    ]
    for change in changes:
        with pytest.raises(Unacceptable):
            wire.decode(broken(change))
    for junk in (b"\xff", b"\x0a\xff\xff\xff\xff\x0f", b""):
        with pytest.raises(Unacceptable):
            wire.decode(junk)


def test_what_is_decoded_is_what_was_encoded():
    assert wire.decode(wire.encode(NEWS)) == NEWS
    bare = wire.News(incident_id=NEWS.incident_id, serial=2, enclosed=(b"x", b"y"))
    assert wire.decode(wire.encode(bare)) == bare
    assert wire.decode(GOLDEN) == NEWS


@given(st.binary(max_size=400))
def test_no_bytes_do_more_than_be_refused(junk):
    with suppress(Unacceptable):
        assert wire.decode(junk).incident_id.version == 7


ATTACHED = attachment_of(b"picture" * 100, "image/jpeg")


def test_attachments_travel_by_their_hashes_and_an_older_reader_passes_them_over():
    news = replace(NEWS, content=replace(NEWS.content, attachments=(ATTACHED,)))
    raw = wire.encode(news)
    assert wire.decode(raw).content.attachments == (replace(ATTACHED, manifest=b""),)
    assert b"picturepicture" not in raw
    assert wire.encode(NEWS) == GOLDEN  # without any, the bytes are those of before
    message = incident_pb2.IncidentNews.FromString(raw)
    message.content.ClearField("attachments")
    assert message.SerializeToString(deterministic=True) == GOLDEN


@pytest.mark.parametrize(
    "change",
    [
        {"digest": b"short"},
        {"digest": b""},
        {"manifest_hash": bytes(33)},
        {"size": 0},
        {"size": 2**40},
        {"media_type": ""},
        {"media_type": "text/html\r\nSet-Cookie: a=b"},
        {"media_type": "image/../x"},
    ],
)
def test_an_attachment_that_cannot_be_is_refused(change):
    message = incident_pb2.IncidentNews.FromString(wire.encode(NEWS))
    facts = {"digest": bytes(32), "manifest_hash": bytes(32), "size": 5, "media_type": "image/jpeg"}
    message.content.attachments.add(**facts | change)
    with pytest.raises(Unacceptable):
        wire.decode(message.SerializeToString())


def test_no_more_than_eight_and_none_twice():
    for digests in ([bytes(32)] * 2, [bytes([number]) * 32 for number in range(9)]):
        message = incident_pb2.IncidentNews.FromString(wire.encode(NEWS))
        for digest in digests:
            message.content.attachments.add(digest=digest, manifest_hash=bytes(32), size=5, media_type="image/jpeg")
        with pytest.raises(Unacceptable):
            wire.decode(message.SerializeToString())
