/* The diagram whose numbers move with the levers and with time. */
"use strict";

const FRAME = 222, GAP = 72, LABEL = 20, DOWN = 40;

class Diagram {
  constructor(page, root) {
    this.page = page;
    this.root = root;
    this.time = null;
    this.playing = null;
  }

  build() {
    const { say, data, times } = this.page;
    this.stop();
    if (!data.diagram) {
      this.root.replaceChildren(el("p", {}, say.t("no_diagram")));
      return;
    }
    this.slider = el("input", { type: "range", id: "diagram-time", min: times[0], max: times[times.length - 1], step: data.time.calendar ? 1 : "any" });
    this.slider.addEventListener("input", () => { this.time = Number(this.slider.value); this.update(); });
    this.play = el("button", { type: "button", onclick: () => (this.playing ? this.stop() : this.start()) }, say.t("play"));
    this.when = el("output", { for: "diagram-time", class: "when" });
    this.picture = data.diagram.kind === "sectors" ? this.sectors() : this.view();
    this.list = el("div", {});
    this.root.replaceChildren(el("h2", {}, say.t("diagram")), el("p", { class: "quiet" }, say.t(data.diagram.kind === "sectors" ? "diagram_hint" : "diagram_view_hint")),
      el("div", { class: "player" }, this.play, el("label", { for: "diagram-time", class: "hidden" }, say.t("time")), this.slider, this.when),
      el("div", { class: "scroll board", role: "region", tabindex: 0, "aria-label": say.t("diagram") }, this.picture),
      el("details", { class: "as-table" }, el("summary", {}, say.t("diagram_table")), this.list));
  }

  start() {
    const { times, say } = this.page, last = times[times.length - 1], first = Math.max(times[0], this.page.policyTime() ?? times[0]);
    let time = this.time === null || this.time >= last - 1e-9 ? first : this.time, before = null;
    const speed = (last - times[0]) / 25; // seconds for the whole run
    this.play.textContent = say.t("pause");
    const turn = (now) => {
      if (before !== null) time += (now - before) / 1000 * speed;
      before = now;
      this.time = Math.min(last, this.page.data.time.calendar ? Math.floor(time) : time);
      this.slider.value = String(this.time);
      this.update();
      if (time >= last) this.stop();
      else this.playing = requestAnimationFrame(turn);
    };
    this.playing = requestAnimationFrame(turn);
  }

  stop() {
    if (this.playing) cancelAnimationFrame(this.playing);
    this.playing = null;
    if (this.play) this.play.textContent = this.page.say.t("play");
  }

  text(x, y, words, kind, anchor) {
    return svg("text", { x, y, class: kind, "text-anchor": anchor || "start" }, words);
  }

