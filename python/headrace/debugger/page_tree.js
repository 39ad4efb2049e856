// The state as a tree: only what is open is in the document, and of long containers a part.

const CHILDREN_SHOWN = 100;

class Tree {
  constructor(box, states) {
    this.box = box;
    this.states = states;
    this.open = new Map(); // path -> whether somebody opened or closed it
    this.more = new Map(); // path -> how many children are shown
    this.focus = "state";
    box.addEventListener("click", (event) => this.clicked(event));
    box.addEventListener("keydown", (event) => this.key(event));
  }

  draw() {
    this.rows = [];
    this.add(this.states.root, "state", "state", 0, "");
    const made = this.rows.map((row, index) => this.row(row, index));
    this.box.replaceChildren(...made);
  }

  isOpen(entry, path, depth) {
    const asked = this.open.get(path);
    if (asked !== undefined) return asked;
    return depth === 0 || this.states.touched.has(entry);
  }

  add(entry, path, key, depth, note) {
    const { value } = entry;
    if (typeof value === "string") {
      this.rows.push({ entry, path, key, depth, note, text: value });
      return;
    }
    const open = this.isOpen(entry, path, depth);
    this.rows.push({ entry, path, key, depth, note, node: value, open });
    if (!open) return;
    const { entries, shape } = value;
    const shown = this.more.get(path) || CHILDREN_SHOWN;
    let hidden = 0;
    entries.forEach((child, place) => {
      if (place >= shown && !this.states.touched.has(child)) {
        hidden++;
        return;
      }
      const below = keyOf(value, child, place);
      const told = shape.notes ? shape.notes[place] : "";
      const name = shape.form === "members" ? "" : below.replace(/^\./, "");
      this.add(child, path + below, name, depth + 1, told);
    });
    for (const gone of this.states.gone.get(value) || []) {
      const name = shape.form === "members" ? "" : gone.key.replace(/^\./, "");
      this.rows.push({ gone, path: `${path}${gone.key} gone`, key: name, depth: depth + 1 });
    }
    if (hidden) this.rows.push({ more: path, path: `${path} more`, depth: depth + 1, hidden });
  }

  row(row, index) {
    const made = element("div", {
      class: "row",
      role: "treeitem",
      id: `tree-${index}`,
      "aria-level": row.depth + 1,
      "aria-expanded": row.node ? String(row.open) : undefined,
      "data-index": index,
      tabindex: row.path === this.focus ? 0 : -1,
    });
    made.style.paddingLeft = `${0.4 + row.depth * 1.1}rem`;
    if (row.more) {
      made.classList.add("more");
      made.append(`${grouped(row.hidden)} more`);
      return made;
    }
    made.append(element("span", { class: "twist" }, row.node ? (row.open ? "▾" : "▸") : ""));
    if (row.key) made.append(element("span", { class: "key" }, row.key));
    if (row.gone) {
      made.classList.add("gone");
      made.append(element("del", {}, preview(row.gone.value, 60)), element("b", {}, "gone"));
      return made;
    }
    if (row.note) made.append(element("span", { class: "note" }, row.note));
    const { touched } = this.states;
    const before = touched.get(row.entry);
    if (touched.has(row.entry)) made.classList.add(before === undefined ? "holds" : "changed");
    if (before) made.append(element("del", {}, preview(before, 60)), "→");
    made.append(this.value(row));
    if (before === null) made.append(element("b", {}, "new"));
    return made;
  }

  value(row) {
    if (!row.node) return element("span", { class: "value" }, row.text);
    const { kind, sparse } = row.node.shape;
    const count = row.node.entries.length;
    const size = sparse ? `${kind}, ${grouped(count)} of them change here` : `${kind} ${count}`;
    const text = row.open || !count ? size : preview(row.node, 70);
    return element("span", { class: "container" }, text);
  }

  clicked(event) {
    const found = event.target.closest(".row");
    if (!found) return;
    const row = this.rows[found.dataset.index];
    this.focus = row.path;
    this.toggle(row, !row.open);
    this.focusRow();
  }

  toggle(row, open) {
    if (row.more) this.more.set(row.more, (this.more.get(row.more) || CHILDREN_SHOWN) + 400);
    else if (row.node) this.open.set(row.path, open);
    this.draw();
  }

  focusRow() {
    const index = Math.max(0, this.rows.findIndex((row) => row.path === this.focus));
    this.focus = this.rows[index].path;
    for (const each of this.box.children) each.tabIndex = each.dataset.index == index ? 0 : -1;
    this.box.children[index].focus();
  }

  key(event) {
    const index = Math.max(0, this.rows.findIndex((row) => row.path === this.focus));
    const row = this.rows[index];
    const to = { ArrowDown: index + 1, ArrowUp: index - 1 }[event.key];
    if (to !== undefined) this.focus = (this.rows[to] || row).path;
    else if (event.key === "ArrowRight" || event.key === "Enter") this.toggle(row, true);
    else if (event.key === "ArrowLeft" && row.open) this.toggle(row, false);
    else if (event.key === "ArrowLeft") {
      const above = this.rows.slice(0, index).reverse().find((each) => each.depth < row.depth);
      this.focus = (above || row).path;
    } else return;
    event.preventDefault();
    event.stopPropagation();
    this.focusRow();
  }
}
