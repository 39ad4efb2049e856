// The page: one place on the time line, and everything that is shown of it.

const ARROWS = 40; // in the diagram around the selected event

const byId = (id) => document.getElementById(id);
const count = data.events.length;
const states = new States(data.tree, data.shapes, data.events.map((event) => event[2]));
const tree = new Tree(byId("tree"), states);
let place = 0; // how many of the events are behind us
let remembering;

// The places that each event changed; walked through when a filter asks first.
let allPaths = null;
function pathsOf(index) {
  if (!allPaths) {
    const walk = new States(data.tree, data.shapes, states.steps);
    allPaths = states.steps.map((_, at) => {
      walk.go(at + 1);
      return walk.changes.map((change) => change.path);
    });
  }
  return allPaths[index];
}

const list = new List(byId("list"), pathsOf, (index) => choose(index + 1));

function choose(to) {
  place = Math.min(Math.max(to, 0), count);
  states.go(place);
  list.select(place - 1);
  byId("scrubber").value = place;
  byId("place").textContent = place
    ? `input ${grouped(data.begin + place - 1)}`
    : `before input ${grouped(data.begin)}`;
  byId("first").disabled = byId("back").disabled = place === 0;
  byId("last").disabled = byId("forth").disabled = place === count;
  drawEvent();
  drawMessages();
  tree.draw();
  const behind = data.begin + place;
  const noun = behind === 1 ? "input" : "inputs";
  byId("state-title").textContent = `behind ${grouped(behind)} ${noun}`;
  clearTimeout(remembering);
  remembering = setTimeout(remember, 200);
}

function remember() {
  const hash = place ? `#sequence=${data.begin + place - 1}` : "#start";
  if (location.hash.split("&")[0] !== hash) history.replaceState(null, "", hash);
}

// -- the event -------------------------------------------------------------------------------

function drawEvent() {
  const box = byId("detail");
  if (place === 0) {
    byId("event-title").textContent = "Before the first event";
    byId("event-time").textContent = "";
    box.replaceChildren(element("p", { class: "quiet" }, "The state as it was at the beginning."));
    return;
  }
  const [time, texts, , messages = [], failures = []] = data.events[place - 1];
  byId("event-title").textContent = `Input ${grouped(data.begin + place - 1)}`;
  byId("event-time").textContent = `${timeTexts(time).join(" ")} UTC`;
  const fields = element("dl", { class: "fields" });
  data.fields[0].forEach((name, i) => {
    fields.append(element("div", {}, element("dt", {}, name), element("dd", {}, texts[i])));
  });
  const parts = [fields];
  for (const [depth, text] of failures) {
    const told = `${data.lanes[depth + 1]} failed, and changed nothing: ${text}`;
    parts.push(element("p", { class: "failure" }, told));
  }
  const { changes } = states;
  parts.push(element("h3", {}, `Changes ${changes.length || ""}`));
  if (changes.length) parts.push(changesTable(changes, ["place", "before", "after"]));
  else parts.push(element("p", { class: "quiet" }, "The state stayed as it was."));
  for (let depth = data.lanes.length - 3; depth >= 0; depth--) {
    if (data.fields[depth + 1].length) parts.push(...outputsOf(depth, messages));
  }
  box.replaceChildren(...parts);
}

function outputsOf(depth, messages) {
  const own = messages.filter((message) => message[0] === depth);
  const last = depth === data.lanes.length - 3;
  const name = last ? "Outputs" : `From ${data.lanes[depth + 1]} to ${data.lanes[depth + 2]}`;
  const head = element("h3", {}, `${name} ${own.length || ""}`);
  if (!own.length) return [head, element("p", { class: "quiet" }, "None.")];
  const rows = own
    .slice(0, ROWS_MAX)
    .map(([, input, output, texts]) => [`${input}.${output}`, ...texts]);
  const made = table(["id", ...data.fields[depth + 1]], rows, own.length - rows.length);
  made.classList.add("outputs");
  return [head, made];
}

