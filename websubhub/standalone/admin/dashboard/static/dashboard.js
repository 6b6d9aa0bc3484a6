// The dashboard's scripts: questions in a dialog, keyboard shortcuts, plots, refreshing parts, and the live tail.
// Without JavaScript, questions are separate pages, and pages do not refresh by themselves.
"use strict";

const $ = (selector, within = document) => within.querySelector(selector);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];

// --- questions ---------------------------------------------------------------------------------------------------

document.addEventListener("htmx:afterSwap", event => {
  if (event.detail.target.id === "question-content") $("#question").showModal();
  drawTimes();
});
document.addEventListener("htmx:responseError", event => {
  if (event.detail.target.id === "question-content") location.assign(event.detail.pathInfo.requestPath);
});
document.addEventListener("click", event => {
  const button = event.target.closest("[data-close], [data-copy], [data-pause]");
  if (!button) return;
  if ("close" in button.dataset && button.closest("dialog")) { event.preventDefault(); button.closest("dialog").close(); }
  if ("copy" in button.dataset) copy(button);
});

async function copy(button) {
  const field = $(button.dataset.copy);
  field.select();
  try { await navigator.clipboard.writeText(field.value); } catch { document.execCommand("copy"); }
  button.textContent = "Copied";
}

// Show a notice only once: reloading the page does not repeat it.
const here = new URL(location.href);
if (here.searchParams.has("notice")) {
  here.searchParams.delete("notice");
  history.replaceState(null, "", here);
}

// --- times -------------------------------------------------------------------------------------------------------

const units = [[172800, 86400, "d"], [5400, 3600, "h"], [90, 60, "min"], [0, 1, "s"]];

function relative(seconds) {
  const size = Math.abs(seconds);
  if (size < 1) return "now";
  const [, unit, name] = units.find(row => size >= row[0]);
  const text = `${Math.round(size / unit)} ${name}`;
  return seconds > 0 ? `in ${text}` : `${text} ago`;
}
function drawTimes() {
  for (const each of all("time[data-relative]")) each.textContent = relative((Date.parse(each.dateTime) - Date.now()) / 1000);
}
setInterval(drawTimes, 5000);

// --- parts that refresh --------------------------------------------------------------------------------------------

setInterval(() => {
  if (document.hidden || $("dialog[open]")) return;
  for (const each of all("[data-refresh]")) htmx.trigger(each, "refresh");
}, 5000);

// --- keys ----------------------------------------------------------------------------------------------------------

let leader = 0;
document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey || $("dialog[open]")) return;
  if (event.target.closest("input, textarea, select")) { if (event.key === "Escape") event.target.blur(); return; }
  const led = Date.now() - leader < 1200;
  leader = 0;
  if (led) {
    const link = $(`.pages [data-key="${CSS.escape(event.key)}"]`);
    if (link) { event.preventDefault(); link.click(); }
  } else if (event.key === "g") leader = Date.now();
  else if (event.key === "/" && $("#find")) { event.preventDefault(); $("#find").focus(); }
  else if (event.key === "?" && $("#keys")) $("#keys").showModal();
  else if (event.key === "j" || event.key === "k") step(event.key === "j" ? 1 : -1);
});

function step(by) {
  const links = all(".rows tbody tr").map(row => $("a, button", row)).filter(Boolean);
  if (!links.length) return;
  const now = links.findIndex(link => link.closest("tr").contains(document.activeElement));
  links[Math.min(Math.max(now + by, 0), links.length - 1)].focus();
}

// --- plots ---------------------------------------------------------------------------------------------------------

function colour(name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); }

function options(element, names, unit) {
  const axis = { stroke: colour("--muted"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line"), width: 1 } };
  const value = (_, number) => number == null ? "–" : `${+number.toPrecision(3)}${unit}`;
  const hours = (plot, times) => times.map(at => new Date(at * 1000).toISOString().slice(11, plot.scales.x.max - plot.scales.x.min < 600 ? 19 : 16));
  return {
    width: element.clientWidth, height: element.clientHeight - 42,
    cursor: { points: { size: 6 } },
    scales: { y: { range: (_, low, high) => [0, Math.max(high * 1.1, unit === " ms" ? 10 : 1)] } },
    axes: [{ ...axis, values: hours, space: 70 }, { ...axis, size: 66, values: (_, ticks) => ticks.map(tick => `${+tick.toPrecision(3)}${unit}`) }],
    series: [{ label: "Time" }, ...names.map((name, number) => ({
      label: name, value, width: 1.5, stroke: colour(`--series-${element.dataset.colours.split(" ")[number]}`), spanGaps: false,
    }))],
  };
}

async function draw(element) {
  const answer = await fetch(element.dataset.series, { headers: { Accept: "application/json" } });
  if (!answer.ok) return;
  const { names, rows, unit } = await answer.json();
  if (element.plot) { element.plot.setData(rows); return; }
  element.plot = new uPlot(options(element, names, unit), rows, element);
  element.dataset.drawn = "yes";
}
const plots = all("[data-series]");
for (const each of plots) draw(each);
if (plots.length) {
  setInterval(() => { if (!document.hidden) plots.forEach(draw); }, 10000);
  addEventListener("resize", () => plots.forEach(each => each.plot?.setSize({ width: each.clientWidth, height: each.clientHeight - 42 })));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => plots.forEach(each => {
    each.plot?.destroy(); each.plot = null; draw(each);
  }));
}

// --- the live tail -------------------------------------------------------------------------------------------------

const tail = $("#tail");
if (tail) follow(tail);

function follow(list) {
  const state = $("#tail-state"), button = $("#tail-pause"), limit = 500;
  const source = new EventSource(list.dataset.source);
  let held = [], paused = false;
  const say = (text, on) => { state.textContent = text; $("#tail-dot").classList.toggle("on", on); };
  button.hidden = false;
  source.onopen = () => say(paused ? "paused" : "live", !paused);
  source.onerror = () => say(source.readyState === EventSource.CLOSED ? "ended: reload the page" : "reconnecting", false);
  source.addEventListener("line", event => {
    if (!paused) return add(event.data);
    held.push(event.data);
    held = held.slice(-limit);
    say(`paused, ${held.length} waiting`, false);
  });
  function add(markup) {
    list.insertAdjacentHTML("afterbegin", markup); // the server has escaped its content
    while (list.children.length > limit) list.lastElementChild.remove();
    $("#tail-empty")?.remove();
  }
  button.addEventListener("click", () => {
    paused = !paused;
    button.textContent = paused ? "Resume" : "Pause";
    if (!paused) { held.forEach(add); held = []; }
    say(paused ? "paused" : "live", !paused);
  });
}
