"use strict";
// What is shown is put in as text and as values of properties, and never as HTML.
const { rows, per, kinds, summary } = JSON.parse(document.getElementById("rows").textContent);
const at = (id) => document.getElementById(id);
const chunks = [...document.querySelectorAll("script.thumbnails")];
const read = new Map();

function thumbnail(number) {
  const chunk = Math.floor(number / per);
  if (!read.has(chunk)) read.set(chunk, chunks[chunk].textContent.trim().split("\n"));
  return "data:image/webp;base64," + read.get(chunk)[number % per].split(" ")[2];
}

function make(tag, properties = {}, ...inner) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...inner.filter((one) => one !== null));
  return made;
}

const number = (value) => typeof value === "number";
const short = (value, digits = 3) => value.toLocaleString("en", { maximumFractionDigits: digits });
const worst = (row, name, most = Math.max) => {
  const found = row.pictures.map((picture) => picture[name]).filter(number);
  return found.length ? most(...found) : null;
};

const ORDERS = {
  "worst seams first": (row) => worst(row, "seam"),
  "least confident first": (row) => { const found = worst(row, "confidence", Math.min); return found === null ? null : -found; },
  "largest areas first": (row) => worst(row, "area"),
  "slowest first": (row) => row.seconds,
  "as planned": (row) => -row.row,
};

function ordered(found, by) {
  const keys = new Map(found.map((row) => [row, by(row)]));
  return found.sort((one, other) => {
    const [a, b] = [keys.get(one), keys.get(other)];
    if (a === b) return one.row - other.row;
    return a === null ? 1 : b === null ? -1 : b - a;
  });
}

function picture(id, caption, name) {
  return id === null ? null : make("img", { src: thumbnail(id), alt: caption, className: name, decoding: "async" });
}

function stage(row, shown) {
  const after = shown && picture(shown.thumbnail, `${row.id}, after`, "after");
  const before = picture(row.before, `${row.id}, before`, "before");
  if (!after && !before) return make("div", { className: "stage none" }, "no picture is here");
  const made = make("div", { className: "stage" }, after || null, before);
  const [width, height] = after ? [shown.width, shown.height] : row.size || [3, 4];
  made.style.aspectRatio = `${width} / ${height}`;
  made.style.maxWidth = `calc(26rem * ${width / height})`;
  if (!after) made.style.setProperty("--cut", "100%");
  if (after && before) {
    made.classList.add("compared");
    const slider = make("input", { type: "range", min: 0, max: 100, value: 50, ariaLabel: `${row.id}: before on the left, after on the right` });
    slider.addEventListener("input", () => made.style.setProperty("--cut", `${slider.value}%`));
    made.append(make("span", { className: "left" }, "before"), make("span", { className: "right" }, "after"), slider);
  } else if (before) {
    made.append(make("span", { className: "left" }, shown ? "before; the picture is not here" : "before"));
  }
  return made;
}

function figures(row, shown) {
  const found = [
    ["seam", shown && number(shown.seam) ? short(shown.seam) : null],
    ["area", shown && number(shown.area) ? `${short(shown.area * 100, 1)} %` : null],
    ["confidence", shown && number(shown.confidence) ? short(shown.confidence) : null],
    ["time", number(row.seconds) ? `${short(row.seconds, 1)} s` : null],
  ].filter(([, value]) => value !== null);
  return make("dl", { className: "figures" }, ...found.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))));
}

