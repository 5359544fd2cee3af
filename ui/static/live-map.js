import { centreWord, go, h, patchList, s, setAttr, setShape, setText, shape, TONES } from "./ui-core.js";

// Centres as points and areas in an SVG, and the same centres as a grid and as a table: no tiles, no internet.

const WIDTH = 720;
const HEIGHT = 460;
const EDGE = 46;
const LABEL_WIDTH = 205;
const LABEL_HEIGHT = 42;

export function makeMap(page) {
  const { t, formats } = page;
  const areas = s("g", { class: "areas" });
  const edges = s("g", { class: "edges" });
  const leaders = s("g", { class: "leaders" });
  const dots = s("g", { class: "dots" });
  const marks = s("g", { class: "marks" });
  const svg = s("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "map", role: "group", "aria-label": t("Bản đồ các trung tâm") }, areas, leaders, edges, dots, marks);
  const grid = h("ul", { class: "grid", hidden: true });
  const table = h("tbody");
  const head = [t("Trung tâm"), t("Trạng thái"), t("Đang mở"), t("Chờ gửi"), t("Liên lạc lần cuối")];
  const sheet = h("div", { class: "sheet", hidden: true },
    h("table", {}, h("thead", {}, h("tr", {}, ...head.map((word) => h("th", { scope: "col" }, word)))), table));
  const views = { map: svg, grid, table: sheet };
  const names = { map: t("Bản đồ"), grid: t("Ô lưới"), table: t("Bảng") };
  const tabs = h("div", { class: "tabs", role: "group", "aria-label": t("Cách hiện") },
    ...Object.keys(views).map((name) => h("button", { type: "button", "data-view": name, "aria-pressed": String(name === "map"), onclick: () => turn(name) }, names[name])));
  const legend = h("ul", { class: "legend" },
    ...["live", "late", "silent", "unknown"].map((state) => h("li", { "data-tone": TONES[state] }, shape(TONES[state]), centreWord(t, {}, state))));
  const root = h("div", { class: "map-box" }, svg, grid, sheet, legend);
  let shown = "map";
  let centres = [];

  function turn(name) {
    shown = name;
    for (const [key, view] of Object.entries(views)) setAttr(view, "hidden", key === name ? null : "");
    for (const tab of tabs.children) setAttr(tab, "aria-pressed", tab.dataset.view === name);
    setAttr(legend, "hidden", name === "table" ? "" : null);
  }

  function show(items, incidents) {
    centres = items;
    const project = projection(items.filter((one) => one.point), page.data.areas || []);
    const placed = spread(project ? items.filter((one) => one.point).map((one) => ({ ...one, at: project(one.point) })) : []);
    drawAreas(project);
    drawEdges(placed);
    drawLeaders(placed);
    const spots = project ? incidents.filter((one) => one.place).map((one) => ({ ...one, at: project(one.place) })) : [];
    const circles = [...spots.map((one) => ({ at: one.at, r: 9 })), ...placed.map((one) => ({ at: one.at, r: 17 }))];
    patchList(marks, placed.map((one) => ({ ...one, left: leansLeft(one.at, circles) })), (one) => one.name, createMark, updateMark);
    patchList(dots, spots.filter((one) => one.at.x > 0 && one.at.x < WIDTH && one.at.y > 0 && one.at.y < HEIGHT), (one) => one.id, createDot, updateDot);
    patchList(grid, items, (one) => one.name, createCell, updateCell);
    patchList(table, items, (one) => one.name, createRow, updateRow);
    tick(page.line.now());
  }

  function drawAreas(project) {
    const near = project ? (page.data.areas || []).filter((area) => area.radius_m && page.wanted(area.code)) : [];
    patchList(areas, near, (area) => area.code, () => s("circle", { class: "area" }), (circle, area) => {
      const at = project(area.point);
      setAttr(circle, "cx", at.x.toFixed(1));
      setAttr(circle, "cy", at.y.toFixed(1));
      setAttr(circle, "r", (area.radius_m * project.perMetre).toFixed(1));
    });
  }

  /** A centre reports to its parent; where the node names none, to the centre that is looking. */
  function drawEdges(placed) {
    const known = new Map(placed.map((one) => [one.name, one]));
    const joined = placed.map((one) => ({ ...one, to: known.get(one.parent) || known.get(page.own()) })).filter((one) => one.to && one.to.name !== one.name);
    patchList(edges, joined, (one) => one.name, () => s("line", {}), (line, one) => {
      for (const [name, value] of Object.entries({ x1: one.to.at.x, y1: one.to.at.y, x2: one.at.x, y2: one.at.y })) setAttr(line, name, value.toFixed(1));
      setAttr(line, "data-tone", TONES[page.centreState(one)]);
    });
  }

  /** A mark that had to make room keeps a thread to where its centre lies. */
  function drawLeaders(placed) {
    const far = placed.filter((one) => Math.hypot(one.at.x - one.from.x, one.at.y - one.from.y) > 14);
    patchList(leaders, far, (one) => one.name, () => s("g", {}, s("line", {}), s("circle", { r: 2.5 })), (leader, one) => {
      const ends = { x1: one.from.x, y1: one.from.y, x2: one.at.x, y2: one.at.y };
      for (const [name, value] of Object.entries(ends)) setAttr(leader.firstChild, name, value.toFixed(1));
      setAttr(leader.lastChild, "cx", one.from.x.toFixed(1));
      setAttr(leader.lastChild, "cy", one.from.y.toFixed(1));
    });
  }

  function createMark(one) {
    const sign = shape("unknown");
    for (const [name, value] of Object.entries({ x: -11, y: -11, width: 22, height: 22 })) sign.setAttribute(name, value);
    const mark = s("g", { class: "mark", tabindex: "0", role: "button" }, s("title", {}), s("circle", { r: 17, class: "ground" }), sign, s("text", { class: "name", y: -2 }), s("text", { class: "figure", y: 14 }));
    pressable(mark, () => page.filterBy(one.code));
    return mark;
  }

  function updateMark(mark, one) {
    const state = page.centreState(one);
    setAttr(mark, "transform", `translate(${one.at.x.toFixed(1)} ${one.at.y.toFixed(1)})`);
    for (const text of mark.querySelectorAll("text")) { setAttr(text, "x", one.left ? -23 : 23); setAttr(text, "text-anchor", one.left ? "end" : "start"); }
    setAttr(mark, "data-tone", TONES[state]);
    setAttr(mark, "aria-pressed", page.area === one.code);
    setShape(mark.querySelector("svg"), TONES[state]);
    setText(mark.querySelector(".name"), one.title);
    setText(mark.querySelector(".figure"), [centreWord(t, {}, state), openText(one)].filter(Boolean).join(" · "));
    setText(mark.querySelector("title"), `${one.title}: ${centreWord(t, one, state)}`);
  }

  function createDot(item) {
    const sign = shape("level1");
    for (const [name, value] of Object.entries({ x: -6, y: -6, width: 12, height: 12 })) sign.setAttribute(name, value);
    const dot = s("g", { class: "dot", tabindex: "0", role: "link" }, s("title", {}), s("circle", { r: 9, class: "ground" }), sign);
    pressable(dot, () => go(page.addressOf(item.id)));
    return dot;
  }

  function updateDot(dot, item) {
    setAttr(dot, "transform", `translate(${item.at.x.toFixed(1)} ${item.at.y.toFixed(1)})`);
    setAttr(dot, "data-severity", item.severity);
    setShape(dot.querySelector("svg"), `level${item.severity}`);
    setText(dot.querySelector("title"), `#${item.number} ${item.title}`);
  }

  /** What is not known is not written as a number. */
  const openText = (one) => (typeof one.open_incidents === "number" ? t("{n} đang mở", { n: formats.number(one.open_incidents) }) : "");

  function createCell(one) {
    return h("li", {}, h("button", { type: "button", class: "cell", onclick: () => page.filterBy(one.code) },
      h("span", { class: "name" }), h("span", { class: "state" }, shape("unknown"), h("span", { class: "word" })),
      h("span", { class: "figure" }), h("span", { class: "age" })));
  }

  function updateCell(item, one) {
    const cell = item.firstChild;
    const state = page.centreState(one);
    item.ltOne = one;
    setAttr(cell, "data-tone", TONES[state]);
    setAttr(cell, "aria-pressed", page.area === one.code);
    setText(cell.querySelector(".name"), one.title);
    setShape(cell.querySelector("svg"), TONES[state]);
    setText(cell.querySelector(".word"), centreWord(t, one, state));
    setText(cell.querySelector(".figure"), openText(one));
  }

  function createRow() {
    return h("tr", {}, h("th", { scope: "row" }), h("td", { class: "state" }, shape("unknown"), h("span", { class: "word" })), h("td", { class: "num" }), h("td", { class: "num" }), h("td", { class: "age" }));
  }

  function updateRow(row, one) {
    const state = page.centreState(one);
    row.ltOne = one;
    setText(row.children[0], one.title);
    setAttr(row.children[1], "data-tone", TONES[state]);
    setShape(row.querySelector("svg"), TONES[state]);
    setText(row.querySelector(".word"), centreWord(t, one, state));
    setText(row.children[2], formats.number(one.open_incidents));
    setText(row.children[3], formats.number(one.waiting));
  }

  function tick(now) {
    for (const item of grid.children) setText(item.querySelector(".age"), formats.age(item.ltOne.as_of, now));
    for (const row of table.children) setText(row.querySelector(".age"), formats.age(row.ltOne.as_of, now));
  }

  return { root, tabs, show, tick, shown: () => shown, centres: () => centres };
}

function pressable(node, act) {
  node.addEventListener("click", act);
  node.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); act(); } });
}

