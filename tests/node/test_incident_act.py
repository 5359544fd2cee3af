"""What people may do to an incident, at one centre."""

from datetime import timedelta

import pytest

from node.errors import Conflict, Invalid, NotFound, Stale
from node.incident.steps import ACTIONS, Who
from node.incident.value import (
    THUMBNAIL_LIMIT,
    Custody,
    CustodyState,
    Place,
    Severity,
    Status,
    due_at,
    folded,
    overdue_cause,
)
from tests.simulation.posts import JPEG, Tree


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    found = Tree(tmp_path_factory.mktemp("tree"))
    yield found
    found.close()


@pytest.fixture
def commune(tree):
    return tree.commune


def test_an_opened_incident_is_new_held_and_numbered(commune):
    one, two = commune.open_litter(), commune.open_litter()
    assert (one.status, one.version, one.custody.term) == (Status.NEW, 1, 1)
    assert one.custody.may_end(commune.name)
    assert one.id.version == 7
    assert int(two.number.split("-")[1]) == int(one.number.split("-")[1]) + 1
    (event,) = commune.timeline(one.id)
    assert (event.act, event.actor, event.centre) == ("open", "Người dân", commune.name)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", "  "),
        ("title", "a" * 201),
        ("title", "a\x00b"),
        ("description", "a" * 4001),
        ("category", "a" * 65),
        ("area_code", "75; drop"),
        ("place", Place(91, 0)),
        ("place", Place(float("nan"), 0)),
        ("thumbnail", b"\x89PNG"),
        ("thumbnail", b""),
        ("thumbnail", JPEG[:-2] + b"x" * THUMBNAIL_LIMIT + JPEG[-2:]),
    ],
)
def test_what_cannot_be_an_incident_is_refused_and_the_field_named(commune, field, value):
    before = len(commune.queue())
    with pytest.raises(Invalid) as caught:
        commune.open_litter(**{field: value})
    assert [error["field"] for error in caught.value.errors] == [field]
    assert len(commune.queue()) == before


def test_the_whole_course_of_a_report(commune):
    one = commune.open_litter()
    course = [
        ("receive", {}, Status.RECEIVED),
        ("triage", {"severity": "3", "category": "Môi trường"}, Status.TRIAGED),
        ("assign", {"unit": "Tổ môi trường"}, Status.ASSIGNED),
        ("start", {}, Status.IN_PROGRESS),
        ("ask_extension", {"days": "2", "note": "chờ xe"}, Status.EXTENSION_ASKED),
        ("grant_extension", {"days": "2"}, Status.EXTENSION_GRANTED),
        ("note", {"note": "đã dọn một nửa"}, Status.EXTENSION_GRANTED),
        ("resolve", {"note": "đã dọn xong"}, Status.RESOLVED),
        ("propose", {}, Status.PUBLISHING),
        ("publish", {}, Status.PUBLISHED),
        ("rate", {"rating": "satisfied"}, Status.RATED),
        ("reopen", {"note": "lại có rác"}, Status.REOPENED),
        ("receive", {}, Status.RECEIVED),
        ("resolve", {"note": "đã dọn lại"}, Status.RESOLVED),
        ("close", {}, Status.CLOSED),
    ]
    for number, (name, fields, status) in enumerate(course, start=2):
        assert name in commune.possible(one.id)
        done = commune.act(one.id, name, version=number - 1, **fields)
        assert (done.status, done.version) == (status, number)
    found = commune.find(one.id)
    assert (found.severity, found.category, found.extensions) == (Severity.HIGH, "Môi trường", 1)
    assert len(commune.timeline(one.id)) == len(course) + 1
    assert commune.possible(one.id) == {"reopen"}


def test_a_stale_version_changes_nothing_and_says_the_present_one(commune):
    one = commune.open_litter()
    commune.act(one.id, "receive", version=1)
    with pytest.raises(Stale) as caught:
        commune.act(one.id, "triage", version=1, severity="4")
    assert caught.value.problem()["version"] == 2
    assert commune.find(one.id).status is Status.RECEIVED


@pytest.mark.parametrize(
    ("name", "fields", "field"),
    [
        ("refuse", {}, "note"),
        ("refuse", {"note": "   "}, "note"),
        ("duplicate", {"note": "trùng"}, "of"),
        ("duplicate", {"of": "26374-999999", "note": "trùng"}, "of"),
        ("triage", {"severity": "9"}, "severity"),
        ("triage", {"severity": "", "category": "x"}, "severity"),
        ("triage", {"severity": "3", "category": "x" * 65}, "category"),
        ("triage", {"severity": "3", "status": "closed"}, "status"),
        ("escalate", {"cause": "bored", "note": "x"}, "cause"),
        ("escalate", {"cause": "capacity"}, "note"),
        ("note", {"note": "x" * 2001}, "note"),
    ],
)
def test_a_reason_and_the_other_fields_are_mandatory_and_checked(commune, name, fields, field):
    one = commune.open_litter()
    with pytest.raises(Invalid) as caught:
        commune.act(one.id, name, **fields)
    assert field in [error["field"] for error in caught.value.errors]
    assert commune.find(one.id).version == 1


