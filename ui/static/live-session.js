import { h } from "./ui-core.js";

// Whether the visitor is still signed in. A session that ended is told calmly, once, with the way back to this page;
// from then on nothing here claims to be live.

const EVERY_MS = 20000;
const ASKED_BY_ITSELF = { Accept: "application/json", "Lt-Unattended": "1" }; // asking keeps no session alive

/** Call `over` when the node no longer knows the visitor; a window that was signed in again comes back by itself. */
export function watchSession(over) {
  let isOver = false;
  const ask = async () => {
    try {
      const answer = await fetch("/api/v1/session", { headers: ASKED_BY_ITSELF, cache: "no-store" });
      if (answer.status === 401 && !isOver) { isOver = true; over(); }
      else if (answer.ok && isOver) location.reload();
    } catch { /* the line is down; that is told elsewhere */ }
  };
  const clock = setInterval(ask, EVERY_MS);
  const look = () => { if (!document.hidden) ask(); };
  document.addEventListener("visibilitychange", look);
  // Streamlit's own connection is refused first: its questions come back with 401, seconds before its dialog would open
  const refusals = new PerformanceObserver((list) => { if (list.getEntries().some((one) => one.responseStatus === 401)) ask(); });
  refusals.observe({ type: "resource" });
  return () => { clearInterval(clock); document.removeEventListener("visibilitychange", look); refusals.disconnect(); };
}

/** What is said when the session is over; it cannot be put away, because what lies behind it is not live any more. */
export function makeOver(t) {
  const again = h("a", { class: "again" }, t("Đăng nhập lại"));
  const dialog = h("dialog", { class: "over", "aria-labelledby": "over-title", "aria-describedby": "over-words" },
    h("h2", { id: "over-title" }, t("Phiên đã hết hạn")),
    h("p", { id: "over-words" }, t("Trang này đã ngừng cập nhật. Việc đã ghi không mất; nội dung đang nhập dở chưa được gửi. Đăng nhập lại sẽ trở về đúng trang này.")),
    again);
  dialog.addEventListener("cancel", (event) => event.preventDefault());
  const show = () => {
    again.href = `/login?next=${encodeURIComponent(location.pathname + location.search)}${t.language === "en" ? "&lang=en" : ""}`;
    document.body.toggleAttribute("data-lt-over", true); // Streamlit's own dialog about its connection stays away
    if (!dialog.open) dialog.showModal();
  };
  return { dialog, show };
}

/** The notice alone, for a page that the node refused before anything else was drawn. */
export function makeOverPage(page) {
  const { dialog, show } = makeOver(page.t);
  const root = h("div", {}, dialog);
  return { root, on: () => {}, update: () => requestAnimationFrame(show) };
}
