import { freshState, h, moving, patchList, setAttr, setShape, setText, shape, stateWord, TONES } from "./ui-core.js";
import { makeMap } from "./live-map.js";
import { makeQueue } from "./live-queue.js";

// The situation: alarms, tiles, map, queue and links, all from the last message of the line.

export function makeSituation(page) {
  const { t } = page;
  page.own = () => page.line.situation?.centre?.name;
  page.centreState = (one) => (page.line.lost ? "stale" : one.state);
  page.wanted = (code) => centreCodes.has(code);
  page.area = "";
  page.filterBy = (code) => { page.area = page.area === code ? "" : code; queue.reset(); show(); };
  const centreCodes = new Set();

  const alarms = makeAlarms(page);
  const tiles = makeTiles(page);
  const map = makeMap(page);
  const queue = makeQueue(page);
  const links = makeLinks(page);
  const filter = h("button", { class: "filter", type: "button", hidden: true, onclick: () => page.filterBy(page.area) });
  const waiting = h("p", { class: "first" }, t("Đang chờ số liệu đầu tiên từ trung tâm"));
  const body = h("div", { class: "body", hidden: true },
    alarms.root,
    tiles.root,
    h("div", { class: "halves" },
      panel(t("Các trung tâm"), map.root, map.tabs),
      panel(t("Sự cố đang mở"), queue.root, queue.count, filter, queue.frozen, "first-on-phone")),
    panel(t("Đường truyền"), links.root));
  const root = h("div", { class: "situation" }, waiting, body);

  function show() {
    const { situation, incidents } = page.line;
    if (!situation) return;
    waiting.hidden = true;
    body.hidden = false;
    const items = incidents?.items || [];
    centreCodes.clear();
    for (const one of situation.centres || []) centreCodes.add(one.code);
    alarms.show(situation.alarms || []);
    tiles.show(situation.tiles || []);
    map.show(situation.centres || [], items);
    links.show(situation.links || []);
    const chosen = (situation.centres || []).find((one) => one.code === page.area);
    if (!chosen) page.area = "";
    filter.hidden = !chosen;
    setText(filter, chosen ? t("Chỉ {who}: bỏ lọc", { who: chosen.title }) : "");
    const own = page.own() === chosen?.name;
    const shown = chosen && !own ? items.filter((item) => item.origin?.name === chosen.name || item.area_code === chosen.code) : items;
    queue.show(shown, incidents?.total ?? null, items.length);
  }

  function tick() {
    const now = page.line.now();
    for (const part of [alarms, tiles, map, queue, links]) part.tick(now);
  }

  return {
    root,
    on: (what) => {
      if (what === "beat") tick();
      else if (what !== "tick") show();
      setAttr(root, "data-lost", page.line.lost ? "" : null);
    },
    update: show,
  };
}

function panel(title, content, ...tools) {
  const classes = tools.filter((tool) => typeof tool === "string");
  const nodes = tools.filter((tool) => typeof tool !== "string");
  return h("section", { class: ["panel", ...classes].join(" ") }, h("header", {}, h("h2", {}, title), ...nodes), content);
}

