// Draws the charts of a page and writes dates as the reader's locale does. Numbers come from the server.
"use strict";

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

// A specification with the style sheet's colours, var(--name), in place.
function coloured(value) {
  if (Array.isArray(value)) return value.map(coloured);
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, key === "datasets" ? each : coloured(each)]));
  }
  const name = typeof value === "string" && value.match(/^var\(--(\w+)\)$/);
  return name ? colour(name[1]) : value;
}

function theme() {
  const text = colour("text"), muted = colour("muted"), line = colour("line");
  return {
    background: "transparent",
    font: getComputedStyle(document.body).fontFamily,
    view: { stroke: null },
    axis: { labelColor: muted, titleColor: muted, domainColor: line, tickColor: line, gridColor: line,
      labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal", labelOverlap: true, labelSeparation: 6 },
    axisX: { grid: false },
    legend: { labelColor: text, titleColor: muted, labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal",
      orient: "top", direction: "horizontal", columns: innerWidth < 500 ? 2 : 0, symbolStrokeWidth: 0 },
    header: { labelColor: text, titleColor: muted, labelFontSize: 12, labelFontWeight: 600, labelAnchor: "start" },
    text: { color: text, fontSize: 12 },
    rule: { color: text },
    range: {
      diverging: [colour("bad"), colour("middle"), colour("good")],
      heatmap: [colour("panel"), colour("bad")],
      category: [colour("accent"), colour("second"), colour("third"), muted],
    },
  };
}

// Small multiples: as many beside each other as there is room for.
function fit(specification, width) {
  const axis = 52, gap = 20;
  specification.columns = Math.max(1, Math.min(specification.columns, Math.floor(width / 240)));
  specification.spec.width = Math.floor((width - axis - gap * (specification.columns - 1)) / specification.columns) - 2;
}

async function draw() {
  for (const chart of document.querySelectorAll(".chart")) {
    const source = chart.querySelector("script") ?? chart.source;
    chart.source = source;
    if (chart.view) chart.view.finalize();
    const target = document.createElement("div");
    target.className = "drawing";
    target.setAttribute("aria-hidden", "true"); // the chart around it has a name, and its numbers are in the table
    chart.replaceChildren(source, target);
    const specification = coloured(JSON.parse(source.textContent));
    if (specification.facet) fit(specification, target.clientWidth);
    const embedded = await vegaEmbed(target, { ...specification, config: theme() }, {
      mode: "vega-lite", renderer: "svg", actions: false, ast: true, defaultStyle: false,
      tooltip: { theme: "callmart", disableDefaultStyle: true },
    });
    chart.view = embedded.view;
  }
  document.documentElement.dataset.drawn = "yes";
}

function localise() {
  for (const each of document.querySelectorAll("time[datetime]")) {
    const iso = each.dateTime, at = new Date(iso);
    const dateOnly = iso.length === 10, isUtc = /(Z|\+00:00)$/.test(iso);
    const format = { dateStyle: "medium", ...(dateOnly ? {} : { timeStyle: "short" }), ...(dateOnly || isUtc ? { timeZone: "UTC" } : {}) };
    each.textContent = new Intl.DateTimeFormat(undefined, format).format(at);
  }
}

document.addEventListener("DOMContentLoaded", () => {
  localise();
  if (window.vegaEmbed) {
    draw();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  }
  // a list of choices closes when it is left
  for (const choice of document.querySelectorAll("details.choice")) {
    document.addEventListener("click", (event) => { if (!choice.contains(event.target)) choice.open = false; });
    choice.addEventListener("keydown", (event) => { if (event.key === "Escape") { choice.open = false; choice.querySelector("summary").focus(); } });
  }
});