def test_days_are_a_number_within_limits(commune):
    one = commune.open_litter()
    commune.act(one.id, "triage", severity="2")
    commune.act(one.id, "assign", unit="Tổ 1")
    for days in ("0", "31", "-1", "1.5", "²", "mai", ""):
        with pytest.raises(Invalid):
            commune.act(one.id, "ask_extension", days=days, note="x")


def test_a_duplicate_names_the_other_case(commune):
    first, second = commune.open_litter(), commune.open_litter()
    done = commune.act(second.id, "duplicate", of=first.number, note="cùng một chỗ")
    assert (done.status, done.duplicate_of) == (Status.DUPLICATE, first.id)
    with pytest.raises(Invalid):
        commune.act(first.id, "duplicate", of=first.number, note="chính nó")


def test_every_action_from_every_wrong_status_is_refused(commune):
    filled = {
        "triage": {"severity": "2"},
        "assign": {"unit": "Tổ 1"},
        "escalate": {"cause": "capacity", "note": "x"},
        "rate": {"rating": "accepted"},
        "ask_extension": {"days": "1", "note": "x"},
        "grant_extension": {"days": "1"},
    }
    one = commune.open_litter()
    for name, action in ACTIONS.items():
        if Status.NEW in action.since and name not in {"accept", "decline"}:
            continue
        fields = filled.get(name, {"note": "x"} if any(field.name == "note" for field in action.fields) else {})
        with pytest.raises(Conflict):
            commune.act(one.id, name, **fields)
    assert commune.find(one.id).version == 1


def test_unknown_incident_and_unknown_action(commune):
    one = commune.open_litter()
    with pytest.raises(Invalid):
        commune.act(one.id, "vanish")
    missing = type(one.id)(int=one.id.int ^ 1)
    with pytest.raises(NotFound):
        commune.act(missing, "receive")


def test_the_root_has_nobody_to_escalate_to(tree):
    one = tree.province.open_litter()
    assert "escalate" not in tree.province.possible(one.id)
    with pytest.raises(Conflict):
        tree.province.escalate(one.id)


def test_who_may_grant_publish_and_rate():
    assert {name for name, one in ACTIONS.items() if one.who is Who.SUPERVISOR} == {
        "grant_extension",
        "deny_extension",
        "publish",
    }
    assert {name for name, one in ACTIONS.items() if one.who is Who.CITIZEN} == {"rate", "ask_reopen"}


def test_deadlines_by_urgency_and_the_cause_of_being_late(commune):
    calm, grave = commune.open_litter(), commune.open_flood()
    assert due_at(calm) == calm.opened_at + timedelta(hours=2)
    assert due_at(grave) == grave.opened_at + timedelta(minutes=15)
    late = grave.opened_at + timedelta(minutes=16)
    assert overdue_cause(calm, commune.name, late) is None
    assert overdue_cause(grave, commune.name, late) == "unit"
    offered = commune.escalate(grave.id)
    assert overdue_cause(offered, commune.name, offered.custody.since + timedelta(minutes=6)) == "synchronisation"
    assert overdue_cause(offered, commune.centre.parent, offered.custody.since + timedelta(minutes=6)) == "unit"
    commune.act(calm.id, "refuse", note="không thuộc thẩm quyền")
    assert due_at(commune.find(calm.id)) is None


def test_every_status_and_severity_has_vietnamese_words():
    assert all(one.label for one in Status)
    assert all(one.label for one in Severity)
    assert folded("Đường Võ Nguyên Giáp") == "duong vo nguyen giap"


def test_a_term_that_is_offered_may_not_be_ended(tree):
    commune = tree.commune
    one = commune.open_litter()
    commune.act(one.id, "receive")
    commune.escalate(one.id)
    assert commune.possible(one.id) == {"withdraw", "note"}
    for name in ("resolve", "refuse", "close"):
        with pytest.raises(Conflict):
            commune.act(one.id, name, **({} if name == "close" else {"note": "x"}))


def test_custody_of_a_bystander():
    custody = Custody(CustodyState.ELSEWHERE, "a", None, 1, None)
    assert not custody.is_responsible("b")
    assert not custody.may_end("b")
