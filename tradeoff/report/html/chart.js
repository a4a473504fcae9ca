// The plot: top-1 against one cost, with the curves of the paper's Figure 4 and the frontier.

const plot = document.getElementById("plot");
const CROWD = 60; // points above which only those on the frontier have a name and an interval
const TOUCH = matchMedia("(pointer: coarse)").matches; // a finger that moves over the plot scrolls the page

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

// plotly reads a little HTML in its texts.
function escaped(text) {
  return oneLine(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}

function drawChart(state) {
  const axis = state.axis.column;
  const drawable = rowsOf(state.view).filter((row) => row.top1 != null && row[axis] != null);
  const rows = drawable.filter((row) => isShown(state.view, row, state.hidden));
  const on = state.frontiers.get(axis);
  const range = state.zoom ?? wholeRange(drawable, axis);
  const named = rows.length > CROWD ? rows.filter((row) => on.has(row)) : rows;
  const faint = rows.length > CROWD ? rows.filter((row) => !on.has(row)) : [];
  const curves = curvesOf(state, rows, axis);
  const traces = [
    frontierBand([...on], axis, range),
    ...curves,
    ...pointsOf(faint, state, { size: 5, opacity: 0.45 }),
    ...pointsOf(named, state, { size: 9, whiskers: true }),
    rings([...on], axis),
  ];
  Plotly.react(plot, traces, layoutOf(state, range, labels(named, faint, curves, axis, range)), {
    displayModeBar: false, doubleClick: false, showTips: false, responsive: false,
  });
}

// From the points and their intervals of accuracy; an interval of latency may run off the plot.
function wholeRange(rows, axis) {
  const costs = rows.map((row) => row[axis]);
  const low = extent(rows.map((row) => Math.min(row.top1, row.top1_low ?? row.top1)), Math.min);
  const high = extent(rows.map((row) => Math.max(row.top1, row.top1_high ?? row.top1)), Math.max);
  const [least, most] = [extent(costs, Math.min), extent(costs, Math.max)];
  const margin = Math.max(1.5, 0.09 * (high - low));
  const factor = Math.log10(Math.max(1.12, (most / least) ** 0.09));
  return {
    x: [Math.log10(least) - factor, Math.log10(most) + factor],
    y: [Math.max(-2, low - margin), Math.min(102, high + margin)],
  };
}

function extent(values, choose) { // a spread of many thousand arguments would be too much
  return values.reduce((best, value) => choose(best, value));
}

// Round numbers at an even pace on a logarithmic axis, whether it spans a tenth or three decades.
function ticksOf([from, to]) {
  const [low, high] = [10 ** from, 10 ** to];
  const most = Math.max(3, Math.floor(plot.clientWidth / 85));
  let ticks = [];
  if (high / low < 5) {
    const rough = (high - low) / most;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].find((each) => each * power >= rough) * power;
    for (let place = Math.ceil(low / step); place * step <= high; place += 1) ticks.push(place * step);
  } else {
    const parts = high / low < 200 ? [1, 2, 5] : [1];
    for (let power = Math.floor(from); power <= to; power += 1) ticks.push(...parts.map((part) => part * 10 ** power));
    ticks = ticks.filter((tick) => tick >= low && tick <= high);
  }
  return { tickvals: ticks, ticktext: ticks.map((tick) => String(Number(tick.toPrecision(10)))) };
}

// The best accuracy to be had up to each cost, as steps that run on to the edges.
function frontierBand(on, axis, range) {
  const steps = [...on].sort((a, b) => a[axis] - b[axis]);
  const x = steps.flatMap((row) => [row[axis], row[axis]]);
  const y = steps.flatMap((row) => [row.top1, row.top1]);
  y.unshift(Math.min(range.y[0], 0) - 100);
  x.push(10 ** range.x[1]);
  return { ...line(x, y, colour("frontier"), 7), name: "frontier" };
}

function line(x, y, color, width, dash = "solid") {
  return { type: "scatter", mode: "lines", x, y, hoverinfo: "skip", line: { color, width, dash } };
}

function curvesOf(state, rows, axis) {
  const drawn = new Set(rows);
  const all = rowsOf(state.view);
  return state.view.curves.flatMap((curve) => {
    const members = curve.rows.map((place) => all[place]).filter((row) => drawn.has(row));
    const inner = members.filter((row) => !/^(.)\1*$/.test(row.units)); // its ends are on other curves too
    if (!inner.length || members.length < 2) return [];
    const [x, y] = [members.map((row) => row[axis]), members.map((row) => row.top1)];
    return [{ ...line(x, y, colour(curve.kind), 2, curve.dotted ? "dot" : "solid"), name: curve.name }];
  });
}

