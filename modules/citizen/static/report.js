// The report form: position, photo made smaller on the device, progress, drafts. Everything here is an addition:
// without it the form is sent as it stands.
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const form = byId("report");
  const base = form.dataset.base;
  const english = document.documentElement.lang === "en";
  const say = (vietnamese, englishText) => (english ? englishText : vietnamese);
  const DRAFT = "lt-citizen-draft";
  const MINE = "lt-citizen-mine";
  const PHOTO_SIDE = 2048;
  const PHOTO_BYTES = 10 * 1024 * 1024;
  const TIMEOUT_MS = 120000;
  const FIELDS = ["category", "urgency", "description", "lat", "lon", "accuracy_m", "area_code", "place", "name", "phone"];
  let photo = null; // Blob, or null
  let sending = false;

  const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");
  const remembered = (name) => {
    try { return JSON.parse(localStorage.getItem(name)); } catch { return null; }
  };
  const remember = (name, value) => {
    try {
      if (value === null) localStorage.removeItem(name); else localStorage.setItem(name, JSON.stringify(value));
      return true;
    } catch { return false; } // storage full or forbidden
  };
  form.elements.key.value = newKey();
  document.querySelectorAll(".scripted").forEach((part) => { part.hidden = false; });

  // problems ---------------------------------------------------------------------------------------------------
  const showProblem = (title, detail, errors = []) => {
    byId("problem-title").textContent = title;
    byId("problem-detail").textContent = errors.some((error) => error.message === detail) ? "" : detail;
    const list = byId("problem-list");
    list.replaceChildren();
    form.querySelectorAll("[aria-invalid]").forEach((field) => field.removeAttribute("aria-invalid"));
    for (const error of errors) {
      const link = document.createElement("a");
      link.href = "#" + (error.field === "photo" ? "photo-group" : error.field);
      link.textContent = error.message;
      const item = document.createElement("li");
      item.append(link);
      list.append(item);
      const field = byId(error.field);
      if (field) field.setAttribute("aria-invalid", "true");
    }
    byId("problem").hidden = false;
    byId("problem").focus();
  };

  // where ------------------------------------------------------------------------------------------------------
  const forgetPlace = (text = "") => {
    for (const name of ["lat", "lon", "accuracy_m"]) form.elements[name].value = "";
    byId("located").textContent = text;
    byId("unlocate").hidden = true;
    byId("area-choice").hidden = false;
  };
  const placeFound = async (position) => {
    const { latitude, longitude, accuracy } = position.coords;
    let found = null;
    try {
      const answer = await fetch(`${base}/api/locate?lat=${latitude}&lon=${longitude}`, { headers: { Accept: "application/json" } });
      if (answer.ok) found = await answer.json();
    } catch { /* offline: the centre looks the place up when it gets the report */ }
    if (found && !found.inside) return forgetPlace(found.message);
    form.elements.lat.value = latitude.toFixed(6);
    form.elements.lon.value = longitude.toFixed(6);
    form.elements.accuracy_m.value = Math.round(accuracy);
    const about = say(`sai số khoảng ${Math.round(accuracy)} m`, `to about ${Math.round(accuracy)} m`);
    const where = found ? found.message.replace(/\.$/, "") : say("Đã lấy vị trí", "Position taken");
    byId("located").textContent = accuracy >= 1 ? `${where} (${about}).` : `${where}.`;
    byId("area-choice").hidden = true;
    byId("unlocate").hidden = false;
  };
  byId("locate").addEventListener("click", () => {
    const without = say("Không lấy được vị trí. Bạn vẫn gửi được: hãy chọn xã, phường và ghi nơi xảy ra.",
      "No position. You can still send: choose the commune and describe the place.");
    if (!navigator.geolocation) return forgetPlace(without);
    byId("located").textContent = say("Đang tìm vị trí…", "Looking for your position…");
    navigator.geolocation.getCurrentPosition(placeFound, () => forgetPlace(without),
      { enableHighAccuracy: true, timeout: 15000, maximumAge: 60000 });
  });
  byId("unlocate").addEventListener("click", () => forgetPlace());

  // photo ------------------------------------------------------------------------------------------------------
  const input = byId("photo");
  const preview = byId("preview");
  input.hidden = true; // the two buttons open it
  const showPhoto = (blob) => {
    photo = blob;
    if (preview.src) URL.revokeObjectURL(preview.src);
    preview.removeAttribute("src");
    if (blob) preview.src = URL.createObjectURL(blob); else input.value = "";
    preview.hidden = !blob;
    byId("unphoto").hidden = !blob;
  };
  const smaller = async (file) => {
    try {
      const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
      const scale = Math.min(1, PHOTO_SIDE / Math.max(bitmap.width, bitmap.height));
      const canvas = document.createElement("canvas");
      canvas.width = Math.max(1, Math.round(bitmap.width * scale));
      canvas.height = Math.max(1, Math.round(bitmap.height * scale));
      canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
      bitmap.close();
      const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.82));
      return blob || file;
    } catch { return file; } // the centre decides
  };
  input.addEventListener("change", async () => showPhoto(input.files.length ? await smaller(input.files[0]) : null));
  byId("shoot").addEventListener("click", () => { input.setAttribute("capture", "environment"); input.click(); });
  byId("pick").addEventListener("click", () => { input.removeAttribute("capture"); input.click(); });
  byId("unphoto").addEventListener("click", () => showPhoto(null));

  // hints ------------------------------------------------------------------------------------------------------
  const complaint = /(^|[^\p{L}])(khiếu nại|tố cáo|tố giác|đơn thư|khiếu kiện)($|[^\p{L}])/iu;
  form.elements.description.addEventListener("input", (event) => {
    byId("complaint-note").hidden = !complaint.test(event.target.value.normalize("NFC"));
  });

  // drafts -----------------------------------------------------------------------------------------------------
  const values = () => Object.fromEntries(FIELDS.map((name) => [name, form.elements[name].value || ""]));
  const asDataUrl = (blob) => new Promise((done) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result);
    reader.onerror = () => done(null);
    reader.readAsDataURL(blob);
  });
  const fromDataUrl = (text) => {
    const [head, body] = text.split(",");
    const bytes = Uint8Array.from(atob(body), (sign) => sign.charCodeAt(0));
    return new Blob([bytes], { type: head.slice(5).split(";")[0] });
  };
  const showDraft = () => {
    const draft = remembered(DRAFT);
    byId("draft").hidden = !draft;
    if (draft) byId("draft-text").textContent = draft.values.description.slice(0, 200) + (draft.photo ? say(" (có ảnh)", " (with photo)") : "");
  };
  const keepDraft = async (key, sent, blob) => {
    const draft = { key, values: sent, photo: blob ? await asDataUrl(blob) : null };
    const kept = remember(DRAFT, draft) || remember(DRAFT, { ...draft, photo: null });
    showDraft();
    return kept;
  };

  // sending ----------------------------------------------------------------------------------------------------
  const post = (key, sent, blob) => new Promise((answer) => {
    const body = new FormData();
    body.set("key", key);
    body.set("lang", document.documentElement.lang);
    for (const [name, value] of Object.entries(sent)) if (value) body.set(name, value);
    if (blob) body.set("photo", blob, "anh.jpg");
    const request = new XMLHttpRequest();
    request.open("POST", form.action);
    request.setRequestHeader("Accept", "application/json");
    request.responseType = "json";
    request.timeout = TIMEOUT_MS;
    request.upload.onprogress = (event) => { if (event.lengthComputable) byId("progress").value = 95 * event.loaded / event.total; };
    request.onload = () => answer({ status: request.status, body: request.response });
    request.onerror = request.ontimeout = () => answer({ status: 0, body: null });
    request.send(body);
  });
  const listMine = () => {
    const mine = remembered(MINE) || [];
    byId("mine").hidden = !mine.length;
    byId("mine-list").replaceChildren(...mine.map((one) => {
      const link = document.createElement("a");
      link.href = one.url;
      const code = document.createElement("span");
      code.className = "code";
      code.textContent = one.code;
      link.append(code, " " + one.text);
      const item = document.createElement("li");
      item.append(link);
      return item;
    }));
  };
  const recorded = (answer, sent) => {
    remember(DRAFT, null);
    const mine = (remembered(MINE) || []).filter((one) => one.code !== answer.code);
    remember(MINE, [{ code: answer.code, url: answer.track_url, text: sent.description.slice(0, 60) }, ...mine].slice(0, 10));
    form.hidden = byId("problem").hidden = true;
    byId("draft").hidden = true;
    byId("done-code").textContent = answer.code;
    byId("done-note").textContent = answer.note || "";
    byId("done-track").href = answer.track_url;
    byId("done").hidden = false;
    byId("done").focus();
    listMine();
  };
  const send = async (key, sent, blob) => {
    if (sending) return;
    sending = true;
    const buttons = [byId("send"), byId("draft-send"), byId("draft-drop")];
    buttons.forEach((button) => { button.disabled = true; });
    byId("sending").hidden = false;
    byId("progress").value = 0;
    byId("problem").hidden = true;
    const { status, body } = await post(key, sent, blob);
    byId("sending").hidden = true;
    buttons.forEach((button) => { button.disabled = false; });
    sending = false;
    if ((status === 201 || status === 200) && body && body.code) return recorded(body, sent);
    if (status === 0 || status === 429 || status >= 500) {
      const kept = await keepDraft(key, sent, blob);
      return showProblem(say("Chưa gửi được", "Not sent"), (body && body.detail ? body.detail + " " : "") + (kept
        ? say("Bản nháp được giữ trên máy này. Khi có mạng, hãy bấm “Gửi bản nháp”.", "A draft is kept on this device. Tap “Send the draft” when you are online.")
        : say("Máy này không giữ được bản nháp; hãy giữ trang này mở và gửi lại.", "This device cannot keep a draft; leave this page open and send again.")));
    }
    if (status === 409) form.elements.key.value = newKey();
    showProblem(body && body.title || say("Chưa gửi được", "Not sent"), body && body.detail || "", body && body.errors || []);
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (photo && photo.size > PHOTO_BYTES) {
      return showProblem(say("Chưa gửi được", "Not sent"), "", [{ field: "photo", message: say("Ảnh lớn hơn 10 MB.", "The photo is larger than 10 MB.") }]);
    }
    send(form.elements.key.value, values(), photo);
  });
  byId("draft-send").addEventListener("click", () => {
    const draft = remembered(DRAFT);
    if (draft) send(draft.key, draft.values, draft.photo ? fromDataUrl(draft.photo) : null);
  });
  let giveBack = null; // what was dropped last, until it is taken back or the page is left
  const drop = (name, show, text) => {
    const was = remembered(name);
    giveBack = () => { remember(name, was); show(); };
    remember(name, null);
    show();
    byId("dropped-text").textContent = text;
    byId("undo").textContent = say("Hoàn tác", "Undo");
    byId("dropped").hidden = false;
    byId("undo").focus();
  };
  byId("draft-drop").addEventListener("click", () => drop(DRAFT, showDraft, say("Đã xóa bản nháp.", "The draft is deleted.")));
  byId("mine-drop").addEventListener("click", () => drop(MINE, listMine, say("Đã xóa danh sách. Không có mã thì không tra cứu được.", "The list is cleared. Without a code nothing can be tracked.")));
  byId("undo").addEventListener("click", () => {
    if (giveBack) giveBack();
    giveBack = null;
    byId("dropped").hidden = true;
  });
  byId("copy").addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(byId("done-code").textContent);
      byId("copied").textContent = say("Đã chép", "Copied");
    } catch {
      getSelection().selectAllChildren(byId("done-code"));
      byId("copied").textContent = say("Hãy bấm giữ để chép mã đang chọn", "Press and hold to copy the selected code");
    }
  });
  showDraft();
  listMine();
  if ("serviceWorker" in navigator) navigator.serviceWorker.register(`${base}/worker.js`, { scope: `${base}/` }).catch(() => {});
})();
