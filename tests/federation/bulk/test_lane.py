"""Objects from below: hop by hop, resumed after any end, refused by rule, and never anything but what was signed."""

import hashlib

import pytest

from federation import failpoint, tables
from federation.bulk import wants
from federation.bulk.carrier import LONGEST_TURN_S, Pace
from federation.bulk.manifest import CHUNK_BYTES, manifest_of
from federation.bulk.rules import Source
from federation.bulk.wants import BulkRefused, WantState, Wish
from federation.v1 import bulk_pb2 as wire
from tests.federation.bulk.lanes import START, Centre, TestClock, until


def noise(seed, size):
    """Bytes that look like nothing, the same for the same seed."""
    return hashlib.shake_256(str(seed).encode()).digest(size)


DATA = noise(1, 5 * CHUNK_BYTES + 77)
OTHER = noise(2, 3 * CHUNK_BYTES)


@pytest.fixture
async def three(tmp_path):
    """A province, a district and a commune that keeps DATA and OTHER."""
    top = Centre("top", tmp_path / "top")
    middle = Centre("middle", tmp_path / "middle", top)
    low = Centre("low", tmp_path / "low", middle)
    middle.rules.child = "low"
    for data in (DATA, OTHER):
        digest = hashlib.sha256(data).digest()
        low.rules.own[digest] = data
        middle.rules.sizes[digest] = len(data)
    for one in (middle, low):
        one.start()
    yield top, middle, low
    failpoint.disarm()
    for one in (low, middle, top):
        await one.stop()


def read(centre, data):
    return centre.store.read(hashlib.sha256(data).digest(), len(data))


async def test_an_object_comes_through_a_relay_which_keeps_a_copy(three):
    top, middle, low = three
    top.ask(DATA, "middle")
    await until(lambda: top.copy(DATA))
    assert read(top, DATA) == read(middle, DATA) == DATA
    assert (low.line.chunks, middle.line.chunks) == (list(range(6)), list(range(6)))
    await until(lambda: middle.rules.log[-1][0] == low.rules.log[-1][0] == "given")
    log = [act for act, _ in low.rules.log + middle.rules.log + top.rules.log]
    assert log == ["leaving", "given", "got", "leaving", "given", "got"]
    assert top.want(DATA) is None
    top.ask(DATA, "middle")
    assert top.store.path(hashlib.sha256(DATA).digest()).stat().st_mode & 0o777 == 0o600


async def test_after_a_cut_only_what_is_missing_is_brought(three):
    _, middle, low = three
    low.line.cut_after = 2
    middle.ask(DATA, "low")
    await until(lambda: low.line.is_cut)
    assert middle.want(DATA).state is WantState.COMING
    low.line.is_cut = False
    await until(lambda: middle.copy(DATA))
    assert low.line.chunks == [0, 1, 2, 3, 4, 5]
    assert read(middle, DATA) == DATA


@pytest.mark.parametrize("who", ["middle", "low"])
async def test_after_the_death_of_either_end_only_what_is_missing_is_brought(three, who):
    top, middle, low = three
    low.line.cut_after = 3
    middle.ask(DATA, "low")
    await until(lambda: low.line.is_cut)
    dying = middle if who == "middle" else low
    low.line.is_cut = True
    await dying.die_and_start()
    low.line.is_cut = False
    await until(lambda: middle.copy(DATA))
    assert low.line.chunks == [0, 1, 2, 3, 4, 5]
    assert read(middle, DATA) == DATA
    assert top.copy(DATA) is None


async def test_bytes_half_written_when_the_power_failed_are_brought_again(three):
    _, middle, low = three
    low.line.cut_after = 3
    middle.ask(DATA, "low")
    await until(lambda: low.line.is_cut)
    file = middle.store.coming(hashlib.sha256(DATA).digest())
    file.write_bytes(file.read_bytes()[: 2 * CHUNK_BYTES] + bytes(1000))
    await middle.die_and_start()
    low.line.is_cut = False
    await until(lambda: middle.copy(DATA))
    assert low.line.chunks == [0, 1, 2, 2, 3, 4, 5]
    assert read(middle, DATA) == DATA


async def test_a_death_between_the_name_and_the_row_is_made_good(three):
    _, middle, _ = three
    manifest = manifest_of(DATA, "image/jpeg")
    middle.store.adopt(manifest, DATA)
    middle.ask(DATA, "low")
    await until(lambda: middle.copy(DATA))
    assert read(middle, DATA) == DATA


async def test_what_arrived_since_one_looked_is_not_wanted_again(three):
    _, middle, low = three
    middle.ask(DATA, "low")
    await until(lambda: middle.copy(DATA))
    wish = Wish(
        digest=hashlib.sha256(DATA).digest(),
        manifest_hash=manifest_of(DATA, "image/jpeg").hash,
        subject="matter-1",
        asker="top",
        asked_by="Hoa",
        reason="why",
        at=START,
    )
    await middle.carrier._fetch(wish, Source(size=len(DATA), media_type="image/jpeg", child="low"))
    assert middle.want(DATA) is None
    assert low.line.chunks == list(range(6))


