// What every page of a centre shares: words, formats, age, stale, status shapes, keyed patching, the live line.
// Text from a centre reaches the page through textContent only; nothing here reads or writes HTML.

const ZONE = "Asia/Ho_Chi_Minh";
const SVG = "http://www.w3.org/2000/svg";
const LOST_AFTER_MS = 5000; // three ticks of two seconds cannot all be late
const HANG_AFTER_MS = 12000; // a line that says nothing for so long is opened anew
const RENEW_AFTER_MS = 15000;
const NO_LONGER_WELCOME = 1008; // with this the node closes the line of a session that ended
const WATCH = "incident.read";
const STALE_AFTER_S = 180; // where a figure names no limit of its own

// -- words ---------------------------------------------------------------------------------------

/** `t("...")` in the visitor's language; `t.code("status", "new", "Mới gửi")` for words that the node sends. `table`
 *  holds the English, and in either language the words for codes, which `t.code` takes first and fills. */
export function makeWords(language, table) {
  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (whole, name) => (values && name in values ? String(values[name]) : whole));
  const t = (message, values) => fill(table[message] || message, values);
  t.language = language === "en" ? "en" : "vi";
  t.code = (group, code, fallback, values) => fill(table[`${group}:${code}`] || fallback || String(code ?? ""), values);
  return t;
}

// -- formats -------------------------------------------------------------------------------------

export function makeFormats(t) {
  const locale = t.language === "en" ? "en-GB" : "vi-VN";
  const number = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 });
  const clock = new Intl.DateTimeFormat("en-GB", { timeZone: ZONE, hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const short = new Intl.DateTimeFormat("en-GB", { timeZone: ZONE, hour: "2-digit", minute: "2-digit" });
  const day = new Intl.DateTimeFormat("en-GB", { timeZone: ZONE, day: "2-digit", month: "2-digit", year: "numeric" });
  return {
    number: (value) => (value === null || value === undefined ? "–" : typeof value === "number" ? number.format(value) : String(value)),
    clock: (ms) => clock.format(ms),
    day: (ms) => day.format(ms),
    moment: (iso) => { const ms = Date.parse(iso); return Number.isNaN(ms) ? "–" : `${short.format(ms)} ${day.format(ms)}`; },
    age: (iso, now) => ageText(t, iso, now),
    span: (seconds) => spanText(t, seconds),
  };
}

function spanText(t, seconds) {
  if (seconds < 60) return t("{n} giây", { n: seconds });
  if (seconds < 3600) return t("{n} phút", { n: Math.floor(seconds / 60) });
  if (seconds < 172800) return t("{n} giờ", { n: Math.floor(seconds / 3600) });
  return t("{n} ngày", { n: Math.floor(seconds / 86400) });
}

/** How long ago, in the reader's words; counted here because a server's sentence stops when the line breaks. */
export function ageText(t, iso, now) {
  const seconds = ageSeconds(iso, now);
  if (seconds === null) return t("chưa có số liệu");
  if (seconds < 2) return t("vừa xong");
  return t("{span} trước", { span: spanText(t, seconds) });
}

export function ageSeconds(iso, now) {
  const at = iso ? Date.parse(iso) : NaN;
  return Number.isNaN(at) ? null : Math.max(0, Math.floor((now - at) / 1000));
}

/** A figure older than its own limit is stale, whatever it says; none at all is unknown, never zero. */
export function freshState(state, iso, now, limit) {
  if (state === "unknown" || !iso) return "unknown";
  const seconds = ageSeconds(iso, now);
  return seconds !== null && seconds > (limit ?? STALE_AFTER_S) ? "stale" : state;
}

// -- elements ------------------------------------------------------------------------------------

export function h(tag, properties, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties || {})) {
    if (name === "class") node.className = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

export function s(tag, properties, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(properties || {})) if (value !== null && value !== undefined) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

export function setText(node, text) {
  const value = text === null || text === undefined ? "" : String(text);
  if (node.textContent !== value) node.textContent = value;
}

export function setAttr(node, name, value) {
  if (value === null || value === undefined || value === false) { if (node.hasAttribute(name)) node.removeAttribute(name); }
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, String(value));
}

/** Make `parent` show `items` in order, keeping the element of each key: no flicker, no lost focus or scroll. */
export function patchList(parent, items, keyOf, create, update) {
  const known = parent.ltRows || (parent.ltRows = new Map());
  const wanted = new Set();
  let place = parent.firstElementChild;
  for (const item of items) {
    const key = String(keyOf(item));
    if (wanted.has(key)) continue;
    wanted.add(key);
    let row = known.get(key);
    if (!row) { row = create(item, key); known.set(key, row); }
    update(row, item);
    if (row === place) place = place.nextElementSibling;
    else parent.insertBefore(row, place);
  }
  for (const [key, row] of known) if (!wanted.has(key)) { row.remove(); known.delete(key); }
}

