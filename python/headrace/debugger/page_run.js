// The page of a simulated run: the chosen step, what it comes from and what came from it.

const byId = (id) => document.getElementById(id);
const things = data.happened;
const picture = byId("picture");
const ones = new Map(); // place -> its elements in the picture
for (const made of picture.querySelectorAll("[data-i]")) {
  const place = Number(made.dataset.i);
  ones.set(place, [...(ones.get(place) || []), made]);
}
const flights = [...picture.querySelectorAll(".flight")].map((made) => ({
  made,
  from: made.dataset.from === undefined ? null : Number(made.dataset.from),
  to: made.dataset.to === undefined ? null : Number(made.dataset.to),
}));
const walks = data.states.map((told) => told && new States(told.tree, told.shapes, told.edits));
const trees = walks.map((walk) => walk && new Tree(element("div"), walk));
const shownLanes = new Set(data.names.keys());
const places = things.map((_, place) => place).filter((place) => things[place].as === undefined);
const texts = things.map((thing) =>
  [thing.title, thing.time, ...(thing.more || []), ...(thing.effects || []).flat(3)]
    .join("\n")
    .toLowerCase(),
);
let matching = places;
let chosen = -1;

// -- the chosen one ----------------------------------------------------------------------------

// All that something comes from, or that came from it, in order.
function before(place) {
  const found = [];
  for (let at = things[place].cause; at !== undefined; at = things[at].cause) found.push(at);
  return found.reverse();
}

function behind(place) {
  const found = new Set([place]);
  for (const other of places) if (found.has(things[other].cause)) found.add(other);
  found.delete(place);
  return [...found];
}

function choose(place) {
  chosen = place;
  const chain = new Set([...before(place), place, ...behind(place)]);
  for (const [at, elements] of ones) {
    for (const made of elements) {
      made.classList.toggle("chosen", at === place);
      made.classList.toggle("chain", chain.has(at));
    }
  }
  for (const { made, from, to } of flights) {
    const open = to === null && chain.has(from);
    made.classList.toggle("chain", open || (chain.has(to) && (from === null || chain.has(from))));
  }
  const thing = things[place];
  byId("event-title").textContent = thing.title;
  byId("event-title").title = thing.title;
  byId("event-time").textContent = thing.time;
  drawDetail(place, thing);
  intoSight(ones.get(place)[0]);
  const hash = `#step=${place}`;
  if (location.hash !== hash) history.replaceState(null, "", hash);
}

// Scrolls the picture, not the page around it.
function intoSight(made) {
  const inside = made.getBoundingClientRect();
  const around = picture.getBoundingClientRect();
  const heads = 46;
  if (inside.top < around.top + heads) picture.scrollTop -= around.top + heads - inside.top;
  if (inside.bottom > around.bottom) picture.scrollTop += inside.bottom - around.bottom + 8;
  if (inside.left < around.left) picture.scrollLeft -= around.left - inside.left;
  if (inside.right > around.right) picture.scrollLeft += inside.right - around.right;
}

function jump(place, text) {
  const made = element("button", { class: "jump" }, text);
  made.addEventListener("click", () => choose(place));
  return made;
}

function effect([words, became = []]) {
  const line = element("li", {}, element("code", {}, words));
  for (const [text, place] of became) {
    const told = place === undefined ? element("span", { class: "quiet" }, text) : jump(place, text);
    line.append(element("div", { class: "became" }, "→ ", told));
  }
  return line;
}

function drawDetail(place, thing) {
  const parts = [];
  if (place === data.failed) parts.push(element("p", { class: "failure" }, `Here it failed: ${data.failure}`));
  if (thing.input) {
    const rows = element("dl", { class: "fields" });
    for (const [name, text] of thing.input) {
      rows.append(element("div", {}, element("dt", {}, name), element("dd", {}, text)));
    }
    parts.push(rows);
  }
  for (const text of thing.more || []) parts.push(element("p", { class: "failure" }, text));
  if (thing.cause !== undefined) {
    const { title, time } = things[thing.cause];
    parts.push(element("h3", {}, "Caused by"), jump(thing.cause, `${title}, at ${time}`));
  }
  const [lane, at] = thing.state || [];
  byId("state-title").textContent = thing.state ? `of ${data.names[lane]}, behind it` : "";
  if (thing.state) {
    const walk = walks[lane];
    walk.go(at);
    parts.push(element("h3", {}, `Changes of the state ${walk.changes.length || ""}`));
    if (walk.changes.length) parts.push(changesTable(walk.changes, ["place", "before", "after"]));
    else parts.push(element("p", { class: "quiet" }, "It stayed as it was."));
    trees[lane].draw();
    byId("tree").replaceChildren(trees[lane].box);
  } else byId("tree").replaceChildren(element("p", { class: "note" }, "No node took a step."));
  if (thing.effects) {
    parts.push(element("h3", {}, `Effects ${thing.effects.length || ""}`));
    if (thing.effects.length) {
      parts.push(element("ul", { class: "effects" }, ...thing.effects.map(effect)));
    } else parts.push(element("p", { class: "quiet" }, "None."));
  }
  byId("detail").replaceChildren(...parts);
  byId("detail").scrollTop = 0;
}

