// The sequence diagram of some events, as page_diagram.py draws it.

const SVG = "http://www.w3.org/2000/svg";

function svg(tag, attributes, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function named(names, texts) {
  return names.map((name, i) => `${name}=${texts[i]}`).join(" ");
}

// Arrows of one event: {kind, lane, text}.
function arrowsOf(index) {
  const [, texts, , messages = [], failures = []] = data.events[index];
  const sequence = data.begin + index;
  const made = [{ kind: "input", lane: 0, text: `${sequence} ${named(data.fields[0], texts)}` }];
  for (const [depth, input, output, fields] of messages) {
    const kind = depth + 3 === data.lanes.length ? "output" : "inner";
    const text = `${input}.${output} ${named(data.fields[depth + 1], fields)}`;
    made.push({ kind, lane: depth + 1, text });
  }
  for (const [depth, text] of failures) {
    made.push({ kind: "failed", lane: depth + 1, text: `${sequence} ${text}` });
  }
  return made.map((arrow) => ({ ...arrow, sequence }));
}

// Events [begin, end) as a diagram; for each event at most `most` of its arrows.
function diagram(begin, end, most = Infinity) {
  const { lane, side, row, head, box, chars, name: nameChars } = data.sizes;
  const x = (number) => side + number * lane;
  const rows = [];
  for (let index = begin; index < end; index++) rows.push(...arrowsOf(index).slice(0, most));
  const width = 2 * side + (data.lanes.length - 1) * lane;
  const height = head + rows.length * row + 12;
  const what =
    end > begin ? `inputs ${data.begin + begin} to ${data.begin + end - 1}` : "no inputs";
  const made = svg("svg", {
    class: "diagram",
    viewBox: `0 0 ${width} ${height}`,
    width,
    height,
    role: "img",
    "aria-label": `Sequence diagram of ${what}`,
  });
  data.lanes.forEach((name, number) => {
    const wide = side - 4;
    const at = x(number);
    made.append(
      svg(
        "g",
        { class: "lane" },
        svg("title", {}, name),
        svg("line", { x1: at, y1: box + 4, x2: at, y2: height }),
        svg("rect", { x: at - wide, y: 4, width: 2 * wide, height: box, rx: 4 }),
        svg("text", { x: at, y: 21 }, cut(name, nameChars)),
      ),
    );
  });
  rows.forEach((arrow, number) => {
    const y = head + number * row + 18;
    const from = x(arrow.lane);
    const to = from + lane;
    const group = svg("g", { class: `arrow ${arrow.kind}`, "data-sequence": arrow.sequence });
    group.append(svg("title", {}, arrow.text));
    const text = cut(arrow.text, chars);
    if (arrow.kind === "failed") {
      group.append(
        svg("path", { d: `M${from - 5} ${y - 5}l10 10m0 -10l-10 10` }),
        svg("text", { x: from + 10, y: y + 4 }, text),
      );
    } else {
      group.append(
        svg("line", { x1: from, y1: y, x2: to - 6, y2: y }),
        svg("path", { d: `M${to} ${y}l-8 -4v8z` }),
        svg("text", { x: (from + to) / 2, y: y - 5 }, text),
      );
    }
    made.append(group);
  });
  return made;
}
