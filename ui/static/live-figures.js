import { address, h, moving, patchList, setAttr, setShape, setText, shape } from "./ui-core.js";

// Figures of a period: a value never stands without who it covers and how old it is, and leads down to the signatures.

const AGAIN_MS = 10000;
const TONE = { ok: "ok", late: "ok", incomplete: "watch", closing: "unknown", unknown: "unknown", unread: "unknown", silent: "alarm", running: "unknown", listed: "unknown" };
const LIGHT_TONE = { green: "ok", amber: "watch", red: "alarm", none: "unknown" };

export function makeFigures(page) {
  const { t, line } = page;
  const chooser = makeChooser(page);
  const list = makeFigureList(page);
  const unread = h("p", { class: "unread", hidden: true });
  const scope = h("p", { class: "scope" });
  const detail = makeFigureDetail(page);
  const left = h("section", { class: "panel fig-list" }, h("header", {}, h("h2", {}, t("Số liệu của kỳ")), chooser.root), scope, list.root, unread);
  const root = h("div", { class: "figures" }, left, detail.root);
  let query = null;
  let answer = null;
  let found = null;
  let askedAt = 0;

  function update() {
    const { data } = page;
    if (query !== data.query || !answer || Date.parse(data.answer?.at) >= Date.parse(answer.at)) { answer = data.answer; found = data.detail; }
    query = data.query;
    askedAt = performance.now();
    draw();
  }

  function draw() {
    if (!answer) return;
    setAttr(root, "data-chosen", found ? "" : null);
    chooser.show(answer);
    list.show(answer.items || []);
    const limited = answer.scope?.limited;
    setText(scope, limited ? t("Chỉ địa bàn {area}, theo phạm vi của tài khoản này; không phải số của cả {centre}.", { area: answer.area_name, centre: answer.centre_title }) : t("Địa bàn: {area}.", { area: answer.area_name }));
    setAttr(scope, "data-limited", limited ? "" : null);
    const strangers = answer.unread || [];
    unread.hidden = !strangers.length;
    setText(unread, t("{n} số liệu nhận được nhưng chưa biết định nghĩa ({who}): được giữ lại, chưa cộng vào đâu.", { n: strangers.length, who: [...new Set(strangers.map((one) => `${one.code}@${one.version}, ${one.title}`))].slice(0, 3).join("; ") }));
    detail.show(found);
    tick();
  }

  function tick() {
    const now = line.now();
    list.tick(now);
    detail.tick(now);
    setAttr(root, "data-lost", line.lost ? "" : null);
    if (!line.lost && performance.now() - askedAt > AGAIN_MS) again();
  }

  async function again() {
    askedAt = performance.now();
    const asked = page.data.query;
    const wanted = async (path) => { const got = await fetch(path, { headers: { Accept: "application/json" }, cache: "no-store" }); return got.ok ? got.json() : null; };
    try {
      const [whole, one] = await Promise.all([wanted(`/api/v1/figures?${page.data.asked}`), page.data.chosen ? wanted(`/api/v1/figures/${encodeURIComponent(page.data.chosen)}?${page.data.asked}`) : null]);
      if (asked !== page.data.query || !whole) return;
      answer = whole;
      if (one) found = one;
      draw();
    } catch { /* the bar tells a lost line; the last figures stay, and grow old */ }
  }

  return { root, update, on: (what) => { if (what === "beat") tick(); else if (what === "back") again(); else if (what === "lost") tick(); } };
}