async def test_the_owners_no_travels_to_whoever_asked(three):
    top, _, low = three
    low.rules.no = BulkRefused("KIND", "not of that kind")
    top.ask(DATA, "middle")
    await until(lambda: not top.want(DATA).state.is_open)
    want = top.want(DATA)
    assert (want.state, want.code, want.detail, want.said_by) == (
        WantState.REFUSED,
        "KIND",
        "not of that kind",
        "low",
    )
    await until(lambda: low.rules.log == [("declined", "KIND")])
    low.rules.no = None
    top.ask(DATA, "middle", at=START.replace(hour=2))
    await until(lambda: top.copy(DATA))


async def test_what_is_cancelled_above_is_cancelled_on_the_way(three):
    top, middle, low = three
    low.line.is_cut = True
    wish = top.ask(DATA, "middle")
    await until(lambda: middle.want(DATA))
    assert top.storage.write(lambda session: wants.cancel(session, wish.digest, START))
    await until(lambda: middle.want(DATA).state is WantState.CANCELLED)
    low.line.is_cut = False
    assert low.line.chunks == []


async def test_progress_below_is_told_above(three):
    top, _, low = three
    low.line.cut_after = 3
    top.ask(DATA, "middle")
    await until(lambda: top.desk.progress(top.want(DATA))[0] == 3 * CHUNK_BYTES)
    await until(lambda: top.want(DATA).code == "FETCHING" and low.line.is_cut)
    low.line.is_cut = False
    await until(lambda: top.copy(DATA))


# validly signed but wrong --------------------------------------------------------------------------------------------


async def test_a_sibling_can_neither_see_nor_bring_what_is_wanted_of_another(three):
    _, middle, low = three
    low.line.is_cut = True
    middle.ask(DATA, "low")
    manifest = manifest_of(DATA, "image/jpeg")
    assert not middle.desk.wishes("sibling").wishes
    assert len(middle.desk.wishes("low").wishes) == 1
    offer = wire.ObjectOffer(digest=manifest.digest, manifest=manifest.raw)
    chunk = wire.ObjectChunk(digest=manifest.digest, number=0, data=DATA[:CHUNK_BYTES])
    answer = wire.ObjectAnswer(digest=manifest.digest, code="KIND")
    for verdict in (
        middle.desk.offer("sibling", offer),
        middle.desk.bring("sibling", chunk),
        middle.desk.answer("sibling", answer),
    ):
        assert verdict.code == "NOT_WANTED"
    assert middle.want(DATA).state is WantState.ASKED


async def test_what_nobody_wants_is_not_taken(three):
    _, middle, _ = three
    manifest = manifest_of(DATA, "image/jpeg")
    offer = wire.ObjectOffer(digest=manifest.digest, manifest=manifest.raw)
    assert middle.desk.offer("low", offer).code == "NOT_WANTED"
    for digest in (b"", b"../../etc/passwd", b"/" * 32, b"\x00" * 31, bytes(33)):
        assert middle.desk.offer("low", wire.ObjectOffer(digest=digest, manifest=b"x")).code == "NOT_WANTED"
        assert middle.desk.bring("low", wire.ObjectChunk(digest=digest)).code == "NOT_WANTED"
    assert not list(middle.folder.glob("objects/**/*"))


async def test_a_parent_cannot_have_what_did_not_rise(three):
    _, middle, low = three
    secret = noise(3, 1000)
    middle.rules.sizes[hashlib.sha256(secret).digest()] = 1000
    middle.ask(secret, "low")
    await until(lambda: not middle.want(secret).state.is_open)
    assert middle.want(secret).code == "NOT_RISEN"
    assert low.line.chunks == []


@pytest.mark.parametrize(
    "forged",
    [
        manifest_of(OTHER, "image/jpeg").raw,
        manifest_of(DATA, "text/html").raw,
        manifest_of(DATA, "image/jpeg", 4096).raw,
        manifest_of(DATA, "image/jpeg").raw + b"\x30\x01",
        b"",
        b"\xff" * 100,
    ],
)
async def test_another_manifest_than_the_signed_one_ends_it_and_rings(three, forged):
    _, middle, low = three
    low.line.is_cut = True
    middle.ask(DATA, "low")
    digest = hashlib.sha256(DATA).digest()
    assert middle.desk.offer("low", wire.ObjectOffer(digest=digest, manifest=forged)).code == "BAD_MANIFEST"
    assert middle.want(DATA).state is WantState.REFUSED
    (alarm,) = middle.storage.read(lambda session: session.execute(tables.alarm.select()).all())
    assert (alarm.code, alarm.peer, alarm.subject) == ("BAD_OBJECT", "low", digest.hex())


