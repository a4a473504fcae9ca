// What is shown, and what changes it.

const byId = (id) => document.getElementById(id);
const state = {
  sweep: DATA.sweeps[0], protocol: null, view: null, axis: DATA.axes[0], hidden: new Set(), sort: null, page: 0,
  chosen: null, hovered: null, zoom: null, shown: [], listed: [], frontiers: new Map(),
};

// How many networks of a sweep have an accuracy: the page opens with the one that has most to see.
function tested(sweep) {
  return rowsOf(sweep.protocols[0].views[0]).filter((row) => row.top1 != null).length;
}

function say(text) {
  byId("status").textContent = text;
}

function chooseSweep(sweep) {
  state.sweep = sweep;
  state.sort = null;
  state.hidden.clear();
  state.view = null;
  options("protocol", sweep.protocols, "protocol");
  chooseProtocol(sweep.protocols[0]);
  drawProvenance();
}

function chooseProtocol(protocol) {
  const before = state.view?.name;
  state.protocol = protocol;
  options("view", protocol.views, "setting");
  const same = protocol.views.findIndex((view) => view.name === before);
  byId("view").value = String(Math.max(0, same));
  chooseView(protocol.views[Math.max(0, same)]);
}

function chooseView(view) {
  const name = state.chosen?.name;
  Object.assign(state, { view, page: 0, zoom: null, hovered: null });
  state.chosen = rowsOf(view).find((row) => row.name === name) ?? null;
  drawAxes();
  drawLines();
  update();
}

function hasAccuracy() {
  return rowsOf(state.view).some((row) => row.top1 != null);
}

// Whether no network is hidden.
function isWhole() {
  return state.shown.length === state.view.count;
}

function isMeasured(axis) {
  return rowsOf(state.view).some((row) => row[axis.column] != null && row.top1 != null);
}

function toggleFamily(name) {
  if (!state.hidden.delete(name)) state.hidden.add(name);
  state.page = 0;
  update();
  say(`${name} ${state.hidden.has(name) ? "hidden" : "shown"}: ${state.shown.length} of ${state.view.count} networks`);
}

function sortBy(column) {
  const own = state.sort?.title === column.title;
  state.sort = { title: column.title, descending: own ? !state.sort.descending : Boolean(column.most) };
  state.page = 0;
  drawTable(state);
  const place = [...table.tHead.rows[0].cells].find((cell) => cell.getAttribute("aria-sort") !== "none");
  place.querySelector("button").focus();
  say(`Sorted by ${column.title}, ${state.sort.descending ? "descending" : "ascending"}`);
}

function choose(row, { from }) {
  state.chosen = row === state.chosen && from === "row" ? null : row;
  if (state.chosen && from !== "row") turnTo(row);
  markChosen(state);
  if (state.chosen && from !== "row") bringIntoView(state);
  drawDetails(state);
  highlight(state);
  if (state.chosen) say(spoken(row));
}

function turnTo(row) {
  const page = Math.floor(state.listed.indexOf(row) / AT_ONCE);
  if (page < 0 || page === state.page) return;
  state.page = page;
  drawTable(state);
}

function spoken(row) {
  const on = state.frontiers.get(state.axis.column).has(row) ? ", on the frontier" : "";
  const accuracy = row.top1 == null ? "" : `, top-1 ${percent(row.top1)} %`;
  return `${row.name}, 3D units: ${unitsInWords(row.units)}${accuracy}, ${state.axis.short} ${cost(row, state.axis)} ${state.axis.unit}${on}`;
}

// A point under the pointer has plotly's label; one whose row is, a ring.
function hover(row, { from }) {
  if (row === state.hovered) return;
  state.hovered = row;
  drawDetails(state);
  if (from === "row") highlight(state);
}

// Everything that depends on which rows are shown.
function update(text) {
  state.shown = rowsOf(state.view).filter((row) => isShown(state.view, row, state.hidden));
  state.frontiers = frontiersOf(state.shown);
  drawFamilies();
  drawTable(state);
  drawDetails(state);
  drawPicture();
  if (text) say(text);
}

function drawPicture() {
  const drawn = rowsOf(state.view).some((row) => row.top1 != null && row[state.axis.column] != null);
  byId("chart").hidden = !drawn;
  document.querySelector(".under").hidden = !drawn;
  byId("empty").hidden = drawn;
  byId("empty").textContent = hasAccuracy()
    ? "No cost is on record beside these accuracies, so there is no picture: tradeoff sweep FILE counts them."
    : "Accuracy was not measured in this sweep, so there is no picture; the table has what was. Give the sweep's file " +
      "data: and train:, or weights:, and run tradeoff sweep FILE.";
  byId("on-frontier").hidden = !hasAccuracy();
  byId("reset").hidden = !state.zoom;
  byId("chart").setAttribute("aria-label", `Top-1 accuracy against ${state.axis.title}: ${state.shown.length} networks, ` +
    `${state.frontiers.get(state.axis.column).size} on the frontier. The table below has the same networks.`);
  if (!drawn) return;
  drawChart(state);
  listenToPlot();
}

