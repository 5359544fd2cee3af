"""Somebody else was faster: nothing is done, what changed is said, and nobody writes a reason twice."""

import pytest

from tests.ui.test_pages import FLOOD, _incidents, visit, words

__all__ = ["visit"]


@pytest.mark.parametrize(
    ("language", "told"), [("vi", "Nội dung bạn đã nhập vẫn còn"), ("en", "What you wrote is kept below")]
)
def test_whoever_was_slower_keeps_the_reason_and_confirms_it_once_more(visit, node, language, told):
    page = visit.open(_incidents, incident=FLOOD, lang=language)
    page.button(key=f"act-{FLOOD}-escalate").click().run()
    page.text_area(key="field-reason").input("Cần xuồng của tỉnh")
    node.change(FLOOD, severity=2, severity_title="Thường")
    page.button(key="confirm").click().run()
    assert node.acts == []
    assert told in words(page)
    assert "3 → 4" in words(page)
    assert page.text_area(key="field-reason").value == "Cần xuồng của tỉnh"
    page.button(key="confirm").click().run()
    assert node.acts[0][2] == {"name": "escalate", "version": 4, "reason": "Cần xuồng của tỉnh"}


def test_what_was_typed_comes_back_where_the_step_is_no_longer_possible(visit, node):
    page = visit.open(_incidents, incident=FLOOD)
    page.button(key=f"act-{FLOOD}-escalate").click().run()
    page.text_area(key="field-reason").input("Cần xuồng của tỉnh")
    node.change(FLOOD, status="closed", status_title="Đã đóng")
    page.button(key="confirm").click().run()
    assert node.acts == []
    assert "Bạn đã nhập: “Cần xuồng của tỉnh”" in words(page)


def test_a_label_is_read_as_it_is_written(visit):
    page = visit.open(_incidents, incident=FLOOD)
    page.button(key=f"act-{FLOOD}-escalate").click().run()
    assert [one.label for one in page.text_area] == ["Lý do (bắt buộc)"]
