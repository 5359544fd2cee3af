"""The screen on which a newcomer's fingerprint is compared: it is typed in, never clicked."""

import pytest

from tests.fakes.node_newcomers import FINGERPRINT
from tests.ui.test_pages import Visit


@pytest.fixture
def visit(node, monkeypatch):
    made = Visit(node, monkeypatch)
    made.as_user("quantri")
    return made


def _enrolment():
    from ui.screens import enrolment

    enrolment.show()


def test_who_waits_is_shown_with_the_fingerprint(visit):
    page = visit.open(_enrolment)
    assert not page.exception
    assert page.header[0].value == "Trung tâm mới"
    assert list(page.table[0].value["Dấu vân tay"]) == [FINGERPRINT]


@pytest.mark.parametrize(("key", "decision"), [("enrolment-approve", "approved"), ("enrolment-refuse", "refused")])
def test_what_is_read_out_is_typed_in(visit, node, key, decision):
    page = visit.open(_enrolment)
    page.text_input(key="enrolment-fingerprint").set_value("1a2b 3c4d 5e6f 7081 92a3")
    page.button(key=key).click().run()
    assert node.newcomers.decided == [(FINGERPRINT, decision)]
    assert FINGERPRINT in page.success[0].value
    assert not page.table


def test_another_fingerprint_approves_nothing(visit, node):
    page = visit.open(_enrolment)
    page.text_input(key="enrolment-fingerprint").set_value("0000 0000 0000 0000 0000")
    page.button(key="enrolment-approve").click().run()
    assert node.newcomers.decided == []
    assert "đừng chấp thuận" in page.error[0].value
    page.button(key="enrolment-approve").click().run()
    assert node.newcomers.decided == []  # an empty field is no decision


def test_where_nobody_compares_the_page_says_so(visit, node):
    node.newcomers.asked = False
    page = visit.open(_enrolment)
    assert "đủ" in page.info[0].value
    assert not page.text_input