function listen() {
  for (const [id, list, chosen] of [
    ["sweep", () => DATA.sweeps, chooseSweep],
    ["protocol", () => state.sweep.protocols, chooseProtocol],
    ["view", () => state.protocol.views, chooseView],
  ]) byId(id).addEventListener("change", (event) => chosen(list()[event.target.value]));
  byId("chart").addEventListener("keydown", stepThrough);
  byId("reset").addEventListener("click", () => zoomTo(null));
  byId("save").addEventListener("click", () => Plotly.downloadImage(plot, { format: "svg", filename: `${state.sweep.name}_${state.axis.column}` }));
  byId("previous").addEventListener("click", () => turn(-1));
  byId("next").addEventListener("click", () => turn(1));
  byId("theme").addEventListener("click", () => setTheme(isDark() ? "light" : "dark"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { showTheme(); drawPicture(); });
  table.addEventListener("click", (event) => { if (rowAt(event)) choose(rowAt(event), { from: "row" }); });
  table.addEventListener("pointerover", (event) => hover(rowAt(event), { from: "row" }));
  table.addEventListener("pointerleave", () => hover(null, { from: "row" }));
  table.addEventListener("keydown", moveAlong);
  new ResizeObserver(() => { if (!byId("chart").hidden) drawChart(state); }).observe(byId("chart"));
}

function listenToPlot() {
  if (plot.dataset.heard) return;
  plot.dataset.heard = "yes";
  const row = (event) => rowsOf(state.view)[event.points[0].customdata];
  plot.on("plotly_click", (event) => choose(row(event), { from: "plot" }));
  plot.on("plotly_hover", (event) => hover(row(event), { from: "plot" }));
  plot.on("plotly_unhover", () => hover(null, { from: "plot" }));
  plot.on("plotly_doubleclick", () => zoomTo(null));
  plot.on("plotly_relayout", (change) => {
    if (!("xaxis.range[0]" in change) && !("yaxis.range[0]" in change)) return;
    const now = plot.layout;
    zoomTo({ x: [...now.xaxis.range], y: [...now.yaxis.range] });
  });
}

function zoomTo(range) {
  state.zoom = range;
  drawPicture();
}

function turn(pages) {
  state.page += pages;
  drawTable(state);
  byId("box").scrollTop = 0;
  say(byId("where").textContent);
}

function rowAt(event) {
  const row = event.target.closest("tbody tr");
  return row ? rowsOf(state.view)[row.dataset.row] : null;
}

// Left and right in the plot: the networks in order of cost.
function stepThrough(event) {
  const column = state.axis.column;
  const rows = state.shown.filter((row) => row.top1 != null && row[column] != null).sort((a, b) => a[column] - b[column]);
  const place = rows.indexOf(state.chosen);
  const next = { ArrowRight: place + 1, ArrowLeft: place < 0 ? rows.length - 1 : place - 1, Home: 0, End: rows.length - 1 }[event.key];
  if (event.key === "Escape") choose(null, { from: "plot" });
  else if (next === undefined) return;
  else if (rows[next]) choose(rows[next], { from: "plot" });
  event.preventDefault();
}

// Up and down in the table: from row to row, of which Tab reaches one.
function moveAlong(event) {
  const rows = [...(table.tBodies[0]?.rows ?? [])];
  const place = rows.indexOf(event.target.closest("tbody tr"));
  const next = { ArrowDown: place + 1, ArrowUp: place - 1, Home: 0, End: rows.length - 1 }[event.key];
  if (place < 0 || next === undefined) return;
  event.preventDefault();
  if (!rows[next]) return;
  rows[place].querySelector("button").tabIndex = -1;
  const button = rows[next].querySelector("button");
  button.tabIndex = 0;
  button.focus({ preventScroll: true });
  rows[next].scrollIntoView({ block: "nearest" });
}

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  showTheme();
  drawPicture();
}

function showTheme() {
  byId("theme").setAttribute("aria-pressed", String(isDark()));
}

byId("folder").textContent = oneLine(`${DATA.folder}, ${DATA.sweeps.length === 1 ? `sweep ${DATA.sweeps[0].name}` : `${DATA.sweeps.length} sweeps`}`);
document.title = oneLine(`Speed against accuracy: ${DATA.sweeps.length === 1 ? DATA.sweeps[0].name : DATA.folder}`);
options("sweep", DATA.sweeps, "sweep");
if (TOUCH) byId("chart-help").textContent = "Tap a network to choose it.";
showTheme();
listen();
const first = DATA.sweeps.reduce((best, sweep) => (tested(sweep) > tested(best) ? sweep : best));
byId("sweep").value = String(DATA.sweeps.indexOf(first));
chooseSweep(first);
