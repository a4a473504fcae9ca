// The table of the networks shown, sorted by a heading, and the panel of the one that is chosen.

const table = document.getElementById("table");
const AT_ONCE = 200; // rows

// Columns: a heading, what a cell shows, what it is sorted by, and whether the largest come first.
function columnsOf(view, rows, frontiers) {
  const has = (name) => rows.some((row) => row[name] != null);
  const several = view.name === "best" || new Set(rows.map(setting)).size > 1;
  const number = (column, title) => ({ title, text: (row) => digits(row[column]), by: (row) => row[column] });
  const on = (row) => DATA.axes.filter((axis) => axis.brief && frontiers.get(axis.column).has(row)).map((axis) => axis.brief);
  // They are among all networks: beside a frontier of those shown they would contradict it.
  const sure = isWhole() ? DATA.axes.filter((axis) => has(`p_frontier_${axis.column}`)) : [];
  return [
    { title: "Variant", by: (row) => row.name },
    { title: "Units 1a … 5c", left: true, node: (row) => strip(row.units), by: (row) => row.units || null },
    number("params", "Params (M)"),
    number("macs", "MACs (G)"),
    { title: "Top-1 % [95 %]", text: (row) => percent(row.top1, row.top1_low, row.top1_high), by: (row) => row.top1, most: true },
    ...(has("top5") ? [{ title: "Top-5 %", text: (row) => percent(row.top5), by: (row) => row.top5, most: true }] : []),
    { title: "Latency ms [95 %]", text: latency, by: (row) => row.latency_ms },
    ...(several ? [{ title: "Setting", left: true, text: (row) => setting(row) || MISSING, by: setting }] : []),
    ...(has("peak_memory_bytes") ? [number("peak_memory_bytes", "Peak memory (MB)")] : []),
    ...(has("activation_bytes") ? [number("activation_bytes", "Activations (MB)")] : []),
    ...(has("seeds") ? [{ ...number("seeds", "Seeds"), most: true }] : []),
    ...(has("top1") ? [{
      title: "On frontier", wide: true, text: (row) => on(row).join(", ") || MISSING, by: (row) => on(row).length, most: true,
    }] : []),
    ...sure.map(({ column, short, brief }) => ({
      title: `P(frontier) % ${brief ?? short}`, text: (row) => share(row[`p_frontier_${column}`]),
      by: (row) => row[`p_frontier_${column}`], most: true,
    })),
  ];
}

// A share of draws in percent is never certain, and never impossible.
function share(percents) {
  if (percents == null) return MISSING;
  return percents > 99 ? ">99" : percents < 1 ? "<1" : percents.toFixed(0);
}

function setting(row) {
  return [row.runtime, row.precision].filter(Boolean).join(" ");
}

function sorted(rows, columns, sort) {
  const column = columns.find((each) => each.title === sort?.title);
  if (!column) return rows;
  const sign = sort.descending ? -1 : 1;
  return [...rows].sort((a, b) => {
    const [x, y] = [column.by(a), column.by(b)];
    if (x == null || y == null) return (x == null) - (y == null) || a.index - b.index;
    const order = typeof x === "string" ? x.localeCompare(y, "en", { numeric: true }) : x - y;
    return sign * order || a.index - b.index;
  });
}

function drawTable(state) {
  const columns = columnsOf(state.view, rowsOf(state.view), state.frontiers);
  const rows = sorted(state.shown, columns, state.sort);
  state.listed = rows;
  const first = state.page * AT_ONCE;
  const listed = rows.slice(first, first + AT_ONCE);
  const entry = listed.includes(state.chosen) ? state.chosen : listed[0]; // where Tab enters the rows
  table.replaceChildren(
    element("caption", { class: "hidden" }, `${rows.length} networks of ${state.sweep.name}`),
    element("thead", {}, element("tr", {}, ...columns.map((column) => headingOf(column, state)))),
    element("tbody", {}, ...listed.map((row) => rowOf(row, columns, state, row === entry))),
  );
  document.getElementById("box").classList.toggle("tall", listed.length > 40);
  document.getElementById("pages").hidden = rows.length <= AT_ONCE;
  document.getElementById("where").textContent = `${first + 1} to ${first + listed.length} of ${rows.length}`;
  document.getElementById("previous").disabled = first === 0;
  document.getElementById("next").disabled = first + listed.length >= rows.length;
}

