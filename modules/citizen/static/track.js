// The tracking page asks again every few seconds and says how old what it shows is.
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const english = document.documentElement.lang === "en";
  const say = (vietnamese, englishText) => (english ? englishText : vietnamese);
  const url = byId("facts").dataset.url;
  const PERIOD_MS = 5000;
  const LONGEST_MS = 60000;
  const clock = new Intl.DateTimeFormat("vi-VN", { timeZone: "Asia/Ho_Chi_Minh", hour: "2-digit", minute: "2-digit", day: "2-digit", month: "2-digit", year: "numeric" });
  let heardAt = performance.now();
  let failures = 0;
  let version = null;

  const eventItem = (event) => {
    const item = document.createElement("li");
    const time = document.createElement("time");
    time.dateTime = event.at;
    const part = Object.fromEntries(clock.formatToParts(new Date(event.at)).map((piece) => [piece.type, piece.value]));
    time.textContent = `${part.hour}:${part.minute} ${part.day}/${part.month}/${part.year}`;
    const title = document.createElement("strong");
    title.textContent = event.title;
    item.append(time, " ", title, " " + event.centre);
    if (event.verified) {
      const verified = document.createElement("small");
      verified.textContent = say("Chữ ký đã kiểm tra", "Signature verified");
      item.append(" ", verified);
    }
    if (event.note) item.append(document.createElement("br"), `${event.note_label}: ${event.note}`);
    return item;
  };
  const show = (report) => {
    byId("status").textContent = report.status_title;
    byId("holder").textContent = report.holder_title;
    byId("overdue").hidden = !report.overdue;
    byId("waiting").textContent = report.waiting || "";
    byId("waiting").hidden = !report.waiting;
    const now = `${report.may_rate}${report.may_reopen}`;
    if (version !== null && version !== now) return location.reload(); // the forms below belong to the status
    version = now;
    byId("timeline").replaceChildren(...report.timeline.map(eventItem));
  };
  const ask = async () => {
    try {
      const answer = await fetch(url, { headers: { Accept: "application/json" }, cache: "no-store", signal: AbortSignal.timeout(10000) });
      if (!answer.ok) throw new Error(String(answer.status));
      show(await answer.json());
      heardAt = performance.now();
      failures = 0;
    } catch { failures += 1; }
    setTimeout(ask, document.hidden ? LONGEST_MS : Math.min(LONGEST_MS, PERIOD_MS * 2 ** Math.min(failures, 4)));
  };
  setInterval(() => {
    const seconds = Math.round((performance.now() - heardAt) / 1000);
    const lost = failures > 1 ? say("Mất kết nối. ", "Connection lost. ") : "";
    byId("age").textContent = lost + say(`Cập nhật ${seconds} giây trước`, `Updated ${seconds} seconds ago`);
  }, 1000);
  document.addEventListener("visibilitychange", () => { if (!document.hidden && performance.now() - heardAt > PERIOD_MS) ask(); });
  setTimeout(ask, PERIOD_MS);
})();