function details(row, shown) {
  const inner = make("dl", {}, ...row.settings.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
  if (shown && shown.link) inner.append(make("dt", {}, "file"), make("dd", {}, make("a", { href: shown.link }, shown.file)));
  return make("details", {}, make("summary", {}, "settings"), inner);
}

function card(row) {
  const made = make("article", { className: row.status });
  const heading = make("h2", {}, make("span", {}, row.id), make("small", {}, row.status === "failed" ? `failed, row ${row.row}` : `row ${row.row}`));
  let open = false;
  const show = (index) => {
    const shown = row.pictures[index];
    const buttons = row.pictures.map((one, k) => {
      const button = make("button", { type: "button", ariaPressed: String(k === index), ariaLabel: `picture ${k + 1}, seed ${one.seed}` }, String(k + 1));
      button.addEventListener("click", () => { show(k); made.querySelectorAll(".choices button")[k].focus(); });
      return button;
    });
    const told = details(row, shown);
    told.open = open;
    told.addEventListener("toggle", () => { open = told.open; });
    made.replaceChildren(
      ...[
        heading,
        stage(row, shown),
        buttons.length > 1 ? make("div", { className: "choices" }, ...buttons) : null,
        row.error ? make("p", { className: "error" }, row.error) : null,
        figures(row, shown),
        row.prompt ? make("p", { className: "prompt" }, row.prompt) : null,
        row.references.length ? make("div", { className: "references" }, ...row.references.map(([name, id]) => make("figure", {}, picture(id, name, ""), name))) : null,
        ...row.notes.map((note) => make("p", { className: "note" }, note)),
        told,
      ].filter((one) => one !== null),
    );
  };
  const seams = row.pictures.map((one) => (number(one.seam) ? one.seam : -1));
  show(Math.max(0, seams.indexOf(Math.max(...seams))));
  return made;
}

const AT_ONCE = 48;
let shown = [];
let until = 0;

function more() {
  const next = shown.slice(until, until + AT_ONCE);
  until += next.length;
  at("cards").append(...next.map(card));
  at("end").hidden = until >= shown.length;
}

function update() {
  const words = at("find").value.toLowerCase().split(/\s+/).filter(Boolean);
  const wanted = SHOWN[at("show").value][1];
  shown = ordered(rows.filter((row) => wanted(row) && words.every((word) => row.words.includes(word))), ORDERS[at("order").value]);
  at("count").textContent = shown.length === 1 ? "1 row" : `${shown.length.toLocaleString("en")} rows`;
  at("kinds").querySelectorAll("button").forEach((button) => { button.ariaPressed = String(button.value === at("show").value); });
  at("cards").replaceChildren();
  until = 0;
  more();
}

for (const row of rows) row.words = [row.id, row.prompt, row.error, ...row.settings.flat(), ...row.notes].join("\n").toLowerCase();
const SHOWN = {
  all: ["all", () => true],
  done: ["done", (row) => row.status === "done"],
  failed: ["failed", (row) => row.status === "failed"],
  noted: ["with notes", (row) => row.notes.length > 0],
};
kinds.forEach(([kind], k) => { SHOWN[`kind-${k}`] = [`failed: ${kind}`, (row) => row.kind === kind]; });
for (const [value, [name, wanted]] of Object.entries(SHOWN)) {
  at("show").append(make("option", { value }, `${name} (${rows.filter(wanted).length})`));
}
kinds.forEach(([kind, count], k) => {
  const button = make("button", { type: "button", className: "bad", value: `kind-${k}` }, `${count} × ${kind}`);
  button.addEventListener("click", () => { at("show").value = at("show").value === button.value ? "all" : button.value; update(); });
  at("kinds").append(button);
});
for (const name of Object.keys(ORDERS)) at("order").append(make("option", { value: name }, name));
if (!rows.some((row) => worst(row, "seam") !== null)) at("order").value = "as planned";
at("summary").textContent = summary;
let typed;
at("find").addEventListener("input", () => { clearTimeout(typed); typed = setTimeout(update, 150); });
at("show").addEventListener("change", update);
at("order").addEventListener("change", update);
at("filters").addEventListener("submit", (event) => event.preventDefault());
at("more").addEventListener("click", more);
new IntersectionObserver((seen) => { if (seen.some((one) => one.isIntersecting) && !at("end").hidden) more(); }, { rootMargin: "800px" }).observe(at("end"));
update();