/** Degrees to the drawing's units around the given centres; metres stay round because longitude is shortened. */
function projection(placed, areas) {
  if (!placed.length) return null;
  const reach = new Map(areas.map((area) => [area.code, (area.radius_m || 0) / 111320]));
  const squeeze = Math.cos((placed[0].point.lat * Math.PI) / 180);
  let [west, east, south, north] = [Infinity, -Infinity, Infinity, -Infinity];
  for (const { point, code } of placed) {
    const margin = Math.max(0.01, Math.min(reach.get(code) || 0, placed.length > 1 ? 0.022 : 0.05));
    west = Math.min(west, point.lon * squeeze - margin);
    east = Math.max(east, point.lon * squeeze + margin);
    south = Math.min(south, point.lat - margin);
    north = Math.max(north, point.lat + margin);
  }
  const scale = Math.min((WIDTH - 2 * EDGE) / (east - west), (HEIGHT - 2 * EDGE) / (north - south));
  const left = (WIDTH - (east - west) * scale) / 2;
  const top = (HEIGHT - (north - south) * scale) / 2;
  const project = ({ lat, lon }) => ({ x: left + (lon * squeeze - west) * scale, y: top + (north - lat) * scale });
  project.perMetre = scale / 111320;
  return project;
}

/** A label stands to the right of its mark, unless the drawing ends there or fewer circles lie on the left. */
function leansLeft(at, circles) {
  if (at.x > WIDTH - LABEL_WIDTH) return true;
  if (at.x < LABEL_WIDTH) return false;
  const covered = (way) => circles.filter(({ at: one, r }) => {
    const along = (one.x - at.x) * way;
    return along > 23 - r && along < LABEL_WIDTH + r - 20 && Math.abs(one.y - at.y) < 18 + r && Math.hypot(one.x - at.x, one.y - at.y) > 2;
  }).length;
  return covered(-1) < covered(1);
}

