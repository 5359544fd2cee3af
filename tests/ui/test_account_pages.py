"""The administrator's screens as Streamlit runs them; each act carries a user name, never a row."""

import pytest

from tests.ui.test_pages import Visit, labels, words


@pytest.fixture
def visit(node, monkeypatch):
    made = Visit(node, monkeypatch)
    made.as_user("quantri")
    return made


def _accounts():
    from ui.screens import accounts

    accounts.show()


def _records():
    from ui.screens import records

    records.show()


def table(page, number=0):
    return page.table[number].value


def test_an_administrator_lands_on_the_accounts(visit):
    page = visit.whole()
    assert not page.exception
    assert page.header[0].value == "Tài khoản"


def test_the_list_says_who_may_what_where_and_in_which_state(visit):
    page = visit.open(_accounts)
    rows = table(page)
    assert list(rows["Tên đăng nhập"]) == ["dieuhanh", "lanhdao", "quantri", "truc"]
    assert rows["Vai trò"][0].startswith("Cán bộ trực · ")
    assert "731" not in rows["Vai trò"][0]  # a place by its name
    assert "Tạm khóa đến 09:00 01/06/2025" in rows["Trạng thái"][3]
    assert "\\*Lan\\*" in rows["Họ tên"][3]  # words of people stay words
    assert "Có mã (8 mã dự phòng)" in rows["Điện thoại"][1]
    found = page.text_input(key="account-q").set_value("hạnh nguyễn").run()
    assert list(table(found)["Tên đăng nhập"]) == ["dieuhanh"]


def test_a_password_for_one_use_is_shown_once(visit, node):
    page = visit.open(_accounts, account="dieuhanh")
    page.button(key="act-account-reset").click().run()
    assert node.people.asked == []  # asked for once more first
    page.button(key="account-confirm").click().run()
    assert node.people.asked == [("PUT", "dieuhanh/password", {})]
    assert page.code[0].value == "bac-den-hoi-kem"
    page.run()
    assert len(page.code) == 0
    assert "bac-den" not in repr(page.session_state)


@pytest.mark.parametrize(
    ("username", "button", "asked"),
    [
        ("dieuhanh", "danger-account-disable", ("PUT", "dieuhanh/access", {"disabled": True})),
        ("dieuhanh", "act-account-end", ("DELETE", "dieuhanh/sessions", None)),
        ("lanhdao", "danger-account-telephone", ("DELETE", "lanhdao/second-factor", None)),
        ("truc", "act-account-unlock", ("DELETE", "truc/lock", None)),
    ],
)
def test_an_act_is_asked_for_and_carried_out_by_name(visit, node, username, button, asked):
    page = visit.open(_accounts, account=username)
    page.button(key=button).click().run()
    page.button(key="account-cancel").click().run()
    assert node.people.asked == []
    page.button(key=button).click().run()
    page.button(key="account-confirm").click().run()
    assert node.people.asked == [asked]
    assert page.success


def test_an_account_is_added_and_scoped(visit, node):
    page = visit.open(_accounts)
    page.button(key="account-add").click().run()
    page.text_input(key="new-username").set_value(" Hoa ")
    page.text_input(key="new-name").set_value("Lê Thị Hòa")
    page.selectbox(key="new-role").set_value("leader")
    page.button(key="account-confirm").click().run()
    body = {"username": "hoa", "display_name": "Lê Thị Hòa", "role": "leader", "area_code": None}
    assert node.people.asked == [("POST", "", body)]
    assert page.code[0].value == "bac-den-hoi-kem"
    page = visit.open(_accounts, account="dieuhanh")
    page.button(key="act-account-scope").click().run()
    assert page.selectbox(key="new-area").value == "731"
    page.button(key="account-confirm").click().run()
    same = {"role": "operator", "area_code": "731", "display_name": "Nguyễn Thị Hạnh"}
    assert node.people.asked[-1] == ("PUT", "dieuhanh/scope", same)


def test_a_session_is_ended_and_ones_own_is_not_offered(visit, node):
    page = visit.open(_accounts)
    keys = [one.key for one in page.button if one.key and one.key.startswith("end-")]
    assert keys == ["end-" + "a" * 32]
    page.button(key=keys[0]).click().run()
    assert node.people.asked == [("DELETE", f"dieuhanh/sessions/{'a' * 32}", None)]


def test_the_record_is_read_by_page_and_by_filter_and_nothing_changes_it(visit, node):
    page = visit.open(_records)
    assert list(table(page)["Đối tượng"])[:2] == ["người 120", "người 119"]
    assert labels(page) == ["Cũ hơn"]
    page.button(key="record-older").click().run()
    assert table(page)["Đối tượng"][0] == "người 70"
    page.selectbox(key="record-act").set_value("account.add").run()
    assert {one.partition(" \\(")[0] for one in table(page)["Việc"]} == {"Thêm tài khoản"}
    assert table(page)["Đối tượng"][0] == "người 119"  # from the newest again
    assert all(method == "GET" for method, _, _ in node.requests)


def test_english_is_complete(visit):
    page = visit.open(_accounts, account="truc", lang="en")
    assert labels(page)[:4] == ["Add an account", "Change role and area", "Reset the password", "Lift the lock"]
    assert "Created" in words(page)
    assert visit.open(_records, lang="en").header[0].value == "Audit log"


def test_who_may_not_is_refused_by_the_node_not_by_the_menu(visit):
    visit.as_user("dieuhanh")
    with pytest.raises(AssertionError):
        assert not visit.open(_accounts).exception
