// The list of events, of which only the rows in sight are in the document; and its filter.

const ROW_HEIGHT = 24; // pixels, as in page.css
const OPERATORS = {
  "=": (order) => order === 0,
  "!=": (order) => order !== 0,
  "<": (order) => order < 0,
  "<=": (order) => order <= 0,
  ">": (order) => order > 0,
  ">=": (order) => order >= 0,
};

// The order of two texts: of numbers by size, whole ones exactly, however large.
function order(one, other) {
  if (one === other) return 0;
  const whole = /^[+-]?\d+$/;
  if (whole.test(one) && whole.test(other)) {
    const difference = BigInt(one) - BigInt(other);
    return difference < 0n ? -1 : difference > 0n ? 1 : 0;
  }
  const [left, right] = [Number(one), Number(other)];
  if (one !== "" && other !== "" && !Number.isNaN(left) && !Number.isNaN(right)) {
    return left < right ? -1 : left > right ? 1 : 0;
  }
  return one < other ? -1 : 1;
}

// What a word of the filter asks of the event at an index.
function condition(word, pathsOf) {
  const names = ["sequence", ...data.fields[0]];
  const found = /^(.+?)(!=|<=|>=|=|<|>)(.*)$/.exec(word);
  const place = found ? names.indexOf(found[1]) : -1;
  if (place >= 0) {
    const holds = OPERATORS[found[2]];
    const value = found[3];
    return (index) => {
      const text = place ? data.events[index][1][place - 1] : String(data.begin + index);
      const quoted = /^b?'(.*)'$/.exec(text); // a text may be asked for without its quotes
      return holds(order(quoted && !/^b?'/.test(value) ? quoted[1] : text, value));
    };
  }
  const low = word.toLowerCase();
  if (low === "failed") return (index) => (data.events[index][4] || []).length > 0;
  if (low.startsWith("changed:")) {
    const part = low.slice(8);
    return (index) => pathsOf(index).some((path) => path.toLowerCase().includes(part));
  }
  if (low.startsWith("out:")) {
    const part = low.slice(4);
    const last = data.lanes.length - 3;
    return (index) =>
      (data.events[index][3] || []).some(
        ([depth, , , texts]) =>
          depth === last && named(data.fields[depth + 1], texts).toLowerCase().includes(part),
      );
  }
  return (index) =>
    String(data.begin + index).includes(low) ||
    named(data.fields[0], data.events[index][1]).toLowerCase().includes(low);
}

class List {
  constructor(box, pathsOf, chosen) {
    this.box = box;
    this.pathsOf = pathsOf;
    this.chosen = chosen;
    this.selected = -1; // the event's index; -1: before the first
    this.matching = data.events.map((_, index) => index);
    const widths = [
      Math.max(8, grouped(data.begin + data.events.length).length),
      15,
      3,
      3,
      ...data.widths,
    ];
    this.numeric = data.fields[0].map((_, place) =>
      data.events.every(([, texts]) => /^[+-]?(\d|nan|inf)/.test(texts[place])),
    );
    this.columns = widths.map((width) => `${width}ch`).join(" ");
    this.space = element("div", { class: "space" });
    this.body = element("div", { class: "body", role: "rowgroup" });
    this.space.append(this.body);
    const cells = ["input", "time", "Δ", "out", ...data.fields[0]];
    const head = element("div", { class: "line head", role: "row" });
    cells.forEach((text, place) => {
      head.append(element("span", { role: "columnheader", class: this.side(place) }, text));
    });
    head.style.gridTemplateColumns = this.columns;
    box.append(head, this.space);
    box.addEventListener("scroll", () => this.draw());
    new ResizeObserver(() => this.draw()).observe(box);
    this.body.addEventListener("click", (event) => {
      const line = event.target.closest(".line");
      if (line) chosen(Number(line.dataset.index));
    });
  }

  side(place) {
    if (place < 4) return place === 1 ? "" : "number";
    return this.numeric[place - 4] ? "number" : "";
  }

  filter(text) {
    const words = text.split(/\s+/).filter(Boolean);
    const conditions = words.map((word) => condition(word, this.pathsOf));
    this.matching = [];
    for (let index = 0; index < data.events.length; index++) {
      if (conditions.every((holds) => holds(index))) this.matching.push(index);
    }
    this.draw();
  }

  // The matching event `count` further on than the selected one.
  from(count) {
    const before = this.matching.findIndex((index) => index >= this.selected);
    const at = before < 0 ? this.matching.length : before;
    const there = this.matching[at] === this.selected;
    const to = there || count < 0 ? at + count : at + count - 1;
    if (to >= 0) return this.matching[to] ?? this.matching.at(-1) ?? this.selected;
    if (this.matching.length === data.events.length) return -1;
    return at > 0 ? this.matching[0] : this.selected;
  }

  select(index) {
    this.selected = index;
    const row = this.matching.indexOf(index);
    const { scrollTop, clientHeight } = this.box;
    const top = row * ROW_HEIGHT;
    const seen = clientHeight - ROW_HEIGHT; // below the head
    if (index < 0) this.box.scrollTop = 0;
    else if (row >= 0 && top < scrollTop) this.box.scrollTop = top;
    else if (row >= 0 && top + ROW_HEIGHT > scrollTop + seen) {
      this.box.scrollTop = top + ROW_HEIGHT - seen;
    }
    this.draw();
  }

  draw() {
    const first = Math.max(0, Math.floor(this.box.scrollTop / ROW_HEIGHT) - 4);
    const count = Math.ceil((this.box.clientHeight || 600) / ROW_HEIGHT) + 8;
    this.space.style.height = `${this.matching.length * ROW_HEIGHT}px`;
    this.body.style.top = `${first * ROW_HEIGHT}px`;
    this.box.setAttribute("aria-rowcount", this.matching.length + 1);
    const rows = this.matching.slice(first, first + count);
    this.body.replaceChildren(...rows.map((index, place) => this.line(index, first + place)));
  }

  line(index, row) {
    const [time, texts, edits, messages = [], failures = []] = data.events[index];
    const last = data.lanes.length - 3;
    const out = messages.filter(([depth]) => depth === last).length;
    const cells = [
      grouped(data.begin + index),
      timeTexts(time)[1].slice(0, 15),
      edits.length || "",
      failures.length ? "✗" : out || "",
      ...texts,
    ];
    const line = element("div", {
      class: failures.length ? "line failed" : "line",
      role: "row",
      "aria-rowindex": row + 2,
      "aria-selected": String(index === this.selected),
      "data-index": index,
    });
    cells.forEach((text, place) => {
      const cell = element("span", { role: "gridcell", class: this.side(place) }, String(text));
      line.append(cell);
    });
    line.style.gridTemplateColumns = this.columns;
    return line;
  }
}