// -- what is dimmed ----------------------------------------------------------------------------

function show() {
  const words = byId("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  const isShown = ({ lanes }) => !lanes.length || lanes.some((lane) => shownLanes.has(lane));
  matching = places.filter(
    (place) => isShown(things[place]) && words.every((word) => texts[place].includes(word)),
  );
  const found = new Set(matching);
  for (const [place, elements] of ones) {
    for (const made of elements) made.classList.toggle("dim", !found.has(place));
  }
  for (const { made, from, to } of flights) {
    const out = !(found.has(from) || found.has(to)) || (words.length && !found.has(to ?? from));
    made.classList.toggle("dim", Boolean(out));
  }
  for (const made of picture.querySelectorAll(".lane")) {
    made.classList.toggle("dim", !shownLanes.has(Number(made.dataset.lane)));
  }
  for (const made of byId("lanes").children) {
    made.setAttribute("aria-pressed", String(shownLanes.has(Number(made.dataset.lane))));
  }
  const all = matching.length === places.length;
  byId("count").textContent = all
    ? `${grouped(places.length)} things happened`
    : `${grouped(matching.length)} of ${grouped(places.length)}`;
}

// From all to one only; then others come and go; none left are all again.
function toggleLane(lane) {
  if (shownLanes.size === data.names.length && data.names.length > 1) {
    shownLanes.clear();
    shownLanes.add(lane);
  } else if (!shownLanes.delete(lane)) shownLanes.add(lane);
  if (!shownLanes.size) for (const each of data.names.keys()) shownLanes.add(each);
  show();
}

data.names.forEach((name, lane) => {
  const made = element("button", { "data-lane": lane, title: `Only ${name}, or not` }, name);
  made.addEventListener("click", () => toggleLane(lane));
  byId("lanes").append(made);
});

// -- what the user does ------------------------------------------------------------------------

function walk(step) {
  const at = matching.findIndex((place) => place >= chosen);
  const here = at < 0 ? matching.length : at;
  const there = matching[here] === chosen;
  const to = there || step < 0 ? here + step : here + step - 1;
  const place = matching[Math.min(Math.max(to, 0), matching.length - 1)];
  if (place !== undefined) choose(place);
}

const KEYS = {
  j: () => walk(1),
  ArrowDown: () => walk(1),
  k: () => walk(-1),
  ArrowUp: () => walk(-1),
  PageDown: () => walk(20),
  PageUp: () => walk(-20),
  Home: () => walk(-places.length),
  End: () => walk(places.length),
  c: () => chosen >= 0 && things[chosen].cause !== undefined && choose(things[chosen].cause),
  f: () => failedPlace() !== null && choose(failedPlace()),
  "/": () => byId("filter").focus(),
  "?": () => byId("keys").showModal(),
  Escape: () => {
    byId("filter").value = "";
    show();
  },
};

function failedPlace() {
  return data.failed === null ? null : (things[data.failed].as ?? data.failed);
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || byId("keys").open) return;
  const { target } = event;
  if (target.id === "filter") {
    if (event.key === "Escape" || event.key === "Enter") {
      event.preventDefault();
      picture.focus();
    }
    return;
  }
  const pane = target.closest(".scroll"); // which other keys than letters scroll
  if (pane && pane.id !== "picture" && event.key.length > 1 && event.key !== "Escape") return;
  if (!Object.hasOwn(KEYS, event.key)) return;
  event.preventDefault();
  KEYS[event.key]();
});

picture.addEventListener("click", (event) => {
  const lane = event.target.closest(".lane");
  if (lane) toggleLane(Number(lane.dataset.lane));
  const one = event.target.closest("[data-i]");
  if (one) choose(Number(one.dataset.i));
});
byId("filter").addEventListener("input", show);
byId("help").addEventListener("click", () => byId("keys").showModal());

// The names of the lanes once more, which stay in sight.
const drawing = picture.querySelector("svg");
const width = drawing.getAttribute("width");
const heads = document.createElementNS(drawing.namespaceURI, "svg");
for (const [name, value] of Object.entries({ width, height: 38, class: "spacetime" })) {
  heads.setAttribute(name, value);
}
heads.append(...[...drawing.querySelectorAll(".lane")].map((lane) => lane.cloneNode(true)));
const sticky = element("div", { class: "heads", "aria-hidden": "true" }, heads);
sticky.style.marginBottom = "-39px";
picture.prepend(sticky);

// #step=N chooses a thing; without, where it failed, or else the first.
function fromHash() {
  const asked = Number(new URLSearchParams(location.hash.slice(1)).get("step") ?? Number.NaN);
  const place = things[asked] ? (things[asked].as ?? asked) : (failedPlace() ?? places.at(-1));
  if (place !== undefined) choose(place);
}

show();
window.addEventListener("hashchange", fromHash);
fromHash();
