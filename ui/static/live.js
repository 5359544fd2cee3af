import { address, h, makeFormats, makeWords, quietLine, setText, sharedLine } from "./ui-core.js";
import { makeBar } from "./live-bar.js";
import { makeHead, makeStory } from "./live-detail.js";
import { makeFigures } from "./live-figures.js";
import { makeQueue } from "./live-queue.js";
import { makeOverPage } from "./live-session.js";
import { makeSituation } from "./live-situation.js";

// The entry of the component. Streamlit calls it again for each script run; the same parent keeps its view, and a view
// that is already on the page is only told its new data.

const MAKERS = { bar: makeBar, situation: makeSituation, list: makeList, head: makeHead, story: makeStory, figures: makeFigures, over: makeOverPage };
const mounted = new WeakMap();

export default function live({ data, parentElement, setTriggerValue }) {
  const host = parentElement.querySelector(".lt") || parentElement;
  let page = mounted.get(host);
  const token = `${data.view}|${data.language}|${data.live !== false}`;
  if (!page || page.token !== token) {
    page?.close();
    page = mount(host, data, token);
  }
  page.data = data;
  page.send = (event, value) => setTriggerValue(event, value);
  page.part.update();
  const use = (page.use = (page.use || 0) + 1);
  return () => { // a run that was overtaken also cleans up: only the newest one may take the view down
    if (mounted.get(host) !== page || page.use !== use) return;
    page.close();
    mounted.delete(host);
  };
}

function mount(host, data, token) {
  const t = makeWords(data.language, data.table || {});
  const page = { t, data, token, formats: makeFormats(t), line: data.live === false ? quietLine() : sharedLine() };
  page.listAddress = () => address("/dash/incidents", {});
  page.addressOf = (id) => address("/dash/incidents", { incident: id });
  page.part = MAKERS[data.view](page);
  host.replaceChildren(page.part.root);
  page.send = () => {};
  const leave = page.line.listen((line, what) => { if (what !== "begin") page.part.on(what); });
  page.close = () => { leave(); page.part.close?.(); };
  mounted.set(host, page);
  return page;
}

/** The list of the incidents screen: what the node found for the filters, kept fresh by the line. */
function makeList(page) {
  const { t } = page;
  const queue = makeQueue(page);
  const found = h("p", { class: "found" });
  const root = h("div", { class: "list" }, h("div", { class: "list-head" }, found, queue.frozen), queue.root);
  let query = null;
  const show = () => {
    if (query !== page.data.query) { query = page.data.query; queue.reset(); }
    const newest = new Map((page.line.incidents?.items || []).map((one) => [one.id, one]));
    const items = (page.data.items || []).map((one) => (newest.get(one.id)?.version > one.version ? newest.get(one.id) : one));
    setText(found, t("{n} trong {all} sự cố", { n: items.length, all: page.data.total }));
    queue.show(items);
  };
  return { root, update: show, on: (what) => { if (what === "beat") queue.tick(page.line.now()); else if (what === "incidents") show(); } };
}