// One trace for each look.
function pointsOf(rows, state, { size, opacity = 1, whiskers = false }) {
  const axis = state.axis.column;
  const width = plot.clientWidth;
  return [...grouped(rows, (row) => row.look)].map(([look, members]) => {
    const own = colour(look.kind);
    const bars = (column, low, high) => ({
      type: "data", symmetric: false, thickness: 1.1, width: 0, color: `${own}73`,
      array: members.map((row) => (row[high] == null ? 0 : row[high] - row[column])),
      arrayminus: members.map((row) => (row[low] == null ? 0 : row[column] - row[low])),
    });
    const trace = {
      type: "scatter", mode: "markers", name: "networks",
      x: members.map((row) => row[axis]), y: members.map((row) => row.top1),
      customdata: members.map((row) => row.index),
      hoverinfo: "text", hovertext: members.map((row) => hoverText(row, state, width)),
      marker: { size, opacity, symbol: look.symbol, color: look.hollow ? colour("surface") : own,
        line: { color: own, width: size > 6 ? 1.8 : 1 } },
    };
    if (whiskers) trace.error_y = bars("top1", "top1_low", "top1_high");
    if (whiskers && axis === "latency_ms") trace.error_x = bars("latency_ms", "latency_low_ms", "latency_high_ms");
    return trace;
  });
}

function grouped(rows, key) {
  const groups = new Map();
  for (const row of rows) groups.set(key(row), [...(groups.get(key(row)) ?? []), row]);
  return groups;
}

function rings(rows, axis) {
  return {
    type: "scatter", mode: "markers", name: "rings", hoverinfo: "skip",
    x: rows.map((row) => row[axis]), y: rows.map((row) => row.top1),
    marker: { size: 15, symbol: "circle-open", color: colour("ink"), line: { color: colour("ink"), width: 1.2 } },
  };
}

// A circle of 10 pixels as a path, since plotly takes no negative corner on a logarithmic axis.
const RING = "M-10,0C-10,-5.5 -5.5,-10 0,-10C5.5,-10 10,-5.5 10,0C10,5.5 5.5,10 0,10C-5.5,10 -10,5.5 -10,0Z";

// What is chosen and what is pointed at in the table, as shapes: those alone are quick to draw anew.
function highlights(state) {
  const axis = state.axis.column;
  const rows = new Set([state.hovered, state.chosen].filter((row) => row?.top1 != null && row[axis] != null));
  return [...rows].filter((row) => state.shown.includes(row)).map((row) => ({
    type: "path", path: RING, xref: "x", yref: "y", xsizemode: "pixel", ysizemode: "pixel", xanchor: row[axis],
    yanchor: row.top1, line: { color: colour("accent"), width: 3 },
  }));
}

function highlight(state) {
  if (plot.data) Plotly.relayout(plot, { shapes: highlights(state) });
}

// The network, its numbers and, where there is room, how it was measured.
function hoverText(row, state, width) {
  const pairs = [
    ["Top-1", `${percent(row.top1, row.top1_low, row.top1_high)} %`],
    [state.axis.short, `${cost(row, state.axis)} ${state.axis.unit}`],
    ...sureness(row, state.axis),
  ];
  const room = Math.max(30, Math.floor(width / 12));
  const lines = pairs.map(([heading, text]) => `${heading} ${text}`);
  if (width > 560) lines.push("", ...protocolOf(row).map(([heading, text]) => `${heading}: ${text}`));
  const name = wrapped(row.name, room).map(escaped).join("<br>");
  return [`<b>${name}</b>`, ...lines.flatMap((text) => wrapped(text, room)).map(escaped)].join("<br>");
}

// The probability to be on the frontier, where it is known.
function sureness(row, axis) {
  const found = isWhole() ? row[`p_frontier_${axis.column}`] : null;
  return found == null ? [] : [["On the frontier", `with probability ${share(found)} %`]];
}

function wrapped(text, room) {
  const lines = [""];
  for (const word of text.split(" ").flatMap((each) => each.match(new RegExp(`.{1,${room}}`, "gsu")) ?? [""])) {
    const last = lines[lines.length - 1];
    if (last && last.length + word.length >= room) lines.push(word);
    else lines[lines.length - 1] = last ? `${last} ${word}` : word;
  }
  return lines;
}

