"""Rows of what is wanted and held, on SQLite and on PostgreSQL, with the tables as the migrations make them."""

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from federation.bulk import wants
from federation.bulk.manifest import manifest_of
from federation.bulk.wants import BulkRefused, WantState, Wish
from federation.tables import metadata
from node.database import Database, Owner, migrate
from tests.fakes.clock import FakeClock

TOP = Path(__file__).resolve().parents[3]
NOW = datetime(2025, 6, 1, 1, tzinfo=UTC)
DATA = hashlib.shake_256(b"rows").digest(10_000)
MANIFEST = manifest_of(DATA, "image/jpeg")
WISH = Wish(
    digest=MANIFEST.digest,
    manifest_hash=MANIFEST.hash,
    subject="matter-1",
    asker="above",
    asked_by="Nguyễn Thị Hoa",
    reason="cần xem mực nước",
    at=NOW,
)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, tmp_path):
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/node.db"
    else:
        url = request.getfixturevalue("postgresql").new_database()
    found = Database(url, FakeClock())
    migrate(found.engine, [Owner("federation", TOP / "federation" / "migrations", metadata)])
    yield found
    found.close()


def want(database):
    return database.read(lambda session: wants.find(session, WISH.digest))


def ask(database, wish=WISH):
    database.write(lambda session: wants.ask(session, wish, size=10_000, media_type="image/jpeg", peer="below"))


def test_a_wish_goes_from_asked_to_held(database):
    ask(database)
    assert (want(database).wish, want(database).state) == (WISH, WantState.ASKED)
    assert database.read(lambda session: wants.open_wants(session, "below")) == [want(database)]
    assert database.read(lambda session: wants.open_wants(session, "sibling")) == []
    assert database.read(lambda session: wants.open_errands(session, "here")) == [want(database)]
    assert database.read(lambda session: wants.open_errands(session, "above")) == []
    database.write(lambda session: wants.offered(session, MANIFEST, NOW))
    assert (want(database).state, want(database).manifest) == (WantState.COMING, MANIFEST)
    assert database.read(wants.used_bytes) == 10_000
    database.write(
        lambda session: wants.keep(session, MANIFEST, sender="below", subject="matter-1", now=NOW, days=30.0)
    )
    assert want(database) is None
    copy = database.read(lambda session: wants.copy_of(session, WISH.digest))
    assert (copy.manifest, copy.sender, copy.until) == (MANIFEST, "below", NOW + timedelta(days=30))
    assert database.read(lambda session: wants.used_bytes(session, "below")) == 10_000
    assert database.read(lambda session: wants.used_bytes(session, "sibling")) == 0
    assert database.read(wants.known_names) == {WISH.digest}
    day = timedelta(days=1)
    assert database.read(lambda session: wants.overdue(session, copy.until - day, 10)) == []
    assert database.read(lambda session: wants.overdue(session, copy.until, 10)) == [copy]


def test_a_refusal_stays_until_it_is_asked_anew_and_an_end_is_an_end(database):
    ask(database)
    database.write(lambda session: wants.offered(session, MANIFEST, NOW))
    database.write(lambda session: wants.refuse(session, WISH.digest, BulkRefused("KIND", "không", "below"), NOW))
    assert (want(database).state, want(database).code, want(database).said_by) == (WantState.REFUSED, "KIND", "below")
    database.write(lambda session: wants.offered(session, MANIFEST, NOW))
    assert want(database).state is WantState.REFUSED
    assert not database.write(lambda session: wants.cancel(session, WISH.digest, NOW))
    ask(database)
    assert (want(database).state, want(database).code, want(database).manifest) == (WantState.ASKED, "", MANIFEST)
    assert database.write(lambda session: wants.cancel(session, WISH.digest, NOW))
    assert want(database).state is WantState.CANCELLED