/** Which period; the address holds the choice. */
function makeChooser({ t, formats, data }) {
  const select = h("select", { id: "lt-period", onchange: () => { location.assign(address(null, { period: select.value })); } });
  const grain = h("select", { id: "lt-grain", onchange: () => { location.assign(address(null, { grain: grain.value, period: null })); } });
  const csv = h("a", { class: "export", download: "", title: t("Bảng để công bố: ô nhỏ được ẩn.") }, t("Tải bảng (CSV)"));
  const internal = h("a", { class: "internal", download: "", title: t("Bảng nội bộ: có cả ô nhỏ, được ghi vào nhật ký.") }, t("Bảng nội bộ"));
  const newest = moving(h("a", { class: "newest" }, t("Kỳ mới nhất")));
  const root = h("div", { class: "chooser" }, h("label", { for: "lt-grain" }, t("Theo")), grain, h("label", { for: "lt-period" }, t("Kỳ")), select, newest, csv, internal);
  return {
    root,
    show: (answer) => {
      patchList(select, answer.periods || [], (one) => one.key, () => h("option"), (option, one) => { setAttr(option, "value", one.key); setText(option, periodText(t, formats, one)); });
      if (select.value !== answer.period) select.value = answer.period;
      patchList(grain, answer.grains || [], (one) => one.key, () => h("option"), (option, one) => { setAttr(option, "value", one.key); setText(option, t.code("grain", one.key, one.title)); });
      if (answer.grain && grain.value !== answer.grain) grain.value = answer.grain;
      const table = `/api/v1/figures/export.csv?period=${encodeURIComponent(answer.period)}&area=${encodeURIComponent(answer.area_code)}`;
      setAttr(csv, "href", table);
      setAttr(internal, "href", `${table}&audience=internal`);
      setAttr(newest, "href", address(null, { period: null }));
      newest.hidden = !new URLSearchParams(location.search).get("period");
      void data;
    },
  };
}

function periodText(t, formats, one) {
  const begin = Date.parse(one.begin);
  const [year, part] = one.key.split("-");
  if (/^\d{4}$/.test(one.key)) return t("Năm {year}", { year });
  if (/^\d{4}-W\d\d$/.test(one.key)) return t("Tuần {n}/{year}", { n: Number(part.slice(1)), year });
  if (/^\d{4}-Q\d$/.test(one.key)) return t("Quý {n}/{year}", { n: part.slice(1), year });
  if (/^\d{4}-\d\d$/.test(one.key)) return t("Tháng {n}/{year}", { n: Number(part), year });
  if (!one.key.includes("T")) return formats.day(begin);
  return `${formats.clock(begin)}–${formats.clock(Date.parse(one.end))} ${formats.day(begin)}`;
}

function makeFigureList(page) {
  const { t, line } = page;
  const rows = h("ol", { class: "fig-rows", "aria-label": t("Số liệu") });
  const empty = h("p", { class: "empty", hidden: true }, t("Chưa có chỉ tiêu nào được định nghĩa."));
  const head = h("div", { class: "fig-head", "aria-hidden": "true" }, ...[t("Chỉ tiêu"), t("Giá trị"), t("Tình trạng"), t("Nơi gửi"), t("Bản"), t("Cập nhật")].map((word) => h("span", {}, word)));
  const root = h("div", {}, head, rows, empty);
  const create = () => h("li", {}, moving(h("a", { class: "fig-row" },
    h("span", { class: "name" }, h("strong"), h("span", { class: "official", hidden: true }, t("Chính thức")), h("span", { class: "badges" })),
    h("span", { class: "figure" }, h("span", { class: "value" }), h("span", { class: "unit" }), h("span", { class: "earlier", hidden: true })),
    h("span", { class: "states" }, h("span", { class: "light", hidden: true }, shape("unknown"), h("span", { class: "said" })), h("span", { class: "state" }, shape("unknown"), h("span", { class: "word" }))),
    h("span", { class: "coverage" }), h("span", { class: "revision" }), h("span", { class: "age" }))));

  function update(row, one) {
    row.ltOne = one;
    const find = (name) => row.querySelector(`.${name}`);
    const link = row.firstChild;
    setAttr(link, "href", address(null, { figure: one.code }));
    setAttr(link, "aria-current", one.code === page.data.chosen ? "true" : null);
    setText(row.querySelector("strong"), inWords(t, one, "name"));
    find("official").hidden = !one.is_official;
    setText(find("badges"), badgesText(t, one));
    putValue(page, row, one);
    putLight(t, find("light"), one.light);
    putEarlier(page, find("earlier"), one);
    setText(find("coverage"), coverText(t, one));
    setAttr(find("coverage"), "data-part", one.coverage.received < one.coverage.expected ? "" : null);
    setText(find("revision"), revisionText(t, one));
  }

  function tick(now) {
    for (const row of rows.children) {
      const one = row.ltOne;
      putState(page, row.querySelector(".state"), line.lost ? "stale" : one.state, t.code("figure", one.state, one.state_title));
      setText(row.querySelector(".age"), one.as_of ? page.formats.age(one.as_of, now) : t("chưa cập nhật lần nào"));
    }
  }

  return { root, tick, show: (items) => { empty.hidden = items.length > 0; patchList(rows, items, (one) => one.code, create, update); } };
}

