// The data of the page, and the state behind any event: rebuilt by applying changes, and undoing
// them to go back. How trees and changes are written is told in page_states.py.

const data = JSON.parse(document.getElementById("data").textContent);

// A node: the shape of a container and its entries {key, value}, value being a node or a text. The
// entry stays the same object while its value changes, so that what happened to it can be noted.
function planted(tree, shapes) {
  if (typeof tree === "string") return tree;
  const shape = shapes[tree[0]];
  const entries = [];
  if (shape.form === "keys") {
    for (let i = 1; i < tree.length; i += 2) {
      entries.push({ key: tree[i], value: planted(tree[i + 1], shapes) });
    }
  } else {
    for (let i = 1; i < tree.length; i++) entries.push({ key: "", value: planted(tree[i], shapes) });
  }
  return { shape, entries };
}

function keyOf(node, entry, place) {
  const { form, keys, dims } = node.shape;
  if (form === "keys") return entry.key;
  if (form === "fields") return keys[place];
  if (form === "members") return `{${entry.value}}`;
  if (dims && !dims.length) return "[()]";
  if (!dims || dims.length === 1) return `[${place}]`;
  const parts = [];
  let left = place;
  for (let i = dims.length - 1; i >= 0; i--) {
    parts.unshift(left % dims[i]);
    left = Math.floor(left / dims[i]);
  }
  return `[${parts.join(", ")}]`;
}

// A value in one line of about `length` characters.
function preview(value, length) {
  if (typeof value === "string") return cut(value, length);
  const { kind, form } = value.shape;
  let text = kind === "dict" ? "{" : kind === "list" ? "[" : `${kind}(`;
  const close = kind === "dict" ? "}" : kind === "list" ? "]" : ")";
  for (let i = 0; i < value.entries.length; i++) {
    if (i) text += ", ";
    if (text.length >= length) {
      text += "…";
      break;
    }
    const entry = value.entries[i];
    if (form === "fields") text += `${keyOf(value, entry, i).replace(/^\./, "")}=`;
    if (form === "keys") text += `${entry.key.slice(1, -1)}: `;
    text += preview(entry.value, Math.max(length - text.length, 8));
  }
  return text + close;
}

// At most so many characters, as Python counts them.
function cut(text, length) {
  if (text.length <= length) return text;
  const characters = Array.from(text);
  return characters.length <= length ? text : `${characters.slice(0, length - 1).join("")}…`;
}

class States {
  constructor(tree, shapes, steps) {
    this.shapes = shapes;
    this.steps = steps; // the changes of each event, in order
    this.root = { key: "state", value: planted(tree, shapes) };
    this.at = 0; // how many steps have been taken
    this.undo = [];
    this.changes = []; // of the last step: {path, before, after}; null where there is nothing
    this.touched = new Map(); // entry -> its value before the step; undefined for what holds it
    this.gone = new Map(); // node -> [{key, value, change}] that were taken away from it
  }

  // Go to behind `place` steps; the last of them is taken anew, to note what it changed.
  go(place) {
    const before = Math.max(0, place - 1);
    while (this.at > before) this.stepBack();
    while (this.at < before) this.step();
    this.forget();
    if (place > 0) {
      this.step();
      this.mergeMoved();
    }
  }

  stepBack() {
    for (const undo of this.undo.pop().reverse()) undo();
    this.at--;
  }

  forget() {
    this.changes = [];
    this.touched = new Map();
    this.gone = new Map();
  }

  step() {
    this.forget();
    const undo = [];
    for (const edit of this.steps[this.at]) undo.push(this.apply(edit));
    this.undo.push(undo);
    this.at++;
  }

  apply([path, ...rest]) {
    const last = path.length - 1;
    let entry = this.root;
    let where = "state";
    for (let depth = 0; depth < last + (rest.length === 1 && last >= 0); depth++) {
      if (!this.touched.has(entry)) this.touched.set(entry, undefined);
      const node = entry.value;
      entry = node.entries[path[depth]];
      where += keyOf(node, entry, path[depth]);
    }
    if (rest.length === 1) return this.set(entry, where, rest[0]);
    if (!this.touched.has(entry)) this.touched.set(entry, undefined);
    const node = entry.value;
    const place = path[last];
    if (rest.length === 0) {
      const [gone] = node.entries.splice(place, 1);
      // Of what was taken away from behind others, the place is that before the event.
      const key = keyOf(node, gone, place);
      const change = { path: where + key, before: gone.value, after: null };
      this.changes.push(change);
      const others = this.gone.get(node) || [];
      this.gone.set(node, [{ key, value: gone.value, change }, ...others]);
      return () => node.entries.splice(place, 0, gone);
    }
    const made = { key: rest[0], value: planted(rest[1], this.shapes) };
    node.entries.splice(place, 0, made);
    const key = keyOf(node, made, place);
    this.changes.push({ path: where + key, before: null, after: made.value, entry: made });
    this.touched.set(made, null);
    return () => node.entries.splice(place, 1);
  }

  set(entry, where, tree) {
    const before = entry.value;
    entry.value = planted(tree, this.shapes);
    this.changes.push({ path: where, before, after: entry.value });
    this.touched.set(entry, before);
    return () => {
      entry.value = before;
    };
  }

  // What was taken away and put in again under its name has another value, or only another place.
  mergeMoved() {
    const gone = new Map();
    for (const change of this.changes) {
      if (change.after === null) gone.set(change.path, change);
    }
    this.changes = this.changes.filter((change) => {
      const other = change.before === null && gone.get(change.path);
      if (!other) return true;
      gone.delete(change.path);
      other.merged = true;
      change.before = other.before;
      this.touched.set(change.entry, other.before);
      for (const [node, list] of this.gone) {
        this.gone.set(node, list.filter((each) => each.change !== other));
      }
      const same = JSON.stringify(plain(change.before)) === JSON.stringify(plain(change.after));
      if (same) this.touched.set(change.entry, undefined);
      return !same;
    });
    this.changes = this.changes.filter((change) => !change.merged);
  }
}

// A state as nothing but its texts, to compare and to test.
function plain(value) {
  if (value === null || typeof value === "string") return value;
  const entries = value.entries.map((entry, place) => [
    keyOf(value, entry, place),
    plain(entry.value),
  ]);
  return [value.shape.kind, ...entries];
}

// Making elements. Texts go in as text nodes only: nothing in the data can become markup.
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

function grouped(number) {
  return String(number).replace(/\B(?=(\d{3})+$)/g, ",");
}

// Nanoseconds since 1970 as [date, time], in UTC and to the nanosecond.
function timeTexts(nanoseconds) {
  const all = BigInt(nanoseconds);
  let seconds = all / 1000000000n;
  let rest = all % 1000000000n;
  if (rest < 0n) {
    rest += 1000000000n;
    seconds -= 1n;
  }
  const [date, time] = new Date(Number(seconds) * 1000).toISOString().split("T");
  return [date, `${time.slice(0, 8)}.${String(rest).padStart(9, "0")}`];
}
