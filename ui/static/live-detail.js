import { address, h, moving, patchList, setAttr, setShape, setText, shape } from "./ui-core.js";
import { custodyWord } from "./live-queue.js";

// One incident: the head says what it is and whether it changed since it was opened; the rest is its story.

export function makeHead(page) {
  const { t, formats, line } = page;
  const back = moving(h("a", { class: "back" }, t("Về danh sách")));
  const title = h("h1", { tabindex: "-1" });
  const facts = h("ul", { class: "chips" });
  const changed = h("div", { class: "changed", role: "status", hidden: true }, h("span"), h("button", { type: "button", onclick: () => page.send("reload", page.data.incident.id) }, t("Xem bản mới")));
  const root = h("div", { class: "head" }, back, changed, title, facts);

  function update() {
    const item = page.data.incident;
    setAttr(back, "href", address(null, { incident: null }));
    setText(title, item.title);
    const chips = [
      ["severity", t.code("severity", item.severity, item.severity_title), `level${item.severity}`],
      ["status", t.code("status", item.status, item.status_title), null],
      ["overdue", item.overdue ? t("Quá hạn") : "", "watch"],
      ["number", `#${item.number}`, null],
      ["area", item.area_name, null],
      ["custody", custodyWord(t, item), null],
      ["due", item.due_at && !item.overdue ? t("Hạn {time}", { time: formats.moment(item.due_at) }) : "", null],
      ["proof", ...proofWord(t, item, line.situation?.centre?.name)],
    ].filter(([, word]) => word);
    patchList(facts, chips, ([name]) => name, () => h("li", {}, shape("unknown"), h("span")), (chip, [name, word, sign]) => {
      setAttr(chip, "data-chip", name);
      setAttr(chip, "data-severity", name === "severity" ? item.severity : null);
      setAttr(chip, "data-tone", sign && !sign.startsWith("level") ? sign : null);
      setText(chip.lastChild, word);
      setAttr(chip.firstChild, "hidden", sign ? null : "");
      chip.firstChild.style.display = sign ? "" : "none";
      if (sign) setShape(chip.firstChild, sign);
    });
    check();
  }

  function check() {
    const item = page.data.incident;
    const newest = line.incidents?.items?.find((one) => one.id === item.id);
    const differs = newest && newest.version > item.version;
    changed.hidden = !differs;
    if (differs) setText(changed.firstChild, t("Vừa có thay đổi: {status} (bản {n}, đang xem bản {m}).", { status: t.code("status", newest.status, newest.status_title), n: newest.version, m: item.version }));
  }

  return { root, on: (what) => { if (what === "situation") update(); else check(); }, update, formats };
}

/** A signature is only said to hold where another centre made it and this one checked it. */
function proofWord(t, item, own) {
  if (item.verified === null || item.verified === undefined || (own && item.origin?.name === own)) return [t("Mở tại đây"), null];
  return item.verified ? [t("Chữ ký hợp lệ"), "ok"] : [t("Chưa kiểm được chữ ký"), "watch"];
}

function proofTitle(t, one) {
  if (one.verified) return t("{who} ký, đã kiểm tại đây", { who: one.title });
  return one.verified === false ? t("{who}: chữ ký không hợp lệ", { who: one.title }) : t("{who}: chưa kiểm chữ ký", { who: one.title });
}