async def test_a_record_that_signs_a_manifest_of_another_object_is_not_believed(three):
    """Hash and manifest both stand in the record, and the manifest is of something else."""
    _, middle, low = three
    low.line.is_cut = True
    middle.ask(DATA, "low", manifest_hash=manifest_of(OTHER, "image/jpeg").hash)
    digest = hashlib.sha256(DATA).digest()
    offer = wire.ObjectOffer(digest=digest, manifest=manifest_of(OTHER, "image/jpeg").raw)
    assert middle.desk.offer("low", offer).code == "BAD_MANIFEST"


@pytest.mark.parametrize("more", [b"", b"x", DATA[:1]])
async def test_other_or_more_bytes_for_a_chunk_end_it_and_ring(three, more):
    _, middle, low = three

    def spoil(chunk):
        if chunk.number == 2:
            chunk.data = chunk.data + more if more else bytes(len(chunk.data))

    low.line.spoil = spoil
    middle.ask(DATA, "low")
    await until(lambda: not middle.want(DATA).state.is_open)
    assert middle.want(DATA).code == "BAD_CHUNK"
    assert middle.copy(DATA) is None
    assert not middle.store.coming(hashlib.sha256(DATA).digest()).exists()


async def test_chunks_out_of_their_order_are_not_taken(three):
    _, middle, low = three
    low.line.is_cut = True
    middle.ask(DATA, "low")
    manifest = manifest_of(DATA, "image/jpeg")
    middle.desk.offer("low", wire.ObjectOffer(digest=manifest.digest, manifest=manifest.raw))
    ahead = wire.ObjectChunk(digest=manifest.digest, number=3, data=DATA[3 * CHUNK_BYTES : 4 * CHUNK_BYTES])
    for number in (3, 2**32 - 1):
        ahead.number = number
        verdict = middle.desk.bring("low", ahead)
        assert (verdict.code, verdict.next) == ("", 0)
    assert not middle.store.coming(manifest.digest).exists()


async def test_a_damaged_copy_is_given_up_and_made_again(three):
    top, middle, _ = three
    middle.ask(DATA, "low")
    await until(lambda: middle.copy(DATA))
    file = middle.store.path(hashlib.sha256(DATA).digest())
    file.write_bytes(file.read_bytes()[:-1] + b"!")
    top.ask(DATA, "middle")
    await until(lambda: top.copy(DATA))
    assert read(top, DATA) == DATA


async def test_no_more_than_four_objects_come_at_a_time(three):
    _, middle, low = three
    low.line.is_cut = True
    several = [noise(number, 2 * CHUNK_BYTES) for number in range(10, 15)]
    verdicts = []
    for number, data in enumerate(several):
        middle.ask(data, f"child-{number}")
        manifest = manifest_of(data, "image/jpeg")
        offer = wire.ObjectOffer(digest=manifest.digest, manifest=manifest.raw)
        verdicts.append(middle.desk.offer(f"child-{number}", offer).code)
    assert verdicts == ["", "", "", "", "LATER"]


async def test_where_the_relay_has_no_room_it_says_so(three):
    top, middle, _ = three
    middle.rules.quota = 1000
    top.ask(DATA, "middle")
    await until(lambda: not top.want(DATA).state.is_open)
    assert (top.want(DATA).code, top.want(DATA).said_by) == ("QUOTA", "middle")


# last priority -------------------------------------------------------------------------------------------------------


async def test_nothing_is_brought_while_something_urgent_waits(three):
    _, middle, low = three
    sent_while_busy = []
    low.is_quiet = False

    real = low.clock.sleep

    async def sleep(seconds):
        sent_while_busy.append(len(low.line.chunks))
        if len(sent_while_busy) == 20:
            low.is_quiet = True
        await real(seconds)

    low.clock.sleep = sleep
    middle.ask(DATA, "low")
    await until(lambda: middle.copy(DATA))
    assert sent_while_busy[:20] == [0] * 20


async def test_behind_a_stream_that_stands_still_a_chunk_goes_every_half_minute(three):
    _, middle, low = three
    low.is_quiet = False
    middle.ask(DATA, "low")
    await until(lambda: middle.copy(DATA))
    assert low.clock.passed >= 6 * LONGEST_TURN_S


def test_the_pace_holds_whatever_is_asked_of_it():
    clock = TestClock()
    pace = Pace(1000.0, clock)
    waits = [pace.wait_s(500) for _ in range(4)]
    assert waits == [0.0, 0.5, 1.0, 1.5]
    clock.passed = 100.0
    assert pace.wait_s(500) == 0.0
    assert pace.wait_s(500) == 0.5
