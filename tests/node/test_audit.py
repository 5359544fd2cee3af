import csv
import io
from datetime import timedelta

import pytest
from sqlalchemy.exc import DBAPIError

from node import audit
from node.api import audit as audit_routes
from node.catalog import load
from node.database import Database, migrate
from node.histories import owners
from node.role import Role
from node.settings import ModulesSection
from node.territory import Tier
from tests.fakes.clock import START, FakeClock


def test_lines_are_read_newest_first_and_in_pages(centre):
    leader = centre.signed_in(Role.LEADER)
    for number in range(5):
        centre.context.database.write(
            lambda session, number=number: audit.record(
                session, actor="t", act="try", subject=str(number), detail={"number": number}, now=START
            )
        )
    page = leader.get("/api/v1/audit", params={"limit": 3}).json()
    assert [item["subject"] for item in page["items"]] == ["4", "3", "2"]
    assert page["items"][0]["detail"] == {"number": 4}
    older = leader.get("/api/v1/audit", params={"limit": 2, "before": page["next_before"]}).json()
    assert [item["subject"] for item in older["items"]] == ["1", "0"]


def test_a_line_is_of_bounded_length(centre):
    centre.context.database.write(
        lambda session: audit.record(
            session, actor="t" * 500, act="a", subject="s" * 500, detail="x" * 99_999, now=START
        )
    )
    line = centre.audited()[0]
    assert (len(line.actor), len(line.subject)) == (100, 200)
    assert len(line.detail["text"]) < 4_000
    assert line.detail["cut"] is True


def put(centre, *rows):
    def step(session):
        for number, (actor, act, subject) in enumerate(rows):
            audit.record(session, actor=actor, act=act, subject=subject, now=START + timedelta(minutes=number))

    centre.context.database.write(step)


def test_lines_are_found_by_actor_act_subject_and_time(centre):
    put(centre, ("lan", "account.add", "hoa"), ("lan", "account.scope", "hoa"), ("minh", "account.add", "binh"))
    leader = centre.signed_in(Role.LEADER, "xem")

    def found(**query):
        items = leader.get("/api/v1/audit", params=query).json()["items"]
        return [(one["actor"], one["act"]) for one in items if one["actor"] in {"lan", "minh"}]

    assert found(actor="lan") == [("lan", "account.scope"), ("lan", "account.add")]
    assert found(act="account.add") == [("minh", "account.add"), ("lan", "account.add")]
    assert len(found(act="account.")) == 3
    assert found(act="account_") == []
    assert found(subject="binh") == [("minh", "account.add")]
    middle = (START + timedelta(minutes=1)).isoformat()
    assert found(since=middle) == [("minh", "account.add"), ("lan", "account.scope")]
    assert found(until=middle) == [("lan", "account.add")]
    assert leader.get("/api/v1/audit", params={"since": "yesterday"}).status_code == 422
    assert {"account.add", "account.scope"} <= set(leader.get("/api/v1/audit/acts").json()["items"])


EVIL = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "|cmd", "＝1", '=HYPERLINK("http://x","y")']


def test_the_table_holds_no_formula_and_that_it_was_taken_is_a_line(centre):
    put(centre, *((one, "try", one) for one in EVIL), ("minh", "try", "Phường Tân Phong"))
    leader = centre.signed_in(Role.LEADER)
    answer = leader.get("/api/v1/audit/table", params={"act": "try"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"].startswith('attachment; filename="audit-731-')
    assert answer.headers["x-content-type-options"] == "nosniff"
    rows = list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"), newline="")))
    assert len(rows) == 1 + len(EVIL) + 1
    assert rows[1][4] == "Phường Tân Phong"
    for row in rows:
        assert not any(cell.lstrip(" ")[:1] in set("=+-@\t\r|＝") for cell in row if cell), row
    assert sorted(row[4].removeprefix("'") for row in rows[2:]) == sorted(EVIL)
    assert centre.audited()[0].act == "audit.export"
    assert centre.signed_in(Role.OPERATOR).get("/api/v1/audit/table").status_code == 403


def test_a_long_table_comes_in_pieces_and_whole(centre):
    put(centre, *(("lan", "try", str(number)) for number in range(audit_routes._PIECE * 2 + 3)))
    answer = centre.signed_in(Role.LEADER).get("/api/v1/audit/table", params={"act": "try"})
    assert len(answer.text.splitlines()) == audit_routes._PIECE * 2 + 4


CHANGES = ["UPDATE audit SET actor = 'nobody'", "DELETE FROM audit", "UPDATE audit SET detail = '' WHERE position = 1"]


@pytest.mark.parametrize("change", CHANGES)
def test_no_line_can_be_changed_or_taken_away_in_sqlite(centre, change):
    put(centre, ("lan", "account.add", "hoa"))
    with centre.context.database.engine.connect() as connection, pytest.raises(DBAPIError, match="append-only"):
        connection.exec_driver_sql(change)
    assert [line.actor for line in centre.audited()] == ["lan"]


@pytest.mark.parametrize("change", [*CHANGES, "TRUNCATE audit"])
def test_nor_in_postgresql(postgresql, change):
    url = postgresql.new_database()
    database = Database(url, FakeClock())
    try:
        migrate(database.engine, owners(load(ModulesSection(), Tier.OC)))
        database.write(lambda s: audit.record(s, actor="lan", act="account.add", subject="hoa", now=START))
        with database.engine.connect() as connection, pytest.raises(DBAPIError, match="append-only"):
            connection.exec_driver_sql(change)
        assert [line.actor for line in database.read(audit.recent)] == ["lan"]
    finally:
        database.close()