export function makeStory(page) {
  const { t, formats, line } = page;
  const photo = h("figure", { class: "photo", hidden: true }, h("img", { alt: t("Ảnh kèm theo"), loading: "lazy" }), h("figcaption", {}, t("Ảnh thu nhỏ, đã bỏ thông tin vị trí trong tệp")));
  const words = h("p", { class: "words" });
  const facts = h("dl", { class: "facts" });
  const events = h("ol", { class: "timeline" });
  const proofs = h("ul", { class: "proofs" });
  const noProof = h("p", { class: "empty" }, t("Sự cố mở tại đây; chưa có bằng chứng từ nơi khác."));
  const receipts = h("ul", { class: "receipts" });
  const block = (name, ...content) => h("section", { class: "panel" }, h("header", {}, h("h2", {}, name)), h("div", { class: "inner" }, ...content));
  const confirmed = block(t("Xác nhận của cấp trên"), receipts);
  const root = h("div", { class: "story" },
    h("div", {}, block(t("Nội dung"), words, photo, facts)),
    h("div", {}, block(t("Diễn biến"), events), block(t("Chữ ký và nguồn gốc"), proofs, noProof), confirmed));

  function update() {
    const item = page.data.incident;
    setText(words, item.description || t("Không có mô tả."));
    photo.hidden = !item.has_thumbnail;
    if (item.has_thumbnail) setAttr(photo.firstChild, "src", `/api/v1/incidents/${encodeURIComponent(item.id)}/thumbnail`);
    photo.firstChild.onerror = () => { photo.hidden = true; };
    const rows = [
      [t("Loại"), t.code("kind", item.kind, item.kind_title)], [t("Lĩnh vực"), t.code("category", item.category, item.category)],
      [t("Nơi mở"), item.origin?.title], [t("Mở lúc"), formats.moment(item.opened_at)], [t("Cập nhật"), formats.moment(item.updated_at)],
      [t("Thời hạn"), item.due_at ? formats.moment(item.due_at) : ""], [t("Đang giữ"), item.custody?.holder?.title], [t("Lần chuyển giao"), item.custody?.term],
      [t("Vị trí"), item.place ? `${item.place.lat.toFixed(5)}, ${item.place.lon.toFixed(5)}` : t("Không có")], [t("Phiên bản"), item.version],
    ].filter(([, value]) => value !== null && value !== undefined && value !== "");
    patchList(facts, rows, ([name]) => name, () => h("div", {}, h("dt"), h("dd")), (row, [name, value]) => { setText(row.firstChild, name); setText(row.lastChild, value); });
    patchList(events, [...(item.timeline || [])].reverse().map((one, at) => ({ ...one, key: item.timeline.length - at })), (one) => one.key, createEvent, updateEvent);
    patchList(proofs, item.proofs || [], (one) => `${one.origin}${one.key_id}${one.received_at}`, createProof, updateProof);
    noProof.hidden = (item.proofs || []).length > 0;
    confirmed.hidden = !item.receipts;
    patchList(receipts, receiptRows(item.receipts), (one) => one.holder.name, createProof, updateReceipt);
    tick();
  }

  const createEvent = () => h("li", {}, h("div", { class: "what" }), h("div", { class: "note" }), h("div", { class: "by" }, h("span", { class: "who" }), h("span", { class: "where" }), h("time")), h("div", { class: "verified" }, shape("ok"), h("span")));

  function updateEvent(row, one) {
    setText(row.querySelector(".what"), t.code("act", one.act, one.title));
    setText(row.querySelector(".note"), one.detail || one.reason || one.note || "");
    setText(row.querySelector(".who"), typeof one.actor === "object" ? one.actor?.title : one.actor);
    setText(row.querySelector(".where"), one.centre?.title || one.centre || "");
    const time = row.querySelector("time");
    setText(time, formats.moment(one.at));
    setAttr(time, "datetime", one.at);
    const by = verifiers(one.verified_by);
    row.querySelector(".verified").hidden = !by;
    setText(row.querySelector(".verified span"), by ? t("{who} đã kiểm chữ ký", { who: by }) : "");
  }

  const createProof = () => h("li", {}, h("div", { class: "state" }, shape("unknown"), h("strong")), h("div", { class: "by" }), h("code"));

  function updateProof(row, one) {
    const tone = one.verified ? "ok" : one.verified === false ? "alarm" : "unknown";
    setAttr(row.firstChild, "data-tone", tone);
    setShape(row.firstChild.firstChild, tone);
    setText(row.querySelector("strong"), proofTitle(t, one));
    row.ltOne = one;
    setText(row.querySelector("code"), `${t("Khóa")} ${String(one.key_id || "").slice(0, 16)}…`);
    setAttr(row.querySelector("code"), "title", one.key_id);
  }

  function updateReceipt(row, one) {
    const tone = one.received_at ? "ok" : one.late ? "alarm" : "watch";
    setAttr(row.firstChild, "data-tone", tone);
    setShape(row.firstChild.firstChild, tone);
    const values = { who: one.holder.title, time: one.received_at ? formats.moment(one.received_at) : "" };
    setText(row.querySelector("strong"), one.received_at ? t("{who} đã nhận lúc {time} (xác minh)", values) : t("Chưa có xác nhận của {who}", values));
    setText(row.querySelector(".by"), one.bypassed ? t("Đã gửi qua đường vòng") : one.late ? t("Quá thời gian chờ") : "");
    row.querySelector("code").hidden = true;
  }

  function tick() {
    for (const row of proofs.children) {
      const one = row.ltOne;
      const values = { age: formats.age(one.received_at, line.now()), via: one.via?.title };
      const relayed = one.via && one.via.name !== one.origin;
      setText(row.querySelector(".by"), !one.received_at ? "" : relayed ? t("Nhận {age}, qua {via}", values) : t("Nhận {age}", values));
    }
  }

  return { root, on: (what) => { if (what === "beat") tick(); }, update };
}

/** Who above has signed for this centre's own word, then who has not yet. */
function receiptRows(known) {
  if (!known) return [];
  const missing = known.missing ? [{ ...known.missing, bypassed: known.bypassed }] : [];
  return [...known.confirmed.filter((one) => one.holder.name !== known.missing?.holder.name), ...missing];
}

function verifiers(value) {
  if (!value) return "";
  if (Array.isArray(value)) return value.map((one) => one?.title || one).join(", ");
  return typeof value === "object" ? value.title || value.name : String(value);
}
