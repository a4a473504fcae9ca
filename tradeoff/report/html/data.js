"use strict";
// What the page is of: rows from packed columns, which of them are shown, and how numbers are written.

const DATA = JSON.parse(document.getElementById("data").textContent);
const UNITS = ["1a", "2c", "3b", "3c", "4b", "4c", "4d", "4e", "4f", "5b", "5c"];
const KIND_OF_LETTER = { 3: "full", 2: "flat", s: "separable" };
const MISSING = "–";

// See columns.py: a list, {is: one value for all}, or {of: values, at: places}.
function unpacked(column, count) {
  if (Array.isArray(column)) return column;
  if ("is" in column) return new Array(count).fill(column.is);
  return column.at.map((place) => column.of[place]);
}

// The rows of a view, made when it is first shown.
function rowsOf(view) {
  if (view.rows) return view.rows;
  view.rows = Array.from({ length: view.count }, (_, index) => ({ index }));
  for (const [name, column] of Object.entries(view.columns)) {
    unpacked(column, view.count).forEach((value, index) => { view.rows[index][name] = value; });
  }
  for (const row of view.rows) {
    row.name = oneLine(row.variant ?? `Inception-${row.units}`);
    row.look = view.families.looks[row.look];
  }
  return view.rows;
}

function isShown(view, row, hidden) {
  return row.look.families.some((place) => !hidden.has(view.families.names[place]));
}

// The rows that no other costs as little as and is as accurate as, and better in one of the two; equal ones stay
// together. As frontier() in records/frontier.py.
function frontierOf(rows, column) {
  const known = rows.filter((row) => row[column] != null && row.top1 != null);
  known.sort((a, b) => a[column] - b[column] || b.top1 - a.top1);
  const on = [];
  for (const row of known) {
    const last = on[on.length - 1];
    if (!last || row.top1 > last.top1 || (row.top1 === last.top1 && row[column] === last[column])) on.push(row);
  }
  return on;
}

// For each cost the set of rows on its frontier.
function frontiersOf(rows) {
  return new Map(DATA.axes.map((axis) => [axis.column, new Set(frontierOf(rows, axis.column))]));
}

// Halves to even, as Python writes numbers and so the other reports; toFixed takes them up. Only what is a whole number
// of 1 / 2^(decimals + 1) can be half way.
function fixed(value, decimals) {
  const scaled = value * 10 ** decimals;
  const isHalf = scaled % 1 === 0.5 && Number.isInteger(value * 2 ** (decimals + 1));
  return (isHalf ? (2 * Math.round(scaled / 2)) / 10 ** decimals : value).toFixed(decimals);
}

function significant(value, count) {
  if (value === 0) return fixed(0, count - 1);
  const places = (number) => count - 1 - Math.floor(Math.log10(Math.abs(number)));
  const text = fixed(value, Math.max(0, places(value)));
  return fixed(value, Math.max(0, places(Number(text) || value))); // 9.996 is 10.00 and not 9.996
}

// Four digits, or three of a latency; a whole number as it is.
function digits(value) {
  if (value == null) return MISSING;
  return Number.isInteger(value) ? String(value) : significant(value, 4);
}

function three(value) {
  return value == null ? MISSING : significant(value, 3);
}

function percent(value, low, high) {
  if (value == null) return MISSING;
  return fixed(value, 1) + (low == null ? "" : ` [${fixed(low, 1)}, ${fixed(high, 1)}]`);
}

function latency(row) {
  if (row.latency_ms == null) return row.latency_outcome || MISSING;
  const low = row.latency_low_ms;
  return three(row.latency_ms) + (low == null ? "" : ` [${three(low)}, ${three(row.latency_high_ms)}]`);
}

function cost(row, axis) {
  return axis.column === "latency_ms" ? latency(row) : digits(row[axis.column]);
}

// "1a-3b full, 4e separable", "all full", "none": as units_in_words() in report/tables.py.
function unitsInWords(units) {
  if (!units) return MISSING;
  const runs = [];
  for (let start = 0, end; start < units.length; start = end) {
    for (end = start; units[end] === units[start]; end += 1);
    if (units[start] === "2") continue;
    const where = end - start === UNITS.length ? "all"
      : end - start === 1 ? UNITS[start] : `${UNITS[start]}-${UNITS[end - 1]}`;
    runs.push(`${where} ${KIND_OF_LETTER[units[start]]}`);
  }
  return runs.join(", ") || "none";
}

// How a row was measured: headings with what belongs to each, in words. What is not known is left out.
function protocolOf(row) {
  const views = row.views && row.views !== "1x1" ? `${row.views} views a video` : "";
  const facts = [
    ["Input", [row.clip && `clips of ${row.clip}`, counted(row.classes, "class", "classes"), row.width && `width ${row.width}`]],
    ["Accuracy", row.top1 == null ? [] : [row.data, counted(row.test_clips, "test clip"), row.view,
      row.order && `${row.order} frame order`, row.recipe, counted(row.seeds, "seed"), row.folds > 1 && `${row.folds} folds`,
      row.interval && `interval: ${row.interval}`]],
    ["Latency", row.runtime == null ? [] : [row.device, row.runtime, row.precision, row.layout, counted(row.threads, "thread"),
      row.batch && `batch ${row.batch}`, row.cache === "cold" && "cold caches", views, counted(row.processes, "process", "processes"),
      row.latency_interval && `interval: ${row.latency_interval}`]],
    ["Published", [row.published]],
  ];
  return facts.map(([heading, parts]) => [heading, oneLine(parts.filter(Boolean).join("; "))]).filter(([, text]) => text);
}

function counted(number, word, words = `${word}s`) {
  return number == null ? "" : `${number} ${number === 1 ? word : words}`;
}

function oneLine(text) {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, " ");
}

// A node of a tag with attributes and children; texts become text.
function element(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

function drawing(tag, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false && value != null) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children);
  return node;
}

// Eleven cells, one a unit from the input up: a block where it is full 3D, two where separable, a bar where 2D.
function strip(units, large = false) {
  if (!units) return element("span", { class: "note" }, "no such units");
  const step = large ? 22 : 9.5;
  const side = large ? 20 : 8;
  const tall = large ? 22 : 14;
  const words = unitsInWords(units);
  const text = words === "none" ? "3D units: none, 2D throughout" : `3D units: ${words}`;
  const shapes = [...units].flatMap((letter, place) => [
    ...cell(letter, place * step, side, tall),
    ...(large ? [drawing("text", { x: place * step + side / 2, y: tall + 10 }, UNITS[place])] : []),
  ]);
  const box = `-0.5 -0.5 ${units.length * step} ${large ? tall + 13 : tall + 1}`;
  return drawing("svg", { class: large ? "strip large" : "strip", viewBox: box, role: "img", "aria-label": text },
    drawing("title", {}, text), ...shapes);
}

function cell(letter, x, side, tall) {
  const block = (y, height) => drawing("rect", { class: KIND_OF_LETTER[letter], x, y, width: side, height, rx: 1 });
  const frame = drawing("rect", { class: "frame", x, y: 0, width: side, height: tall, rx: 1 });
  const gap = tall / 7;
  if (letter === "3") return [block(0, tall)];
  if (letter === "s") return [block(0, (tall - gap) / 2), block((tall + gap) / 2, (tall - gap) / 2)];
  return [frame, block(tall * 0.4, tall * 0.2)];
}