// -- status shapes: never colour alone -----------------------------------------------------------

const SHAPES = {
  ok: () => [s("circle", { cx: 8, cy: 8, r: 6 }), s("path", { d: "M5 8.2l2.2 2.2L11.2 6", class: "cut" })],
  watch: () => [s("path", { d: "M8 1.8 15 14H1z" }), s("path", { d: "M8 6v4M8 11.6v.6", class: "cut" })],
  alarm: () => [s("path", { d: "M5 1h6l4 4v6l-4 4H5l-4-4V5z" }), s("path", { d: "M8 4.2v5M8 11.2v.8", class: "cut" })],
  unknown: () => [s("circle", { cx: 8, cy: 8, r: 6, class: "hollow dashed" }), s("path", { d: "M5.5 8h5", class: "line" })],
  stale: () => [s("path", { d: "M4 2h8M4 14h8M5 2c0 4 6 4 6 6s-6 2-6 6M11 2c0 4-6 4-6 6s6 2 6 6", class: "hollow" })],
  level1: () => [s("circle", { cx: 8, cy: 8, r: 4, class: "hollow" })],
  level2: () => [s("rect", { x: 3, y: 3, width: 10, height: 10, rx: 1.5, class: "hollow" })],
  level3: () => [s("path", { d: "M8 1.8 15 14H1z" })],
  level4: () => [s("path", { d: "M5 1h6l4 4v6l-4 4H5l-4-4V5z" }), s("path", { d: "M8 4.2v5M8 11.2v.8", class: "cut" })],
};

export function shape(kind) {
  const svg = s("svg", { viewBox: "0 0 16 16", class: "shape", "aria-hidden": "true" });
  return setShape(svg, kind);
}

export function setShape(svg, kind) {
  if (svg.ltKind !== kind) {
    svg.replaceChildren(...(SHAPES[kind] || SHAPES.unknown)());
    svg.ltKind = kind;
  }
  return svg;
}

export const TONES = { live: "ok", late: "watch", silent: "alarm", unknown: "unknown", ok: "ok", watch: "watch", alarm: "alarm", stale: "stale" };

export function stateWord(t, state) {
  return {
    ok: t("Bình thường"), watch: t("Cần chú ý"), alarm: t("Báo động"), unknown: t("Chưa có số liệu"), stale: t("Số liệu cũ"),
    live: t("Trực tuyến"), late: t("Chậm"), silent: t("Không trả lời"),
  }[state] || t("Chưa có số liệu");
}

/** What may be said of a centre: one behind a silent relay is unknown through no fault of its own, and whose it is said. */
export function centreWord(t, one, state) {
  if (state !== "unknown") return stateWord(t, state);
  const code = one.reason === "relay_silent" && !one.relay ? "" : one.reason;
  return code && code !== "silent" ? t.code("reason", code, t("Chưa rõ"), { who: one.relay?.title }) : t("Chưa rõ");
}

// -- moving between screens ----------------------------------------------------------------------

/** An address with some of its query replaced; null takes a part away. */
export function address(path, changes) {
  const url = new URL(path || location.pathname, location.origin);
  const query = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(changes)) { if (value === null) query.delete(name); else query.set(name, value); }
  url.search = query.toString();
  return url.pathname + url.search;
}

/** Go there as a browser's own "forward" does: the address is the state, and going back returns. */
export function go(href) {
  history.pushState(null, "", href);
  dispatchEvent(new PopStateEvent("popstate", { state: null }));
}

/** A plain click moves within the page; anything else, such as a new tab, is left to the browser. */
export function moving(link) {
  link.addEventListener("click", (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey || event.button !== 0) return;
    event.preventDefault();
    go(link.getAttribute("href"));
  });
  return link;
}

// -- the live line -------------------------------------------------------------------------------

/** One WebSocket per page, shared by every part that shows live data; comes back by itself. */
export class Line {
  constructor(address) {
    this.address = address;
    this.situation = null;
    this.incidents = null;
    this.listeners = new Set();
    this.opened = false;
    this.over = false;
    this.forbidden = false;
    this.heardAt = performance.now();
    this.offset = 0;
    this.attempt = 0;
    this.seq = 0;
    this.lost = false;
    this.open();
    this.clock = setInterval(() => this.beat(), 1000);
    addEventListener("online", () => this.again(0));
    document.addEventListener("visibilitychange", () => { if (!document.hidden && this.lost) this.again(0); });
  }