/** Push marks apart whose labels would lie on each other, along the shorter way, and never off the drawing. */
function spread(placed) {
  const moved = placed.map((one, number) => ({ ...one, from: one.at, at: { x: one.at.x, y: one.at.y + (number % 3) - 1 } }));
  const inside = (at) => { at.x = Math.max(24, Math.min(WIDTH - 24, at.x)); at.y = Math.max(24, Math.min(HEIGHT - 24, at.y)); };
  for (let round = 0; round < 120; round += 1) {
    let calm = true;
    for (let i = 0; i < moved.length; i += 1) {
      for (let j = i + 1; j < moved.length; j += 1) {
        const [a, b] = [moved[i].at, moved[j].at];
        const [dx, dy] = [b.x - a.x, b.y - a.y];
        const [wide, high] = [LABEL_WIDTH - Math.abs(dx), LABEL_HEIGHT - Math.abs(dy)];
        if (wide <= 0 || high <= 0) continue;
        calm = false;
        if (high * 1.6 <= wide) { const way = dy < 0 ? -1 : 1; a.y -= (way * high) / 3; b.y += (way * high) / 3; }
        else { const way = dx < 0 ? -1 : 1; a.x -= (way * wide) / 3; b.x += (way * wide) / 3; }
      }
    }
    moved.forEach((one) => inside(one.at));
    if (calm) break;
  }
  return moved;
}