// what one figure says of itself ---------------------------------------------------------------------------------

function inWords(t, one, name) { return (t.language === "en" && one[`${name}_en`]) || one[name]; }

function numberText(t, text, decimals) {
  const places = { minimumFractionDigits: decimals || 0, maximumFractionDigits: decimals || 0 };
  return new Intl.NumberFormat(t.language === "en" ? "en-GB" : "vi-VN", places).format(Number(text));
}

/** The value, or that it is not known, or what those say who did report: never a bare number. */
function valueText(t, one, decimals) {
  const sign = { "<=": "≤ ", ">": "> " }[one.relation] || "";
  if (one.value !== null) return sign + numberText(t, one.value, decimals);
  if (one.is_empty) return t("không có trường hợp nào");
  if (one.partial !== null) return t("chưa biết; {n} nơi đã gửi: {value}", { n: one.coverage.received, value: sign + numberText(t, one.partial, decimals) });
  return t("chưa biết");
}

function putValue({ t }, row, one) {
  const value = row.querySelector(".value");
  setText(value, valueText(t, one, one.decimals));
  setAttr(value, "data-unknown", one.value === null ? "" : null);
  setText(row.querySelector(".unit"), one.value === null && one.partial === null ? "" : inWords(t, one, "unit"));
}

function putState(_page, node, state, words) {
  const tone = state === "stale" ? "stale" : TONE[state] || "unknown";
  setAttr(node, "data-tone", tone);
  setShape(node.querySelector("svg"), tone);
  setText(node.lastChild, words);
}

function coverText(t, one) {
  const cover = one.coverage;
  if (!cover.expected) return t("không nơi nào phải gửi");
  const shared = t("{n}/{all} trung tâm", { n: cover.received, all: cover.expected });
  const missing = one.missing || [];
  const some = missing.slice(0, 2).join(", ") + (missing.length > 2 ? t(" và {n} nơi nữa", { n: missing.length - 2 }) : "");
  const whole = missing.length ? t("{shared}; thiếu {who}", { shared, who: some }) : shared;
  const more = [cover.approved ? t("{n} nơi đã duyệt", { n: cover.approved }) : "", one.buckets ? t("đủ {n}/{all} kỳ ngắn", { n: one.buckets.whole, all: one.buckets.all }) : ""];
  return [whole, ...more].filter(Boolean).join("; ");
}

/** What a reader must know of the figure itself, before its value is used. */
function badgesText(t, one) {
  const memory = one.evidence === "memory" ? t("theo trí nhớ, phải đối chiếu") : "";
  const typed = one.typed ? t("nhập tay: {n}", { n: one.typed }) : "";
  const marks = one.marks ? t("khác thường: {n}", { n: one.marks }) : "";
  return [memory, typed, marks].filter(Boolean).join(" · ");
}

function putLight(t, node, light) {
  node.hidden = !light;
  if (!light) return;
  const tone = LIGHT_TONE[light.colour] || "unknown";
  setAttr(node, "data-tone", tone);
  setAttr(node, "data-light", light.colour);
  setShape(node.querySelector("svg"), tone);
  setText(node.lastChild, [t.code("light", light.colour, light.title), light.reason].filter(Boolean).join(": "));
}