  /** Sectors as frames with their stocks, and one arrow for all that moves from one to another. */
  sectors() {
    const { say, data } = this.page, made = data.diagram;
    this.numbers = [];
    const frames = made.sectors.map((sector) => ({ sector, rows: sector.stocks.map((place) => ({ place, lines: wrapWords(say.of(data.series[place].title), LABEL, 3) })) }));
    for (const f of frames) {
      f.title = wrapWords(say.of(data.sectors[f.sector.id] || { en: f.sector.id, es: f.sector.id }), 25, 2);
      f.height = 14 + 15 * f.title.length + f.rows.reduce((sum, row) => sum + 13 * row.lines.length + 9, 0);
    }
    inColumns(frames);
    const width = Math.max(...frames.map((f) => f.x)) + FRAME + 12, height = Math.max(...frames.map((f) => f.y + f.height)) + 12;
    const root = svg("svg", { class: "diagram", viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": say.t("diagram_label") });
    const arrows = svg("g", {}), boxes = svg("g", {}), labels = svg("g", {});
    root.append(arrows, boxes, labels);
    const taken = [], ports = portsOf(made.moves, frames);
    this.arrows = made.moves.map((move, k) => {
      const course = between(ports[k]);
      const line = svg("path", { class: "pipe", d: course.d }), reach = svg("path", { class: "reach", d: course.d }), dashes = svg("path", { class: "drops", d: course.d }), head = svg("path", { class: "head" });
      const [x, y] = freeSpot(course.at, frames, taken);
      taken.push([x, y]);
      const label = this.text(x, y + 4, "", "amount", "middle");
      const title = svg("title", {}, move.flows.map((place) => say.of(data.series[place].title)).join("; "));
      const group = svg("g", { class: "arrow" }, title, reach, line, dashes, head);
      for (const part of [group, label]) {
        part.addEventListener("pointerenter", () => { group.classList.add("lit"); label.classList.add("lit"); });
        part.addEventListener("pointerleave", () => { group.classList.remove("lit"); label.classList.remove("lit"); });
      }
      arrows.append(group);
      labels.append(label);
      return { move, line, dashes, head, label, group, course };
    });
    for (const f of frames) {
      boxes.append(svg("rect", { x: f.x, y: f.y, width: FRAME, height: f.height, rx: 6, class: "frame" }));
      f.title.forEach((line, k) => boxes.append(this.text(f.x + 9, f.y + 17 + 15 * k, line, "sector")));
      let y = f.y + 10 + 15 * f.title.length;
      for (const row of f.rows) {
        y += 13;
        const words = row.lines.map((line, k) => this.text(f.x + 9, y + 13 * k, line, "stock"));
        boxes.append(svg("g", {}, svg("title", {}, say.of(data.series[row.place].title)), ...words));
        const number = this.text(f.x + FRAME - 8, y, "", "value", "end");
        const bar = svg("rect", { x: f.x + 9, y: y + 13 * row.lines.length - 8, height: 3, width: 0, class: "level" });
        boxes.append(number, bar);
        this.numbers.push({ place: row.place, text: number, bar });
        y += 13 * (row.lines.length - 1) + 9;
      }
    }
    return root;
  }

  /** A view of the model's own file with numbers below its words. */
  view() {
    const made = this.page.data.diagram, [x, y, w, h] = made.box;
    const parsed = new DOMParser().parseFromString(`<svg xmlns="http://www.w3.org/2000/svg">${made.svg}</svg>`, "image/svg+xml").documentElement;
    const root = svg("svg", { class: "diagram own", viewBox: `${x} ${y} ${w} ${h + 14}`, width: w, height: h + 14, role: "img", "aria-label": this.page.say.t("diagram_label") });
    root.append(svg("rect", { x, y, width: w, height: h + 14, fill: "#fff" }), ...[...parsed.childNodes].map((node) => document.importNode(node, true)));
    this.arrows = [];
    this.numbers = made.spots.map((spot) => {
      const text = this.text(spot.x, spot.y, "", "value", spot.beside ? "start" : "middle");
      root.append(text);
      return { place: spot.series, text, bar: null };
    });
    return root;
  }

  update() {
    if (!this.picture) return;
    const { page } = this, { say, data, times } = page;
    if (this.time === null) this.time = page.state.now.date;
    const time = this.time;
    this.slider.value = String(time);
    const word = data.time.calendar ? say.month(Math.max(time, times[0] + 1)) : say.month(time);
    this.slider.setAttribute("aria-valuetext", word);
    this.when.textContent = word;
    for (const one of this.numbers) {
      const { now, base } = page.courses(one.place), value = valueAt(now, times, time), usual = valueAt(base, times, time);
      one.text.textContent = say.amount(value, data.series[one.place]);
      const moved = Math.abs(value - usual) > 0.005 * Math.abs(usual) + 1e-9;
      one.text.setAttribute("class", `value ${moved ? (value > usual ? "more" : "less") : ""}`);
      if (one.bar) one.bar.setAttribute("width", (Math.min(1, value / (page.most(one.place) || 1)) * (FRAME - 18)).toFixed(1));
    }
    if (this.arrows.length) {
      const amounts = this.arrows.map(({ move }) => move.flows.reduce((sum, place) => sum + valueAt(page.courses(place).now, times, time), 0));
      const most = Math.max(1, ...this.arrows.map(({ move }) => move.flows.reduce((sum, place) => sum + page.most(place), 0)));
      this.arrows.forEach((one, k) => {
        const size = amounts[k] > 0 ? 1 + 11 * Math.sqrt(Math.min(1, amounts[k] / most)) : 0.6;
        one.line.setAttribute("stroke-width", size.toFixed(1));
        one.dashes.setAttribute("stroke-width", Math.max(0.8, size / 3).toFixed(1));
        one.dashes.style.animationDuration = amounts[k] > 0 ? `${(2.4 / (0.4 + Math.sqrt(amounts[k] / most))).toFixed(2)}s` : "0s";
        one.head.setAttribute("d", headOf(one.course, size));
        one.label.textContent = say.amount(amounts[k], { counted: true });
        one.group.classList.toggle("still", amounts[k] < 0.5);
      });
    }
    if (!this.playing) this.showList(time);
  }

  showList(time) {
    const { page } = this, { say, data, times } = page, read = (place) => valueAt(page.courses(place).now, times, time), usual = (place) => valueAt(page.courses(place).base, times, time);
    const row = (name, unit, now, base) => el("tr", {}, el("th", { scope: "row" }, name, el("span", { class: "unit" }, unit)), el("td", { class: "number" }, say.number(base)), el("td", { class: "number" }, say.number(now)));
    const rows = this.numbers.map((one) => row(say.of(data.series[one.place].title), say.of(data.series[one.place].unit), read(one.place), usual(one.place)));
    for (const place of new Set(this.arrows.flatMap(({ move }) => move.flows))) {
      rows.push(row(say.of(data.series[place].title), say.of(data.series[place].unit), read(place), usual(place)));
    }
    this.list.replaceChildren(el("table", {}, el("caption", {}, say.month(time)), el("thead", {}, el("tr", {}, el("th", { scope: "col" }, say.t("stock_or_flow")),
      el("th", { scope: "col", class: "number" }, say.t("baseline")), el("th", { scope: "col", class: "number" }, say.t("now")))), el("tbody", {}, ...rows)));
  }
}

/** A text in lines of about so many letters. */
function wrapWords(text, most, lines) {
  const found = [""];
  for (const word of text.split(" ")) {
    const last = found[found.length - 1];
    if (last && last.length + word.length + 1 > most) found.push(word);
    else found[found.length - 1] = last ? last + " " + word : word;
  }
  if (found.length <= lines) return found;
  const kept = found.slice(0, lines);
  kept[lines - 1] = kept[lines - 1].slice(0, most - 1) + "…";
  return kept;
}

/** Stand frames in columns after their places from left to right, each column spread over the height. */
function inColumns(frames) {
  const edges = [0.9, 2.4, 3.5], columns = [[], [], [], []];
  for (const f of frames) columns[edges.filter((edge) => f.sector.column >= edge).length].push(f);
  const used = columns.filter((column) => column.length), tall = Math.max(...used.map((column) => column.reduce((sum, f) => sum + f.height + DOWN, 0)));
  used.forEach((column, k) => {
    column.sort((a, b) => a.sector.row - b.sector.row);
    const room = (tall - column.reduce((sum, f) => sum + f.height, 0)) / column.length;
    let y = 12 + room / 2;
    for (const f of column) {
      f.x = 12 + k * (FRAME + GAP) + (k === 3 ? GAP : 0); // most arrows pass before the last column
      f.y = y;
      y += f.height + room;
    }
  });
}

/** Where each arrow leaves and enters: on which side of a frame, and how far along it, so that no two share a place. */
function portsOf(moves, frames) {
  const centre = (f) => [f.x + FRAME / 2, f.y + f.height / 2], sides = new Map();
  const ports = moves.map((move) => {
    const a = frames[move.from], b = frames[move.to], [ax, ay] = centre(a), [bx, by] = centre(b);
    let out, into;
    if (Math.abs(ax - bx) < 1) {
      const amid = frames.some((f) => f !== a && f !== b && Math.abs(f.x - a.x) < 1 && (f.y - a.y) * (f.y - b.y) < 0);
      if (amid) out = into = "left";
      else [out, into] = by > ay ? ["bottom", "top"] : ["top", "bottom"];
    } else [out, into] = bx > ax ? ["right", "left"] : ["left", "right"];
    return [{ frame: a, side: out, other: b }, { frame: b, side: into, other: a }];
  });
  for (const port of ports.flat()) {
    const key = `${frames.indexOf(port.frame)} ${port.side}`;
    if (!sides.has(key)) sides.set(key, []);
    sides.get(key).push(port);
  }
  for (const own of sides.values()) {
    const upright = own[0].side === "left" || own[0].side === "right", k = upright ? 1 : 0;
    own.sort((p, q) => centre(p.other)[k] - centre(q.other)[k]);
    own.forEach((port, n) => {
      const { frame, side } = port, share = (n + 1) / (own.length + 1), along = upright ? 10 + share * (frame.height - 20) : 20 + share * (FRAME - 40);
      port.way = { left: [-1, 0], right: [1, 0], top: [0, -1], bottom: [0, 1] }[side];
      port.at = upright ? [side === "left" ? frame.x : frame.x + FRAME, frame.y + along] : [frame.x + along, side === "top" ? frame.y : frame.y + frame.height];
    });
  }
  return ports;
}

/** A curve from one port to another that leaves and enters at right angles. */
function between([from, to]) {
  const p = from.at, q = [to.at[0] + 7 * to.way[0], to.at[1] + 7 * to.way[1]];
  const far = Math.hypot(q[0] - p[0], q[1] - p[1]), around = from.side === "left" && to.side === "left";
  const reach = around ? 46 : Math.min(90, Math.max(18, far * 0.42));
  const c1 = [p[0] + reach * from.way[0], p[1] + reach * from.way[1]], c2 = [q[0] + reach * to.way[0], q[1] + reach * to.way[1]];
  const at = (t) => [0, 1].map((k) => (1 - t) ** 3 * p[k] + 3 * (1 - t) ** 2 * t * c1[k] + 3 * (1 - t) * t * t * c2[k] + t ** 3 * q[k]);
  return { d: `M${p.join(" ")}C${c1.join(" ")} ${c2.join(" ")} ${q.join(" ")}`, at, end: q, before: c2 };
}

/** A point of a curve for its number: outside all frames and apart from other numbers, near the middle. */
function freeSpot(at, frames, taken) {
  let best = at(0.5), least = Infinity;
  for (let k = 3; k <= 37; k++) {
    const t = k / 40, [x, y] = at(t);
    const inside = frames.filter((f) => x > f.x - 24 && x < f.x + FRAME + 24 && y > f.y - 9 && y < f.y + f.height + 9).length;
    const close = taken.filter(([a, b]) => Math.abs(a - x) < 50 && Math.abs(b - y) < 16).length;
    const price = 10 * inside + 6 * close + Math.abs(t - 0.5);
    if (price < least) [best, least] = [[x, y], price];
  }
  return best;
}

function headOf(course, size) {
  const [x, y] = course.end, dx = x - course.before[0], dy = y - course.before[1], n = Math.hypot(dx, dy) || 1;
  const ux = dx / n, uy = dy / n, half = Math.max(4, size * 0.9), length = Math.max(7, size);
  const tip = [x + ux * 7, y + uy * 7], foot = [tip[0] - ux * length, tip[1] - uy * length];
  return `M${tip[0].toFixed(1)} ${tip[1].toFixed(1)}L${(foot[0] - uy * half).toFixed(1)} ${(foot[1] + ux * half).toFixed(1)}L${(foot[0] + uy * half).toFixed(1)} ${(foot[1] - ux * half).toFixed(1)}Z`;
}
