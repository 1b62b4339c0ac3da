"use strict";
(() => {
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  const swaps = Object.entries(JSON.parse(document.getElementById("dark").textContent));
  const config = { displaylogo: false, responsive: true, modeBarButtons: [["toImage"]], showTips: false };

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  function template() {
    const ink = colour("--ink"), paper = colour("--paper"), grid = colour("--grid"), quiet = colour("--quiet");
    const axis = { gridcolor: grid, zerolinecolor: grid, linecolor: grid, tickfont: { color: quiet }, ticks: "" };
    const layout = {
      font: { family: getComputedStyle(document.body).fontFamily, size: 13, color: ink },
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      xaxis: axis, yaxis: axis,
      hoverlabel: { bgcolor: paper, bordercolor: quiet, font: { color: ink } },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: quiet, activecolor: ink },
      annotationdefaults: { font: { color: quiet } },
    };
    return { layout };
  }

  function draw(plot) {
    let text = document.getElementById(plot.dataset.figure).textContent;
    if (scheme.matches) for (const [light, dark] of swaps) text = text.replaceAll(light, dark);
    const { data, layout } = JSON.parse(text);
    layout.template = template();
    return Plotly.react(plot, data, layout, config);
  }

  const visible = (plot) => plot.offsetParent !== null;

  function drawAll(within, again) {
    for (const plot of within.querySelectorAll(".plot")) {
      if (visible(plot) && (again || !plot.classList.contains("js-plotly-plot"))) draw(plot);
    }
  }

  function sortBy(table, heading) {
    const place = [...heading.parentElement.children].indexOf(heading);
    const falling = heading.getAttribute("aria-sort") === "ascending";
    for (const other of heading.parentElement.children) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", falling ? "descending" : "ascending");
    const numeric = heading.classList.contains("number");
    const key = (row) => {
      const cell = row.children[place];
      return numeric ? parseFloat(cell.dataset.order ?? "NaN") : cell.textContent;
    };
    const compare = (first, second) => {
      const [a, b] = [key(first), key(second)];
      if (!numeric) return a.localeCompare(b, undefined, { numeric: true }) * (falling ? -1 : 1);
      if (isNaN(a) || isNaN(b)) return isNaN(a) - isNaN(b);
      return falling ? b - a : a - b;
    };
    table.tBodies[0].append(...[...table.tBodies[0].rows].sort(compare));
  }

  for (const table of document.querySelectorAll("table[data-sortable]")) {
    for (const heading of table.tHead.rows[0].children) {
      heading.querySelector("button").addEventListener("click", () => sortBy(table, heading));
    }
  }
  for (const fold of document.querySelectorAll("details")) {
    fold.addEventListener("toggle", () => fold.open && drawAll(fold, false));
  }
  addEventListener("beforeprint", () => {
    for (const fold of document.querySelectorAll("details")) fold.open = true;
    drawAll(document, false);
  });
  scheme.addEventListener("change", () => drawAll(document, true));
  drawAll(document, false);
})();