function makeAlarms(page) {
  const { t, formats, line } = page;
  const list = h("ol", { class: "alarm-list" });
  const more = h("button", { type: "button", class: "more", hidden: true, onclick: () => { open = !open; draw(); } });
  const root = h("section", { class: "alarms", hidden: true, role: "region", "aria-label": t("Báo động") }, list, more);
  let open = false;
  let all = [];

  const create = () => h("li", {}, shape("alarm"),
    h("div", { class: "told" },
      h("div", { class: "what" }, h("strong", {}), h("span", { class: "who" }), moving(h("a", { class: "subject", hidden: true }))),
      h("p", { class: "advice" }),
      h("details", { class: "raw" }, h("summary", {}, t("Chi tiết kỹ thuật")), h("code", {}))),
    h("time", { class: "age" }));

  function update(row, one) {
    row.ltOne = one;
    const find = (name) => row.querySelector(name);
    const code = alarmCode(t, one);
    const values = { me: line.situation?.centre?.title || "", peer: one.peer || t("Trung tâm khác") };
    const title = t.code("alarm", code, one.title, values);
    const who = one.origin || one.peer || "";
    setText(find("strong"), title);
    setText(find(".who"), title.includes(who) ? "" : who);
    setAttr(find(".subject"), "hidden", one.incident ? null : "");
    if (one.incident) {
      setAttr(find(".subject"), "href", page.addressOf(one.incident.id));
      setText(find(".subject"), t("Sự cố {number}: {title}", one.incident));
    }
    setText(find(".advice"), t.code("advice", code, "", values));
    find(".raw").hidden = !one.detail || Boolean(one.incident);
    setText(find(".raw code"), find(".raw").hidden ? "" : `${one.code}: ${one.detail}`);
  }

  function draw() {
    const shown = open ? all : all.slice(0, 2);
    patchList(list, shown, (one) => `${one.at}|${one.code}|${one.origin}|${one.incident?.id || ""}`, create, update);
    more.hidden = all.length <= 2;
    setText(more, open ? t("Thu gọn") : t("Xem cả {n} báo động", { n: all.length }));
    root.hidden = all.length === 0;
    tick(line.now());
  }

  function tick(now) { for (const row of list.children) setText(row.lastChild, formats.age(row.ltOne.at, now)); }

  return { root, tick, show: (items) => { all = [...items].sort((a, b) => Date.parse(b.at) - Date.parse(a.at)); draw(); } };
}

/** The code whose words tell this alarm: with its story where a code has several, and the general one where it has none. */
function alarmCode(t, one) {
  const code = one.case ? `${one.code}.${one.case}` : one.code;
  return t.code("alarm", code, " ") === " " ? "OTHER" : code;
}

function makeTiles({ t, formats, line }) {
  const root = h("ul", { class: "tiles", "aria-label": t("Chỉ số") });
  const create = () => h("li", { class: "tile" },
    h("div", { class: "name" }),
    h("div", { class: "figure" }, h("span", { class: "least", hidden: true }, t("ít nhất")), h("span", { class: "value" }), h("span", { class: "unit" })),
    h("div", { class: "state" }, shape("unknown"), h("span", { class: "word" })),
    h("div", { class: "foot" }, h("span", { class: "age" }), h("span", { class: "source" }), h("span", { class: "coverage" })));

  function update(tile, one) {
    tile.ltOne = one;
    const find = (name) => tile.querySelector(`.${name}`);
    setAttr(tile, "data-key", one.key);
    const area = t.language === "en" && one.area_name ? ` (${one.area_name})` : ""; // in Vietnamese the node's title has it
    setText(find("name"), t.code("tile", one.key, one.title) + area);
    const least = leastOf(one);
    find("least").hidden = least === null;
    setText(find("value"), formats.number(least ?? one.value));
    setText(find("unit"), (least ?? one.value ?? null) === null ? "" : t.code("unit", one.unit, one.unit));
    setText(find("source"), t.code("source", one.key, one.source, { me: line.situation?.centre?.title }));
    const cover = one.coverage;
    const shared = cover && cover.expected ? t("{n}/{all} trung tâm có số liệu", { n: cover.received, all: cover.expected }) : "";
    setText(find("coverage"), least === null ? shared : [shared, missingText(t, one.partial.missing)].filter(Boolean).join("; "));
    setAttr(find("coverage"), "data-part", cover && cover.received < cover.expected ? "" : null);
  }

  function tick(now) {
    for (const tile of root.children) {
      const one = tile.ltOne;
      const state = freshState(one.value === null ? "unknown" : one.state, one.as_of, now, line.lost ? 5 : one.stale_after_s);
      setAttr(tile, "data-tone", TONES[state]);
      setShape(tile.querySelector("svg"), TONES[state]);
      setText(tile.querySelector(".word"), state === "unknown" && leastOf(one) !== null ? t("Chưa đủ số liệu") : stateWord(t, state));
      setText(tile.querySelector(".age"), formats.age(one.as_of, now));
    }
  }

  return { root, tick, show: (items) => { patchList(root, items, (one) => one.key, create, update); tick(line.now()); } };
}

