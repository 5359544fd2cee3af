"""One run of the application for one visitor: who is looking, the bar, and the screen that was asked for."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from ui import session, theme
from ui.client import Json, NodeDownError, RefusedError
from ui.screens import account, accounts, enrolment, figures, health, incidents, records, situation
from ui.settings import DASH, HOUSE, AppSettings
from ui.widgets.live import live
from ui.widgets.plain import plain


def run() -> None:
    """Show the visitor the page, or say in words why not."""
    st.set_page_config(page_title="Liên Thông", page_icon=theme.icon(), layout="wide")
    t = session.words()
    if not session.came_through_proxy(AppSettings.from_environment()):
        st.error(t("Hãy mở trang này qua địa chỉ của trung tâm."))
        st.stop()
    try:
        visitor, centre = session.client().session(), session.client().centre()
        modules = session.client().modules()
        _screens(visitor, centre, modules)
    except NodeDownError:
        _pause(t("Máy chủ của trung tâm tạm thời không trả lời"), t("Số liệu không mất; trang tự thử lại."))
    except RefusedError as refusal:
        show_refusal(refusal)


def _pages(visitor: Json, modules: list[Json]) -> tuple[dict[str, Any], set[str]]:
    """Every page by its path, and the paths that are open to this visitor."""
    t = session.words()
    pages = {
        "situation": st.Page(situation.show, title=t("Tình hình"), url_path="situation", default=True),
        "incidents": st.Page(incidents.show, title=t("Sự cố"), url_path="incidents"),
        "figures": st.Page(figures.show, title=t("Số liệu"), url_path="figures"),
    }
    needed = {"situation": account.LIVE, "incidents": account.LIVE, "figures": figures.PERMISSION}
    for page in module_pages(modules):
        title = page.title_en if session.language() == "en" else page.title
        pages[page.path], needed[page.path] = st.Page(page.file, title=title, url_path=page.path), page.permission
    own = (
        ("health", t("Hệ thống"), health),
        ("accounts", t("Tài khoản"), accounts),
        ("enrolment", t("Trung tâm mới"), enrolment),
        ("records", t("Nhật ký"), records),
    )
    for path, title, screen in own:
        pages[path], needed[path] = st.Page(screen.show, title=title, url_path=path), screen.PERMISSION
    return pages, {path for path, permission in needed.items() if account.may(visitor, permission)}


def _screens(visitor: Json, centre: Json, modules: list[Json]) -> None:
    pages, open_to = _pages(visitor, modules)
    current = st.navigation(list(pages.values()), position="hidden")
    here = current.url_path or "situation"
    if here == "situation" and "incident" in st.query_params:
        here = "incidents"
    if here == "situation" and here not in open_to and "accounts" in open_to:
        here = "accounts"  # an administrator does not watch, and comes to work
    live(
        "bar",
        key="bar",
        centre={"title": centre.get("title"), "tree_label": centre.get("tree_label")},
        visitor={name: visitor.get(name) for name in ("display_name", "role", "form")}
        | {"role_title": _role_title(str(visitor.get("role")))},
        pages=[
            {"path": path, "title": page.title, "href": _address(path)}
            for path, page in pages.items()
            if path in open_to
        ],
        current=here,
        live=account.may_watch(visitor),
    )
    if here not in open_to:
        account.show(visitor)
    elif here in {"incidents", "accounts"}:
        {"incidents": incidents, "accounts": accounts}[here].show()
    else:
        current.run()


@dataclass(frozen=True, slots=True)
class ModulePage:
    """A page that a module brings, and the permission that its screen asks the node with."""

    path: str
    title: str
    title_en: str
    file: Path
    permission: str


def module_pages(modules: list[Json]) -> list[ModulePage]:
    """The pages that the modules bring; a file outside `modules/` is not opened."""
    found = []
    for module in modules:
        folder = (HOUSE / "modules" / str(module.get("name"))).resolve()
        for number, page in enumerate(module.get("pages") or []):
            file = (HOUSE / str(page.get("file"))).resolve()
            if not file.is_file() and not str(page.get("file")).startswith("modules/"):
                file = (folder / str(page.get("file"))).resolve()
            inside = folder.parent == HOUSE / "modules" and folder in file.parents
            if inside and file.suffix == ".py" and file.is_file():
                path = f"{module['name']}-{number + 1}" if number else str(module["name"])
                title, permission = str(page.get("title") or module.get("title")), str(page.get("permission") or "")
                found.append(ModulePage(path, title, str(page.get("title_en") or title), file, permission))
    return found


def _address(path: str) -> str:
    suffix = "?lang=en" if session.language() == "en" else ""
    return f"{DASH}/" + ("" if path == "situation" else path) + suffix


def _role_title(role: str) -> str:
    t = session.words()
    titles = {
        "operator": t("Cán bộ trực"),
        "leader": t("Lãnh đạo"),
        "admin": t("Quản trị"),
        "citizen": t("Người dân"),
    }
    return titles.get(role, role)


def show_refusal(refusal: RefusedError) -> None:
    """Say why the node said no, and what a person can do about it."""
    t = session.words()
    if refusal.status == 401:  # noqa: PLR2004 - HTTP's own number
        st.warning(t("Phiên đã hết hạn"))
        live("over", key="over", live=False)
    elif refusal.status == 403:  # noqa: PLR2004 - HTTP's own number
        st.warning(t("Tài khoản này không xem được màn hình điều hành."))
    else:
        st.error(plain(refusal.title or t("Máy chủ từ chối yêu cầu.")))


def _pause(title: str, words: str) -> None:
    """Say calmly that the node is silent, and look again without anybody pressing anything."""
    st.warning(f"{title}. {words}")

    @st.fragment(run_every=5)
    def again() -> None:
        try:
            session.client().centre()
        except (NodeDownError, RefusedError):
            return
        st.rerun()

    again()
