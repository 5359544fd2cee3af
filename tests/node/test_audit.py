from node import audit
from node.role import Role
from tests.fakes.clock import START


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
