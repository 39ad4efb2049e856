// Tables, and that of what an event or a step changed.

const ROWS_MAX = 500; // changes and outputs of one event that are listed

function table(heads, rows, left = 0) {
  const head = element("tr", {}, ...heads.map((text) => element("th", { scope: "col" }, text)));
  const body = rows.map((cells) =>
    element("tr", {}, ...cells.map((cell) => (cell instanceof Node ? cell : element("td", {}, cell)))),
  );
  if (left > 0) {
    const more = `${grouped(left)} more`;
    body.push(element("tr", {}, element("td", { colspan: heads.length, class: "quiet" }, more)));
  }
  return element("table", {}, element("thead", {}, head), element("tbody", {}, ...body));
}

function valueCell(value, kind) {
  if (value === null) return element("td", { class: "quiet" }, "(absent)");
  return element("td", {}, element(kind, {}, preview(value, 300)));
}

function changesTable(changes, heads) {
  const rows = changes.slice(0, ROWS_MAX).map((change) => [
    element("td", { class: "path" }, change.path),
    valueCell(change.before, "del"),
    valueCell(change.after, "ins"),
  ]);
  const made = table(heads, rows, changes.length - rows.length);
  made.classList.add("changes");
  return made;
}