/** What is known of a sum while some centres have not answered; null where the figure is whole or not known at all. */
function leastOf(one) {
  const known = one.value === null || one.value === undefined ? one.partial?.value : null;
  return typeof known === "number" ? known : null;
}

function missingText(t, titles) {
  const names = titles || [];
  if (!names.length) return "";
  const who = names.slice(0, 3).join(", ");
  return names.length > 3 ? t("thiếu {who} và {n} trung tâm khác", { who, n: names.length - 3 }) : t("thiếu {who}", { who });
}

function makeLinks({ t, formats, line }) {
  const heads = [t("Trung tâm"), t("Trạng thái"), t("Chờ gửi"), t("Đang gửi"), t("Bên kia đang chờ gửi"), t("Giữ lại"), t("Liên lạc lần cuối"), t("Lỗi gần nhất")];
  const body = h("tbody");
  const empty = h("p", { class: "empty", hidden: true }, t("Trung tâm này chưa nối với trung tâm nào."));
  const root = h("div", { class: "sheet links" },
    h("table", {}, h("thead", {}, h("tr", {}, ...heads.map((word) => h("th", { scope: "col" }, word)))), body), empty);
  const create = () => h("tr", {}, h("th", { scope: "row" }, h("span", { class: "name" }), h("span", { class: "relation" })),
    h("td", { class: "state" }, shape("unknown"), h("span", { class: "word" })),
    ...["waiting", "flight", "coming", "parked", "age"].map((name, at) => h("td", { class: name, "data-head": heads[at + 2] })),
    h("td", { class: "error", "data-head": heads[7] }, h("span", { class: "word" }), h("details", { class: "raw", hidden: true }, h("summary", {}, t("Chi tiết kỹ thuật")), h("code", {}))));

  function update(row, one) {
    row.ltOne = one;
    const find = (name) => row.querySelector(`.${name}`);
    setText(find("name"), one.title || one.peer);
    setText(find("relation"), { parent: t("cấp trên"), bypass: t("đường vòng") }[one.relation] || t("cấp dưới"));
    setText(find("waiting"), waitingText(t, formats, one.waiting));
    setText(find("flight"), formats.number(one.in_flight));
    setText(find("coming"), Object.keys(one.peer_waiting || {}).length === 0 ? "–" : waitingText(t, formats, one.peer_waiting));
    setText(find("parked"), formats.number(one.parked));
    setAttr(find("parked"), "data-part", one.parked ? "" : null);
    setText(find("error .word"), errorWord(t, one));
    find("error .raw").hidden = !one.last_error;
    setText(find("error .raw code"), one.last_error);
  }

  function tick(now) {
    for (const row of body.children) {
      const tone = line.lost ? "unknown" : row.ltOne.connected ? "ok" : "alarm";
      setAttr(row.querySelector(".state"), "data-tone", tone);
      setShape(row.querySelector("svg"), tone);
      setText(row.querySelector(".word"), line.lost ? t("Không rõ") : row.ltOne.connected ? t("Đã kết nối") : t("Mất kết nối"));
      setText(row.querySelector(".age"), formats.age(row.ltOne.last_heard_at, now));
    }
  }

  return { root, tick, show: (items) => { empty.hidden = items.length > 0; root.firstChild.hidden = !items.length; patchList(body, items, (one) => one.peer, create, update); tick(line.now()); } };
}

/** A fault of the line in the reader's words; what the program said stays behind a button. */
function errorWord(t, { error_code: code, last_error: said }) {
  if (!code && !said) return "";
  return t.code("link", code, t.code("link", "OTHER"));
}

/** One number, or a number for each lane: the urgent lane is named where something urgent waits. */
function waitingText(t, formats, waiting) {
  if (waiting === null || typeof waiting !== "object") return formats.number(waiting);
  const all = Object.values(waiting).reduce((sum, one) => sum + Number(one || 0), 0);
  return waiting.urgent ? t("{n} ({urgent} khẩn)", { n: formats.number(all), urgent: formats.number(waiting.urgent) }) : formats.number(all);
}
