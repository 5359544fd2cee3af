import { address, go, h, moving, patchList, setAttr, setShape, setText, shape } from "./ui-core.js";
import { makeOver, watchSession } from "./live-session.js";

// The bar on top of every screen: where you are, whether the figures are live, who you are; and the loss banner.

export function makeBar(page) {
  const { t, formats, line } = page;
  const brand = h("div", { class: "brand" }, mark(), h("div", {}, h("strong", { class: "centre" }), h("span", { class: "tree" })));
  const nav = h("nav", { "aria-label": t("Màn hình") });
  const pulse = h("div", { class: "pulse", role: "status" }, shape("unknown"), h("span", { class: "word" }));
  const time = h("div", { class: "clock" }, h("span", { class: "hour" }), h("span", { class: "day" }));
  const who = h("a", { class: "who" }, h("strong"), h("span", { class: "role" }));
  const language = h("button", { type: "button", class: "plain", onclick: () => go(address(null, { lang: t.language === "en" ? null : "en" })) });
  const out = h("form", { method: "post", action: "/logout" }, h("input", { type: "hidden", name: "form" }), h("button", { type: "submit", class: "plain" }, t("Đăng xuất")));
  const help = makeHelp(t);
  const banner = h("div", { class: "banner", role: "alert", hidden: true });
  const over = makeOver(t);
  const unwatch = watchSession(() => { line.end(); end(); });
  const root = h("div", { class: "bar" }, brand, nav, h("div", { class: "right" }, pulse, time, who, help.button, language, out), help.dialog, over.dialog, banner);

  // in the flow it covers nothing; once the bar is scrolled away it comes along at the top
  const sight = new IntersectionObserver(([seen]) => banner.toggleAttribute("data-afloat", !seen.isIntersecting));
  sight.observe(brand);

  function update() {
    const { data } = page;
    setText(brand.querySelector(".centre"), data.centre?.title);
    setText(brand.querySelector(".tree"), data.centre?.tree_label);
    setText(who.firstChild, data.visitor?.display_name);
    setAttr(who.firstChild, "title", data.visitor?.display_name);
    setAttr(who, "href", t.language === "en" ? "/account?lang=en" : "/account?lang=vi");
    setAttr(out.firstChild, "value", data.visitor?.form || "");
    setText(who.lastChild, t.code("role", data.visitor?.role, data.visitor?.role_title));
    setText(language, t.language === "en" ? "VI" : "EN");
    setAttr(language, "aria-label", t.language === "en" ? "Tiếng Việt" : "English");
    setAttr(language, "lang", t.language === "en" ? "vi" : "en");
    patchList(nav, data.pages || [], (one) => one.path, () => moving(h("a", {})), (link, one) => { setText(link, one.title); setAttr(link, "href", one.href); setAttr(link, "aria-current", one.path === data.current ? "page" : null); });
    document.documentElement.lang = t.language;
  }

  function beat() {
    const now = line.now();
    pulse.hidden = line.quiet === true;
    setText(time.firstChild, formats.clock(now));
    setText(time.lastChild, formats.day(now));
    const tone = line.over ? "unknown" : line.lost ? "alarm" : line.situation ? "ok" : "unknown";
    setAttr(pulse, "data-tone", tone);
    setShape(pulse.firstChild, tone);
    setText(pulse.lastChild, line.over ? t("Đã dừng") : line.lost ? t("Mất kết nối") : line.situation ? t("Trực tiếp") : t("Đang kết nối"));
    banner.hidden = !line.lost || line.over;
    if (!banner.hidden) setText(banner, t("MẤT KẾT NỐI {n} s: số liệu đang hiện là số liệu cuối cùng nhận được, chưa thể thao tác", { n: Math.round(line.silence() / 1000) }));
    if (page.lostShown !== line.lost) { page.lostShown = line.lost; actionsInert(line.lost); }
  }

  function end() {
    beat();
    over.show();
  }

  function on(what) {
    if (what === "over") end();
    if (what === "forbidden") location.reload(); // the rights changed while the page stood open
    beat();
  }

  return { root, on, update: () => { update(); beat(); }, close: () => { sight.disconnect(); help.close(); unwatch(); } };
}

/** What the keyboard can do and what the words mean, on "?" and on a button for whoever does not know that yet. */
function makeHelp(t) {
  const keys = [["?", t("Mở trợ giúp này")], ["Tab", t("Đi tới phần tiếp theo")], ["↑ ↓", t("Đi trong danh sách sự cố")], ["Enter", t("Mở sự cố, bấm nút")], ["Alt ←", t("Trở lại màn hình trước")], ["Esc", t("Đóng hộp thoại")]];
  const meanings = [
    [t("Chưa rõ"), t("Chưa nghe được gì nên không nói là tốt hay hỏng; không phải là số 0.")],
    [t("Số liệu cũ"), t("Quá lâu chưa có số mới; số đang hiện là số cuối cùng nhận được.")],
    [t("{n}/{all} trung tâm có số liệu", { n: 2, all: 3 }), t("Còn nơi chưa gửi, nên tổng chỉ là “ít nhất”.")],
    [t("Chờ gửi"), t("Đã lưu an toàn ở đây, sẽ tự gửi khi đường truyền thông.")],
    [t("Giữ lại"), t("Đã tới nhưng chưa áp dụng được; không mất, quản trị xử lý.")],
    [t("Chữ ký hợp lệ"), t("Trung tâm này đã tự kiểm chữ ký của nơi mở sự cố.")],
  ];
  const list = (pairs) => h("dl", {}, ...pairs.map(([term, words]) => h("div", {}, h("dt", {}, term), h("dd", {}, words))));
  const shut = h("button", { type: "button", onclick: () => dialog.close() }, t("Đóng hộp thoại"));
  const dialog = h("dialog", { class: "help", "aria-label": t("Trợ giúp") },
    h("h2", {}, t("Phím tắt")), list(keys.map(([key, words]) => [h("kbd", {}, key), words])),
    h("h2", {}, t("Nghĩa của các từ")), list(meanings), shut);
  const open = () => { if (!dialog.open) dialog.showModal(); };
  const press = (event) => {
    const at = event.composedPath()[0];
    if (event.key !== "?" || (at.matches && at.matches("input, textarea, select, [contenteditable]"))) return;
    event.preventDefault();
    open();
  };
  addEventListener("keydown", press);
  const button = h("button", { type: "button", class: "plain", "aria-label": t("Trợ giúp"), title: t("Trợ giúp"), onclick: open }, "?");
  return { button, dialog, close: () => removeEventListener("keydown", press) };
}

/** Without a line no version can be checked by eye: Streamlit's own buttons rest until it is back. */
function actionsInert(lost) {
  document.body.toggleAttribute("data-lt-lost", lost);
  for (const box of document.querySelectorAll(".st-key-actions")) box.toggleAttribute("inert", lost);
}

function mark() {
  const sign = shape("unknown");
  sign.setAttribute("class", "mark");
  sign.setAttribute("viewBox", "0 0 32 32");
  const make = (tag, values) => { const node = document.createElementNS(sign.namespaceURI, tag); for (const [name, value] of Object.entries(values)) node.setAttribute(name, value); return node; };
  sign.replaceChildren(
    make("path", { d: "M16 8v7M16 15 7 23M16 15l9 8", class: "line" }),
    ...[[16, 6, 4], [7, 24, 3.4], [25, 24, 3.4]].map(([cx, cy, r]) => make("circle", { cx, cy, r })));
  return sign;
}