/** The same period of the year before, under its own coverage. */
function putEarlier(page, node, one) {
  const { t, formats } = page;
  node.hidden = !one.last_year;
  if (!one.last_year) return;
  const then = one.last_year;
  const begin = `${then.period.slice(0, 4)}-01-01`;
  const name = then.period.length === 10 ? formats.day(Date.parse(then.period)) : periodText(t, formats, { key: then.period, begin });
  setText(node, t("cùng kỳ {period}: {value} ({n}/{all})", { period: name, value: valueText(t, then, one.decimals), n: then.coverage.received, all: then.coverage.expected }));
}

function signed(text) { return text.replace(">=", "≥").replace("<=", "≤"); }

/** Target and thresholds in words, and on whose authority. */
function limitsText(t, one) {
  const target = one.target ? t("Mục tiêu {value} {unit}.", { value: numberText(t, one.target, 0), unit: inWords(t, one, "unit") }) : "";
  const limits = one.thresholds;
  if (!limits) return target;
  const said = t("Đạt khi {green}, không đạt khi {red}; chỉ xếp loại khi ít nhất {n}% trung tâm đã gửi.", { green: signed(limits.green), red: signed(limits.red), n: limits.min_coverage });
  const basis = limits.is_official ? t("Ngưỡng theo {basis}.", { basis: limits.basis }) : limits.evidence === "memory" ? t("Ngưỡng theo trí nhớ, phải đối chiếu.") : t("Ngưỡng do dự án đề xuất, không phải quy định.");
  return [target, said, basis].filter(Boolean).join(" ");
}

function revisionText(t, one) {
  const status = t.code("figurestatus", one.status, one.status_title);
  return one.revision ? t("{status}, bản {n}", { status, n: one.revision }) : status;
}

// one figure, down to the signatures -----------------------------------------------------------------------------