// -- the diagram -----------------------------------------------------------------------------

function drawMessages() {
  const size = (index) => Math.min(arrowsOf(index).length, ARROWS);
  let begin = Math.max(0, place - 1);
  let end = Math.min(count, begin + 1);
  let arrows = end > begin ? size(begin) : 0;
  for (let grown = true; grown; ) {
    grown = false;
    if (begin > 0 && arrows + size(begin - 1) <= ARROWS) {
      arrows += size(--begin);
      grown = true;
    }
    if (end < count && arrows + size(end) <= ARROWS) {
      arrows += size(end++);
      grown = true;
    }
  }
  const made = diagram(begin, end, ARROWS);
  const box = byId("picture");
  const sequence = String(data.begin + place - 1);
  const chosen = [...made.querySelectorAll(".arrow")].filter(
    (arrow) => place && arrow.dataset.sequence === sequence,
  );
  const { row, head } = data.sizes;
  const all = [...made.querySelectorAll(".arrow")];
  if (chosen.length) {
    const y = head + all.indexOf(chosen[0]) * row;
    const size = { x: 0, y, width: made.getAttribute("width"), height: chosen.length * row };
    made.prepend(svg("rect", { class: "chosen", ...size }));
    chosen.forEach((arrow) => arrow.classList.add("chosen"));
  }
  box.replaceChildren(laneHeads(made), made);
  if (chosen.length) {
    const middle = head + (all.indexOf(chosen[0]) + chosen.length / 2) * row;
    box.scrollTop = middle - box.clientHeight / 2;
  }
  byId("window").textContent = count
    ? `inputs ${grouped(data.begin + begin)} to ${grouped(data.begin + end - 1)}`
    : "";
}

// The names of the lanes once more, which stay in sight.
function laneHeads(drawing) {
  const { box } = data.sizes;
  const width = drawing.getAttribute("width");
  const size = { width, height: box + 8, viewBox: `0 0 ${width} ${box + 8}` };
  const heads = svg("svg", { class: "diagram", "aria-hidden": "true", ...size });
  heads.append(...[...drawing.querySelectorAll(".lane")].map((lane) => lane.cloneNode(true)));
  const sticky = element("div", { class: "heads" }, heads);
  sticky.style.marginBottom = `-${box + 8}px`;
  return sticky;
}

byId("picture").addEventListener("click", (event) => {
  const arrow = event.target.closest(".arrow");
  if (arrow) choose(Number(arrow.dataset.sequence) - data.begin + 1);
});

// -- the branch ------------------------------------------------------------------------------

function outputsBeside({ rows, fields, counts, left_out: leftOut }) {
  const cell = (output, names, kind) => {
    if (!output) return element("td", {}, "");
    const [[input, index], texts] = output;
    const text = `${input}.${index} ${named(names, texts)}`;
    return element("td", {}, kind ? element(kind, {}, text) : text);
  };
  const made = rows.map((row) => {
    if (row.length === 1) {
      return [element("td", { colspan: 2, class: "quiet" }, `${grouped(row[0])} the same`)];
    }
    const [was, now, differ] = row;
    return [cell(was, fields[0], differ && "del"), cell(now, fields[1], differ && "ins")];
  });
  const heads = [`as it was: ${grouped(counts[0])}`, `as it would have been: ${grouped(counts[1])}`];
  const beside = table(heads, made, leftOut);
  beside.classList.add("beside");
  return beside;
}