  /** The node's time now, in milliseconds; the last known difference is kept while the line is down. */
  now() { return Date.now() + this.offset; }

  silence() { return performance.now() - this.heardAt; }

  listen(listener) {
    this.listeners.add(listener);
    listener(this, "begin");
    return () => this.listeners.delete(listener);
  }

  tell(what) { for (const listener of [...this.listeners]) listener(this, what); }

  open() {
    if (this.forbidden || this.over) return;
    clearTimeout(this.timer);
    this.timer = null;
    const socket = new WebSocket(this.address);
    this.socket = socket;
    socket.onopen = () => { this.opened = true; };
    socket.onmessage = (event) => { if (socket === this.socket) this.take(event.data); };
    socket.onclose = (event) => {
      if (socket !== this.socket) return;
      this.again();
      if (event.code === NO_LONGER_WELCOME) this.ask();
    };
  }

  take(text) {
    let message;
    try { message = JSON.parse(text); } catch { return; }
    this.heardAt = performance.now();
    this.attempt = 0;
    const at = Date.parse(message.at);
    if (!Number.isNaN(at)) this.offset = at - Date.now();
    if (message.type === "situation" || message.type === "incidents") this[message.type] = message.data;
    if (message.type === "situation") this.pictureAt = this.heardAt;
    if (this.lost) { this.lost = false; this.tell("back"); }
    this.tell(message.type);
  }

  again(delay) {
    if (this.over) return;
    const socket = this.socket;
    this.socket = null;
    if (socket) { socket.onclose = null; socket.close(); }
    clearTimeout(this.timer);
    const wait = delay ?? Math.min(8000, 400 * 2 ** this.attempt) * (0.7 + Math.random() * 0.6);
    this.attempt += 1;
    this.timer = setTimeout(() => this.open(), wait);
    if (delay === undefined && this.attempt % 3 === 2) this.ask();
  }

  /** Three refusals in a row: is the session over, may it no longer watch, or is the node down? Only that is a loss. */
  async ask() {
    try {
      const answer = await fetch("/api/v1/session", { headers: { Accept: "application/json", "Lt-Unattended": "1" }, cache: "no-store" });
      if (answer.status === 401) this.end();
      if (answer.ok && !((await answer.json()).permissions || [WATCH]).includes(WATCH)) this.forbid();
    } catch { /* the line is down; the banner says so */ }
  }

  /** Silence of a centre changes a picture without any event: look again where none came for a while. */
  async renew() {
    this.pictureAt = performance.now();
    try {
      const answer = await fetch("/api/v1/situation", { headers: { Accept: "application/json", "Lt-Unattended": "1" }, cache: "no-store" });
      if (!answer.ok) return;
      const situation = await answer.json();
      if (Date.parse(situation.at) < Date.parse(this.situation?.at)) return;
      this.situation = situation;
      this.tell("situation");
    } catch { /* the banner tells a lost line */ }
  }

  /** The node is there and says no: nothing is lost, and asking again would only be refused again. */
  forbid() {
    clearTimeout(this.timer);
    clearInterval(this.clock);
    this.forbidden = true;
    this.lost = false;
    this.tell("forbidden");
  }

  /** The session is over: what was heard last stays, old by its own word, and nothing is asked any more. */
  end() {
    if (this.over) return;
    this.over = true;
    this.lost = true;
    clearTimeout(this.timer);
    const socket = this.socket;
    this.socket = null;
    if (socket) { socket.onclose = null; socket.close(); }
    this.tell("over");
  }

  beat() {
    if (this.over) { this.tell("beat"); return; }
    const silence = this.silence();
    if (silence > HANG_AFTER_MS && this.socket && this.socket.readyState <= 1 && this.heardAt !== this.hungAt) {
      this.hungAt = this.heardAt;
      this.again(0);
    }
    if (!this.lost && this.situation && performance.now() - this.pictureAt > RENEW_AFTER_MS) this.renew();
    if (!this.lost && silence > LOST_AFTER_MS) { this.lost = true; this.tell("lost"); }
    this.tell("beat");
  }
}

let theLine = null;

export function sharedLine() {
  if (!theLine) theLine = new Line(`${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}/ws`);
  return theLine;
}

/** For whoever may not watch: the clock goes on, nothing is asked, and nothing can be lost. */
export function quietLine() {
  const line = { situation: null, incidents: null, lost: false, over: false, quiet: true, now: () => Date.now(), silence: () => 0 };
  line.listen = (listener) => {
    listener(line, "begin");
    const clock = setInterval(() => listener(line, "beat"), 1000);
    return () => clearInterval(clock);
  };
  line.end = () => { line.over = true; };
  return line;
}