function makeFigureDetail(page) {
  const { t, formats, line } = page;
  const back = moving(h("a", { class: "back" }, t("Về danh sách số liệu")));
  const title = h("h2");
  const explain = h("p", { class: "explain" });
  const basis = h("p", { class: "basis" });
  const big = h("div", { class: "big figure" }, h("span", { class: "value" }), h("span", { class: "unit" }));
  const state = h("span", { class: "state" }, shape("unknown"), h("span", { class: "word" }));
  const lamp = h("span", { class: "light", hidden: true }, shape("unknown"), h("span", { class: "said" }));
  const earlier = h("p", { class: "earlier", hidden: true });
  const limits = h("p", { class: "basis limits" });
  const series = h("ol", { class: "series" });
  const seriesPart = h("section", { class: "part" }, h("h3", {}, t("Từng kỳ ngắn")), series);
  const foot = h("p", { class: "foot" });
  const cells = h("ul", { class: "cells" });
  const cellPart = h("section", { class: "part" }, h("h3", {}, t("Chia theo nhóm")), cells);
  const centres = h("ol", { class: "fig-centres" });
  const versions = h("ol", { class: "versions" });
  const noVersion = h("p", { class: "none" }, t("Trung tâm này chưa ký bản nào cho kỳ này."));
  const totals = h("ul", { class: "claims" });
  const claimPart = h("section", { class: "part" }, h("h3", {}, t("Số mà trung tâm ở giữa tự cộng")), h("p", { class: "hint" }, t("Chỉ để so sánh: số ở đây luôn được tính lại từ các bản mà từng trung tâm gốc đã ký.")), totals);
  const root = h("section", { class: "panel fig-detail", hidden: true },
    h("header", {}, back, title),
    h("div", { class: "inner" }, big, lamp, state, earlier, foot, explain, basis, limits, seriesPart, cellPart,
      h("section", { class: "part" }, h("h3", {}, t("Từng trung tâm, chữ ký và thời điểm nhận")), centres),
      h("section", { class: "part" }, h("h3", {}, t("Các bản mà trung tâm này đã ký")), versions, noVersion), claimPart));
  let shown = null;

  function show(one) {
    shown = one;
    root.hidden = !one;
    if (!one) return;
    setAttr(back, "href", address(null, { figure: null }));
    setText(title, inWords(t, one, "name"));
    setText(explain, inWords(t, one, "explain"));
    setText(basis, one.is_official ? t("Chỉ tiêu chính thức theo {basis}.", { basis: one.basis }) : one.evidence === "memory" ? t("Chỉ tiêu theo trí nhớ, phải đối chiếu văn bản gốc.") : t("Chỉ tiêu do dự án đề xuất, không phải quy định."));
    setText(limits, limitsText(t, one));
    limits.hidden = !limits.textContent;
    putLight(t, lamp, one.light);
    putEarlier(page, earlier, one);
    patchList(series, one.series || [], (each) => each.period, () => h("li", {}, h("span", { class: "group" }), h("span", { class: "amount" })), (row, each) => {
      const name = each.period.length === 10 ? formats.day(Date.parse(each.period)) : periodText(t, formats, { key: each.period, begin: one.at });
      setText(row.firstChild, name);
      setText(row.lastChild, `${valueText(t, each, one.decimals)} (${each.coverage.received}/${each.coverage.expected})`);
      setAttr(row, "data-part", each.coverage.received < each.coverage.expected ? "" : null);
    });
    seriesPart.hidden = !(one.series || []).length;
    putValue(page, root, one);
    patchList(cells, one.cells || [], (cell) => cell.dimensions.map((word) => word.code).join("|"), () => h("li", {}, h("span", { class: "group" }), h("span", { class: "amount" })), (row, cell) => {
      setText(row.firstChild, cell.dimensions.map((word) => inWords(t, word, "title")).join(" · "));
      setText(row.lastChild, valueText(t, cell, one.decimals) + (cell.is_confidential ? ` · ${t("mật")}` : ""));
    });
    cellPart.hidden = !(one.cells || []).length;
    patchList(centres, one.centres || [], (each) => each.centre, createCentre, (row, each) => updateCentre(row, each, one));
    patchList(versions, [...(one.revisions || [])].reverse(), (each) => each.rid + each.revision, createVersion, (row, each) => updateVersion(row, each, one));
    noVersion.hidden = (one.revisions || []).length > 0;
    patchList(totals, one.totals || [], (each) => each.centre, createClaim, (row, each) => updateClaim(row, each, one));
    claimPart.hidden = !(one.totals || []).length;
  }

  const createCentre = () => h("li", {}, h("div", { class: "line" }, h("strong"), h("span", { class: "state" }, shape("unknown"), h("span", { class: "word" })), h("span", { class: "amount" })), h("p", { class: "checks", hidden: true }), h("ol", { class: "versions" }));

  function updateCentre(row, each, one) {
    row.ltOne = each;
    setText(row.querySelector("strong"), each.title);
    putState(page, row.querySelector(".state"), each.state, t.code("figurepart", each.state === "unknown" ? "awaited" : each.state, each.state_title));
    const marks = [each.is_typed ? t("nhập tay") : "", each.is_confidential ? t("mật") : "", each.coverage.approved ? t("đã duyệt") : ""].filter(Boolean);
    setText(row.querySelector(".amount"), [valueText(t, each, one.decimals), ...marks].join(" · "));
    const checks = row.querySelector(".checks");
    checks.hidden = !(each.checks || []).length;
    setText(checks, (each.checks || []).map((check) => [`${t.code("figurerule", check.rule, check.title)} (${check.limit})`, ...check.notes.map((note) => `${note.actor}: ${note.note}`)].join("; ")).join(". "));
    patchList(row.lastChild, [...(each.revisions || [])].reverse(), (version) => version.rid + version.revision, createVersion, (inner, version) => updateVersion(inner, version, one));
  }

  const createVersion = () => h("li", { class: "version" }, h("span", { class: "which" }), h("span", { class: "state" }, shape("unknown"), h("span", { class: "word" })), h("span", { class: "when" }), h("span", { class: "skew", hidden: true }, t("đồng hồ nơi gửi chạy trước")));

  function updateVersion(row, each, one) {
    row.ltOne = each;
    const cover = `${each.coverage.received}/${each.coverage.expected}`;
    const value = each.value !== null || each.partial !== null ? valueText(t, { ...each, value: each.value ?? each.partial }, one.decimals) : valueText(t, each, one.decimals);
    setText(row.querySelector(".which"), each.coverage.expected > 1 ? t("Bản {n}: {value} từ {cover} trung tâm", { n: each.revision, value, cover }) : t("Bản {n}: {value}", { n: each.revision, value }));
    const tone = each.verified ? "ok" : each.verified === false ? "alarm" : "unknown";
    const mark = row.querySelector(".state");
    setAttr(mark, "data-tone", tone);
    setShape(mark.firstChild, tone);
    setText(mark.lastChild, each.verified ? t("Chữ ký hợp lệ") : each.verified === false ? t("Chữ ký không hợp lệ") : t("Chưa kiểm được chữ ký"));
    setAttr(mark, "title", each.key_id ? `${t("Khóa")} ${each.key_id}` : each.why_not || null);
    row.querySelector(".skew").hidden = !each.clock_ahead;
  }

  function putWhen(row, now) {
    const each = row.ltOne;
    const before = each.revision > 1 ? t("thay bản {n}", { n: each.revision - 1 }) : "";
    const via = each.via !== each.signer ? t("qua {who}", { who: each.via_title }) : "";
    const got = each.signer === each.via && each.signed_at === each.received_at ? t("ký {time}", { time: formats.moment(each.signed_at) }) : t("ký {time}, nhận {age}", { time: formats.moment(each.signed_at), age: formats.age(each.received_at, now) });
    const entry = each.entry;
    const hand = entry ? t("nhập tay bởi {who}; căn cứ: {what}", { who: entry.actor, what: [entry.evidence, entry.evidence_sha256.slice(0, 12)].filter(Boolean).join(", ") }) : "";
    setText(row.querySelector(".when"), [got, via, before, hand, entry?.note, ...(entry?.marks || [])].filter(Boolean).join("; "));
  }

  const createClaim = () => h("li", {}, h("div", { class: "line" }, h("strong"), h("span", { class: "state" }, shape("unknown"), h("span", { class: "word" })), h("span", { class: "amount" })));

  function updateClaim(row, each, one) {
    setText(row.querySelector("strong"), each.title);
    const tone = each.agrees ? "ok" : each.agrees === false ? "alarm" : "unknown";
    const mark = row.querySelector(".state");
    setAttr(mark, "data-tone", tone);
    setShape(mark.firstChild, tone);
    setText(mark.lastChild, each.agrees ? t("Khớp với số tính lại tại đây") : each.agrees === false ? t("KHÔNG khớp với số tính lại tại đây") : t("Tính từ các bản khác với các bản đang có ở đây"));
    setText(row.querySelector(".amount"), valueText(t, { ...each, value: each.value ?? each.partial }, one.decimals));
  }

  function tick(now) {
    if (!shown) return;
    putState(page, state, line.lost ? "stale" : shown.state, line.lost ? t("Số liệu cũ") : t.code("figure", shown.state, shown.state_title));
    const age = shown.as_of ? t("tính đến {age}", { age: formats.age(shown.as_of, now) }) : t("chưa cập nhật lần nào");
    setText(foot, [coverText(t, shown), age, revisionText(t, shown)].join(" · "));
    for (const row of root.querySelectorAll(".version")) putWhen(row, now);
  }

  return { root, show, tick };
}
