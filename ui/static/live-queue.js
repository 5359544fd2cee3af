import { h, moving, patchList, setAttr, setShape, setText, shape } from "./ui-core.js";

// The incident queue. A row is its incident's id; while a person points at or stands in the list, or one incident is
// open, the order does not change: what is new waits behind a button. Otherwise the order is the node's own.

export function makeQueue(page) {
  const { t, formats } = page;
  const list = h("ol", { class: "queue", "aria-label": t("Danh sách sự cố") });
  const fresh = h("button", { class: "fresh", type: "button", hidden: true });
  const cut = moving(h("a", { class: "cut-list", href: page.listAddress?.() || "/dash/incidents", hidden: true }));
  const empty = h("p", { class: "empty", hidden: true }, t("Không có sự cố nào."));
  const frozen = h("span", { class: "frozen", hidden: true }, t("Giữ nguyên thứ tự khi đang chọn"));
  const count = h("span", { class: "count" });
  const root = h("div", { class: "queue-box" }, fresh, list, cut, empty);
  let order = [];
  let waiting = [];
  let latest = [];
  let inside = false;
  let received = 0;
  let total = null; // of the whole list, where only its head is here

  const holding = () => inside || root.contains(root.getRootNode().activeElement) || Boolean(page.data.selected);

  function arrange(items) {
    if (!holding() || !order.length) { waiting = []; return items; }
    const present = new Map(items.map((item) => [item.id, item]));
    const kept = order.filter((id) => present.has(id)).map((id) => present.get(id));
    waiting = items.filter((item) => !order.includes(item.id));
    return kept;
  }

  function show() {
    const items = arrange(latest);
    order = items.map((item) => item.id);
    patchList(list, items, (item) => item.id, create, update);
    fresh.hidden = waiting.length === 0;
    setText(fresh, t("{n} sự cố mới, bấm để xem", { n: waiting.length }));
    fresh.classList.toggle("grave", waiting.some((item) => item.severity >= 4));
    empty.hidden = items.length > 0;
    frozen.hidden = !(holding() && items.length > 1);
    const isCut = total !== null && total > received;
    setText(count, isCut && latest.length < received ? t("ít nhất {n}", { n: formats.number(latest.length) }) : formats.number(isCut ? total : latest.length));
    cut.hidden = !isCut;
    setText(cut, isCut ? t("Đang hiện {n} sự cố đầu trong {all}; xem tất cả", { n: formats.number(received), all: formats.number(total) }) : "");
    tick(page.line.now());
  }

  function create(item) {
    const row = h("li", {},
      moving(h("a", { class: "row" },
        h("span", { class: "sev" }, shape("unknown"), h("span", { class: "word" })),
        h("span", { class: "title" }),
        h("span", { class: "meta" }, h("span", { class: "number" }), h("span", { class: "area" }), h("span", { class: "status" }), h("span", { class: "custody" }), h("span", { class: "late" })),
        h("time", { class: "age" }))));
    return row;
  }

  function update(row, item) {
    const link = row.firstChild;
    const find = (name) => link.querySelector(`.${name}`);
    row.ltItem = item;
    setAttr(row, "data-id", item.id);
    setAttr(link, "href", page.addressOf(item.id));
    setAttr(link, "data-severity", item.severity);
    setAttr(link, "aria-current", item.id === page.data.selected ? "true" : null);
    setShape(link.querySelector("svg"), `level${item.severity}`);
    setText(find("word"), t.code("severity", item.severity, item.severity_title));
    setText(find("title"), item.title);
    setText(find("number"), `#${item.number}`);
    setText(find("area"), item.area_name);
    setText(find("status"), t.code("status", item.status, item.status_title));
    setText(find("custody"), custodyWord(t, item));
    setText(find("late"), item.overdue ? t("Quá hạn") : "");
    setAttr(find("age"), "datetime", item.opened_at);
  }

  function tick(now) {
    for (const row of list.children) setText(row.querySelector(".age"), formats.age(row.ltItem.opened_at, now));
  }

  root.addEventListener("pointerenter", () => { inside = true; frozen.hidden = latest.length < 2; });
  root.addEventListener("pointerleave", () => { inside = false; show(); });
  root.addEventListener("focusout", () => setTimeout(() => { if (!holding()) show(); }, 0));
  list.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const rows = [...list.querySelectorAll("a.row")];
    const at = rows.indexOf(root.getRootNode().activeElement);
    if (!step || at < 0) return;
    event.preventDefault();
    rows[Math.min(rows.length - 1, Math.max(0, at + step))].focus();
  });
  fresh.addEventListener("click", () => { order = []; show(); (list.querySelector("a.row") || fresh).focus(); });

  return { root, frozen, count, tick, show: (items, whole = null, of = items.length) => { latest = items; total = whole; received = of; show(); }, reset: () => { order = []; waiting = []; } };
}

export function custodyWord(t, item) {
  const custody = item.custody || {};
  if (custody.state === "offered" && custody.offered_to) return t("Chờ {who} nhận", { who: custody.offered_to.title });
  if (custody.state === "given" || custody.state === "elsewhere") return custody.holder ? t("{who} giữ", { who: custody.holder.title }) : "";
  return "";
}