function layoutOf(state, range, annotations) {
  const [ink, note] = [colour("ink"), colour("note")];
  const font = { family: getComputedStyle(document.body).fontFamily, size: 13, color: ink };
  const shared = {
    gridcolor: colour("grid"), linecolor: colour("edge"), zeroline: false, showline: true, ticks: "outside",
    tickcolor: colour("edge"), ticklen: 4, tickfont: { color: note, size: 12 }, automargin: false,
  };
  return {
    font, annotations, shapes: highlights(state), margin: MARGIN, width: plot.clientWidth, height: plot.clientHeight, showlegend: false,
    paper_bgcolor: colour("surface"), plot_bgcolor: colour("surface"), hovermode: "closest", hoverdistance: 18,
    dragmode: TOUCH ? false : "zoom",
    hoverlabel: { bgcolor: colour("surface"), bordercolor: colour("edge"), font: { ...font, size: 11.5 }, align: "left" },
    xaxis: { ...shared, type: "log", range: range.x, ...ticksOf(range.x), title: { text: state.axis.title, standoff: 12, font: { size: 13 } } },
    yaxis: { ...shared, range: range.y, nticks: 8, title: { text: "Top-1 accuracy (%)", standoff: 10, font: { size: 13 } } },
  };
}

// Names beside their points, clear of every other name and point; one that finds no room is left to the hover.
const MARGIN = { l: 58, r: 14, t: 8, b: 52 };
const DIRECTIONS = [90, 270, 0, 180, 45, 135, 315, 225].map((angle) => (angle * Math.PI) / 180);
const pen = document.createElement("canvas").getContext("2d");

function labels(rows, faint, curves, axis, range) {
  const size = [plot.clientWidth - MARGIN.l - MARGIN.r, plot.clientHeight - MARGIN.t - MARGIN.b];
  const at = (x, y) => [
    (size[0] * (Math.log10(x) - range.x[0])) / (range.x[1] - range.x[0]),
    (size[1] * (range.y[1] - y)) / (range.y[1] - range.y[0]),
  ];
  const points = rows.map((row) => at(row[axis], row.top1));
  const lines = curves.flatMap((curve) => dots(curve.x.map((x, place) => at(x, curve.y[place]))));
  const ink = [...lines, ...faint.map((row) => at(row[axis], row.top1))];
  const taken = [];
  const isWord = (row) => !/^\d+$/.test(row.label ?? row.name);
  const order = rows.map((row, place) => [row, points[place]]).sort((a, b) => isWord(b[0]) - isWord(a[0]));
  return order.flatMap(([row, point]) => {
    const text = shortened(oneLine(row.label ?? row.name));
    pen.font = `${isWord(row) ? 600 : 400} 12px ${getComputedStyle(document.body).fontFamily}`;
    const box = roomFor(point, pen.measureText(text).width + 4, 15, { points, ink, taken, size });
    if (!box) return [];
    taken.push(box);
    return [{
      x: Math.log10(row[axis]), y: row.top1, xref: "x", yref: "y", showarrow: false,
      xshift: (box[0] + box[2]) / 2 - point[0], yshift: point[1] - (box[1] + box[3]) / 2,
      text: isWord(row) ? `<b>${escaped(text)}</b>` : escaped(text), font: { size: 12, color: colour(`name-${row.look.kind}`) },
    }];
  });
}

function shortened(text) {
  return text.length > 26 ? `${text.slice(0, 25)}…` : text;
}

const MOST_COVERED = 30; // dots of lines and of faint points under a name

// The box near a point that covers least, or null where each covers another name or point, or too much else.
function roomFor([x, y], width, height, { points, ink, taken, size }) {
  let best = null;
  for (const [far, gap] of [9, 14, 21].entries()) {
    for (const [place, angle] of DIRECTIONS.entries()) {
      const [cx, cy] = [x + Math.cos(angle) * (gap + width / 2), y - Math.sin(angle) * (gap + height / 2)];
      const box = [cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2];
      const inside = box[0] >= 0 && box[1] >= 0 && box[2] <= size[0] && box[3] <= size[1];
      if (!inside || taken.some((other) => overlaps(box, other)) || points.some((point) => covers(box, point, 6))) continue;
      const covered = ink.filter((dot) => covers(box, dot, 1)).length;
      const price = 6 * far + 0.1 * place + covered;
      if (covered <= MOST_COVERED && !(best?.price <= price)) best = { price, box };
    }
  }
  return best && best.box;
}

function overlaps(a, b) {
  return a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];
}

function covers(box, [x, y], margin) {
  return x > box[0] - margin && x < box[2] + margin && y > box[1] - margin && y < box[3] + margin;
}

// Points along a line, at most 5 pixels apart.
function dots(corners) {
  return corners.slice(1).flatMap(([x, y], place) => {
    const [x0, y0] = corners[place];
    const count = Math.min(400, Math.max(1, Math.ceil(Math.hypot(x - x0, y - y0) / 5)));
    return Array.from({ length: count + 1 }, (_, step) => [x0 + ((x - x0) * step) / count, y0 + ((y - y0) * step) / count]);
  });
}
