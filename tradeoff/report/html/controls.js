// What there is to choose from, and the texts that go with the choice.

// A select with its box, which is left out where there is no choice.
function options(id, choices, word) {
  const names = choices.map((choice) => choice.name === "best" ? "best: the fastest of each" : choice.name || `the only ${word}`);
  byId(id).replaceChildren(...names.map((name, place) => element("option", { value: place }, oneLine(name))));
  byId(`${id}-box`).hidden = choices.length < 2;
}

function drawAxes() {
  const measured = DATA.axes.filter(isMeasured);
  if (!measured.includes(state.axis)) state.axis = measured[0] ?? DATA.axes[0];
  const choices = DATA.axes.map((axis) => {
    const input = element("input", { type: "radio", name: "axis", value: axis.column, disabled: !measured.includes(axis) });
    input.checked = axis === state.axis;
    input.addEventListener("change", () => {
      Object.assign(state, { axis, zoom: null });
      update(`Against ${axis.title}`);
    });
    return element("label", { title: measured.includes(axis) ? null : "not measured here" }, input, element("span", {}, axis.short));
  });
  byId("axes").replaceChildren(element("legend", {}, "Against"), element("div", { class: "choices" }, ...choices));
  byId("axes").hidden = !measured.length;
  byId("unmeasured").textContent = measured.length ? unmeasured(DATA.axes.filter((axis) => !measured.includes(axis))) : "";
}

// What no axis can be had of, and how to get it.
function unmeasured(axes) {
  if (!axes.length) return "";
  const names = (columns) => axes.filter(({ column }) => columns.includes(column)).map((axis) => axis.short.toLowerCase()).join(", ");
  const timed = names(["latency_ms", "peak_memory_bytes"]);
  const counted = names(["macs", "params", "activation_bytes"]);
  const isTimed = !axes.some(({ column }) => column === "latency_ms");
  return [
    timed && (isTimed ? `These latencies were recorded without ${timed}.`
      : `Not measured with these accuracies: ${timed}. To measure, give the sweep's file latency: and run tradeoff sweep FILE.`),
    counted && `Not counted yet: ${counted}. To count, run tradeoff sweep FILE.`,
  ].filter(Boolean).join(" ");
}

function drawLines() {
  const lines = [...state.view.protocol, ...state.view.notes, ...state.sweep.failed];
  byId("lines").replaceChildren(...lines.map((line) => element("li", {}, oneLine(line))));
}

function drawProvenance() {
  const again = [
    ["Results folder", [DATA.folder]],
    ...state.sweep.provenance,
    ["This page", [DATA.command]],
    ["Measure again", [`tradeoff sweep FILE, of the sweep file named ${state.sweep.name}`]],
  ];
  byId("provenance").replaceChildren(...again.flatMap(([heading, lines]) => [
    element("dt", {}, heading),
    element("dd", {}, ...lines.map((text) => element("div", {}, oneLine(text)))),
  ]));
}

// Families as buttons that are a legend too.
function drawFamilies() {
  const { names, samples, looks } = state.view.families;
  const used = names.length > 1 ? names : [];
  const buttons = used.map((name) => {
    const button = element("button", { type: "button", "aria-pressed": String(!state.hidden.has(name)) },
      sample(name, looks[samples[names.indexOf(name)]]), name);
    button.addEventListener("click", () => toggleFamily(name));
    return button;
  });
  const band = drawing("svg", { viewBox: "0 0 34 14", "aria-hidden": "true" },
    drawing("rect", { x: 0, y: 4, width: 34, height: 6, fill: "var(--frontier)" }),
    drawing("circle", { cx: 17, cy: 7, r: 6, fill: "none", stroke: "var(--ink)" }));
  const focused = [...byId("families").children].indexOf(document.activeElement);
  byId("families").replaceChildren(...buttons, ...(hasAccuracy() ? [element("span", { class: "mark" }, band, "frontier")] : []));
  byId("families").children[focused]?.focus();
}

function sample(name, look) {
  const own = `var(--${look.kind})`;
  const dash = name.startsWith("Bottom-heavy") ? "2 3" : null;
  const shape = { fill: look.hollow ? "var(--surface)" : own, stroke: own, "stroke-width": 1.6 };
  const marks = {
    circle: drawing("circle", { cx: 17, cy: 7, r: 4, ...shape }),
    square: drawing("rect", { x: 13, y: 3, width: 8, height: 8, ...shape }),
    diamond: drawing("path", { d: "M17 2l5 5-5 5-5-5z", ...shape }),
  };
  const curve = /heavy/.test(name)
    ? [drawing("line", { x1: 1, x2: 33, y1: 7, y2: 7, stroke: own, "stroke-width": 2, "stroke-dasharray": dash })] : [];
  return drawing("svg", { viewBox: "0 0 34 14", "aria-hidden": "true" }, ...curve, marks[look.symbol]);
}