function drawBranch(branch) {
  const future = new States(branch.tree, branch.shapes, [branch.edits]);
  future.go(1);
  const box = element("div", { class: "scroll", role: "tree", "aria-label": "State", tabindex: 0 });
  const part = (name, quiet, ...inside) => {
    const title = element("div", { class: "title" }, element("h2", {}, name));
    title.append(element("span", { class: "quiet" }, quiet));
    return element("section", {}, title, ...inside);
  };
  const scroll = (...inside) => element("div", { class: "scroll", tabindex: 0 }, ...inside);
  const heads = ["place", "as it was", "as it would have been"];
  const changed = future.changes.length
    ? changesTable(future.changes, heads)
    : element("p", { class: "quiet" }, "The states at the end are the same.");
  byId("branch").replaceChildren(
    part("Two futures", "", scroll(element("p", { class: "told" }, branch.told), changed)),
    part("State at the end", "as it would have been", box),
    part("Outputs", `since input ${grouped(branch.at)}`, scroll(outputsBeside(branch))),
  );
  new Tree(box, future).draw();
}

function see(branch) {
  byId("stretch").hidden = branch;
  byId("branch").hidden = !branch;
  byId("see-stretch").setAttribute("aria-pressed", String(!branch));
  byId("see-branch").setAttribute("aria-pressed", String(branch));
  if (!branch) choose(place);
}

if (data.branch) {
  byId("views").hidden = false;
  drawBranch(data.branch);
  byId("see-stretch").addEventListener("click", () => see(false));
  byId("see-branch").addEventListener("click", () => see(true));
}

// -- what the user does ----------------------------------------------------------------------

function filterBy(text) {
  list.filter(text);
  const all = list.matching.length === count;
  byId("count").textContent = `${all ? "" : `${grouped(list.matching.length)} of `}${grouped(count)}`;
}

const walk = (step) => choose(list.from(step) + 1);
const KEYS = {
  j: () => walk(1),
  ArrowDown: () => walk(1),
  k: () => walk(-1),
  ArrowUp: () => walk(-1),
  PageDown: () => walk(20),
  PageUp: () => walk(-20),
  Home: () => choose(0),
  End: () => choose(count),
  "/": () => byId("filter").focus(),
  "?": () => byId("keys").showModal(),
  b: () => data.branch && see(byId("branch").hidden),
  Escape: () => {
    byId("filter").value = "";
    filterBy("");
    list.select(place - 1);
  },
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || byId("keys").open) return;
  const { target } = event;
  if (target.id === "filter") {
    if (event.key === "Escape" || event.key === "Enter") {
      event.preventDefault();
      byId("list").focus();
    }
    return;
  }
  if (target.id === "scrubber" && !"jk/?b".includes(event.key)) return;
  const pane = target.closest(".scroll"); // which other keys than letters scroll
  if (pane && pane.id !== "list" && event.key.length > 1 && event.key !== "Escape") return;
  const inBranch = !byId("branch").hidden && !"?b".includes(event.key);
  if (!Object.hasOwn(KEYS, event.key) || inBranch) return;
  event.preventDefault();
  KEYS[event.key]();
});

byId("filter").addEventListener("input", () => filterBy(byId("filter").value));
byId("scrubber").addEventListener("input", () => choose(Number(byId("scrubber").value)));
byId("first").addEventListener("click", () => choose(0));
byId("back").addEventListener("click", () => walk(-1));
byId("forth").addEventListener("click", () => walk(1));
byId("last").addEventListener("click", () => choose(count));
byId("help").addEventListener("click", () => byId("keys").showModal());

// #sequence=N selects an event, #start the place before the first; &filter=..., &view=branch.
function fromHash() {
  const asked = new URLSearchParams(location.hash.slice(1));
  if (asked.has("filter")) byId("filter").value = asked.get("filter");
  filterBy(byId("filter").value);
  const sequence = Number(asked.get("sequence") ?? Number.NaN);
  if (asked.has("start")) choose(0);
  else choose(Number.isNaN(sequence) ? Math.min(1, count) : sequence - data.begin + 1);
  if (asked.get("view") === "branch" && data.branch) see(true);
}

byId("scrubber").max = count;
window.addEventListener("hashchange", fromHash);
fromHash();