function headingOf(column, state) {
  const own = state.sort?.title === column.title;
  const order = own ? (state.sort.descending ? "descending" : "ascending") : "none";
  const left = column.left || column.wide || column.title === "Variant";
  const arrow = element("span", { class: "arrow", "aria-hidden": "true" }, { ascending: "▲", descending: "▼", none: "" }[order]);
  const button = element("button", { type: "button" }, ...(left ? [column.title, " ", arrow] : [arrow, " ", column.title]));
  button.addEventListener("click", () => sortBy(column));
  return element("th", { scope: "col", "aria-sort": order, class: left && "left" }, button);
}

function rowOf(row, columns, state, isEntry) {
  const name = element("button", {
    type: "button", class: row.name.length > 26 && "long", tabindex: isEntry ? 0 : -1, "aria-pressed": String(row === state.chosen),
  }, row.name);
  const cells = columns.slice(1).map((column) =>
    element("td", { class: column.wide ? "left wide" : column.left && "left" }, column.node ? column.node(row) : column.text(row)));
  return element("tr", { "data-row": row.index, class: row === state.chosen && "chosen" },
    element("th", { scope: "row", class: "left" }, name), ...cells);
}

// Without drawing all rows anew, so that what has the focus keeps it.
function markChosen(state) {
  for (const row of table.tBodies[0]?.rows ?? []) {
    const isChosen = state.chosen?.index === Number(row.dataset.row);
    const button = row.querySelector("button");
    row.classList.toggle("chosen", isChosen);
    button.setAttribute("aria-pressed", String(isChosen));
    if (state.chosen && state.shown.includes(state.chosen)) button.tabIndex = isChosen ? 0 : -1;
  }
}

// Scrolls the table's own box and not the page.
function bringIntoView(state) {
  const row = table.querySelector(`tr[data-row="${state.chosen.index}"]`);
  const box = document.getElementById("box");
  const head = table.tHead.offsetHeight;
  if (!row) return;
  if (row.offsetTop - head < box.scrollTop) box.scrollTop = row.offsetTop - head;
  else if (row.offsetTop + row.offsetHeight > box.scrollTop + box.clientHeight) {
    box.scrollTop = row.offsetTop + row.offsetHeight - box.clientHeight;
  }
}

function drawDetails(state) {
  const row = state.hovered ?? state.chosen;
  document.getElementById("details").replaceChildren(...(row ? described(row, state) : [
    element("h3", {}, "No network chosen"),
    key(),
    element("p", { class: "note" }, "Point at a network, or choose one in the plot or the table, for its units, its numbers and how " +
      "they were measured."),
  ]));
}

function described(row, state) {
  const on = DATA.axes.filter((axis) => state.frontiers.get(axis.column).has(row)).map((axis) => axis.short.toLowerCase());
  const numbers = [
    ["Top-1 %", percent(row.top1, row.top1_low, row.top1_high)],
    ["Top-5 %", percent(row.top5)],
    ...DATA.axes.map((axis) => [axis.short, `${cost(row, axis)} ${row[axis.column] == null ? "" : axis.unit}`]),
    ["On the frontier", on.length ? `over ${on.join(", ")}` : "no"],
    ...sureness(row, state.axis).map(([, text]) => ["", `${text} (${state.axis.short.toLowerCase()})`]),
  ].filter(([, text]) => text.trim() !== MISSING);
  return [
    element("h3", {}, row.name, ...(row.look.symbol === "diamond" ? [" ", element("span", { class: "badge" }, "gated")] : [])),
    strip(row.units, true),
    ...(row.units ? [key()] : []),
    element("dl", { class: "facts" },
      ...pairs(numbers, "number"), element("div", { class: "gap" }), ...pairs(protocolOf(row), "small")),
  ];
}

function pairs(facts, className) {
  return facts.flatMap(([heading, text]) => [element("dt", {}, heading), element("dd", { class: className }, text)]);
}

// What the cells of a strip mean.
function key() {
  const sample = (letter, words) => element("span", {},
    drawing("svg", { class: "strip", viewBox: "-0.5 -0.5 9 15", "aria-hidden": "true" }, ...cell(letter, 0, 8, 14)), words);
  return element("div", { class: "key" }, sample("3", "full 3D"), sample("s", "separable 3D"), sample("2", "2D"));
}
