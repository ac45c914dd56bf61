/* Charts as SVG: baseline, course, band and history over time. The same drawing serves the screen, print and PNG. */
"use strict";

const EDGE = { left: 46, right: 12, top: 10, bottom: 22 };

/** Round numbers from zero (or below) to a little more than the largest. */
function ticksUpTo(low, high, most) {
  const span = high - low || Math.abs(high) || 1, wish = span / most, power = 10 ** Math.floor(Math.log10(wish));
  const step = [1, 2, 2.5, 5, 10].map((nice) => nice * power).find((size) => size >= wish * 0.999);
  const found = [];
  for (let k = Math.floor(low / step + 1e-9); ; k++) {
    found.push(Math.round(k * step * 1e9) / 1e9);
    if (k * step >= high - 1e-9 * step) return found;
  }
}

/** Where things of a chart lie: scales for a size, a span of time and the largest value. */
function frameOf(size, times, from, values, say, calendar) {
  const last = times[times.length - 1], first = Math.max(from, times[0]);
  let low = 0, high = 0;
  for (const one of values) {
    if (!one) continue;
    for (let k = 0; k < one.length; k++) {
      if (times[k] < first) continue;
      if (one[k] > high) high = one[k];
      if (one[k] < low) low = one[k];
    }
  }
  if (!(high > low)) high = low + 1;
  const ticks = ticksUpTo(low, high, size.height < 150 ? 3 : 4);
  low = Math.min(low, ticks[0]);
  high = ticks[ticks.length - 1];
  const left = EDGE.left, right = size.width - EDGE.right, top = EDGE.top, bottom = size.height - EDGE.bottom;
  return {
    size, first, last, low, high, ticks, left, right, top, bottom,
    x: (time) => left + (time - first) / (last - first) * (right - left),
    y: (value) => bottom - (value - low) / (high - low) * (bottom - top),
    key: [size.width, size.height, first, low, high, say.lang, calendar].join(" "),
  };
}

function linePath(frame, times, values) {
  const parts = [];
  let pen = "M";
  for (let k = 0; k < times.length; k++) {
    if (times[k] < frame.first) continue;
    if (!Number.isFinite(values[k])) { pen = "M"; continue; }
    parts.push(pen, frame.x(times[k]).toFixed(1), " ", frame.y(values[k]).toFixed(1));
    pen = "L";
  }
  return parts.join("");
}

function bandPath(frame, times, low, high) {
  const there = [], back = [];
  for (let k = 0; k < times.length; k++) {
    if (times[k] < frame.first || !Number.isFinite(low[k]) || !Number.isFinite(high[k])) continue;
    const x = frame.x(times[k]).toFixed(1);
    there.push(`${x} ${frame.y(Math.min(high[k], frame.high)).toFixed(1)}`);
    back.push(`${x} ${frame.y(Math.max(low[k], frame.low)).toFixed(1)}`);
  }
  return there.length ? `M${there.join("L")}L${back.reverse().join("L")}Z` : "";
}

/** Observed months and years: a dot for a moment or a month, a short line for a year. */
function historyPath(frame, history) {
  return history.filter(([, end, value]) => end >= frame.first && value <= frame.high * 1.0001).map(([begin, end, value]) => {
    const long = end - begin > 2, a = frame.x(Math.max(begin, frame.first)), b = frame.x(end), y = frame.y(value).toFixed(1);
    return long ? `M${a.toFixed(1)} ${y}H${b.toFixed(1)}` : `M${((a + b) / 2).toFixed(1)} ${y}h0`;
  }).join("");
}

/** Short numbers for an axis: thousands and millions in words of two letters at most. */
function axisNumber(value, ticks, say) {
  const most = Math.max(...ticks.map(Math.abs));
  const [size, word] = most >= 1e6 ? [1e6, say.t("million_short")] : most >= 1e4 ? [1e3, say.t("thousand_short")] : [1, ""];
  const step = Math.abs(ticks[1] - ticks[0]) / size;
  const digits = Math.max(0, Math.min(4, -Math.floor(Math.log10(step) + 1e-9) + (String(step / 10 ** Math.floor(Math.log10(step) + 1e-9)).startsWith("2.5") ? 1 : 0)));
  if (value === 0) return "0";
  return say.minus(say.format(digits).format(value / size)) + (word ? NBSP + word : "");
}

function axesInto(group, frame, say, calendar, marks) {
  group.replaceChildren();
  for (const tick of frame.ticks) {
    const y = frame.y(tick).toFixed(1);
    group.append(svg("path", { class: tick === 0 ? "zero" : "grid", d: `M${frame.left} ${y}H${frame.right}` }));
    group.append(svg("text", { class: "tick", x: frame.left - 5, y: Number(y) + 3.5, "text-anchor": "end" }, axisNumber(tick, frame.ticks, say)));
  }
  const years = calendar ? (frame.last - frame.first) / 12 : 0;
  const step = calendar ? 12 * [1, 2, 3, 4, 5, 10].find((n) => years / n * 34 <= frame.right - frame.left) : null;
  const stops = calendar ? [] : ticksUpTo(frame.first, frame.last, 5).filter((t) => t >= frame.first && t <= frame.last);
  if (calendar) {
    for (let year = Math.ceil(frame.first / 12) * 12; year <= frame.last; year += step) stops.push(year);
  }
  for (const time of stops) {
    const x = frame.x(time);
    if (calendar && x > frame.right - 14) continue; // no room for a year that only begins
    group.append(svg("path", { class: "grid", d: `M${x.toFixed(1)} ${frame.bottom}v4` }));
    const word = calendar ? String(START_YEAR + time / 12) : say.minus(String(time));
    group.append(svg("text", { class: "tick", x: Math.min(x, frame.right - 4).toFixed(1), y: frame.bottom + 16, "text-anchor": "middle" }, word));
  }
  if (marks.policy !== null && marks.policy > frame.first && marks.policy < frame.last) {
    const x = frame.x(marks.policy).toFixed(1);
    group.append(svg("path", { class: "policy", d: `M${x} ${frame.top}V${frame.bottom}` }));
  }
}

class Chart {
  constructor(place, one, page, heading) {
    this.place = place;
    this.one = one;
    this.page = page;
    this.seen = false;
    this.key = "";
    this.title = el(heading, {});
    this.unit = el("p", { class: "unit" });
    this.value = el("p", { class: "reading" });
    this.axes = svg("g", {});
    this.band = svg("path", { class: "band" });
    this.base = svg("path", { class: "base" });
    this.history = svg("path", { class: "history" });
    this.course = svg("path", { class: "course" });
    this.at = svg("path", { class: "at" });
    this.dot = svg("circle", { class: "dot", r: 3.5 });
    this.hover = svg("path", { class: "hover" });
    this.picture = svg("svg", { role: "img", class: "chart" }, this.axes, this.band, this.at, this.base, this.history, this.course, this.dot, this.hover);
    this.save = el("button", { type: "button", class: "quiet save", onclick: () => page.savePicture(this) });
    this.figure = el("figure", { class: one.human ? "panel human" : "panel", "data-series": one.id },
      el("figcaption", {}, this.title, this.unit), this.picture, el("div", { class: "under" }, this.value, this.save));
    this.picture.addEventListener("pointermove", (event) => this.point(event));
    this.picture.addEventListener("pointerleave", () => this.unpoint());
    this.words();
  }

  words() {
    const say = this.page.say;
    this.title.textContent = say.of(this.one.title);
    this.unit.textContent = say.of(this.one.unit);
    this.picture.setAttribute("aria-label", say.of(this.one.title));
    this.save.textContent = "PNG";
    this.save.setAttribute("aria-label", say.t("save_picture_of", { what: say.of(this.one.title) }));
    this.picture.setAttribute("aria-label", say.of(this.one.title));
    this.key = "";
  }

  data() {
    return this.page.courses(this.place);
  }

  update() {
    if (!this.seen || !this.page.runs.now) return;
    const page = this.page, { now, base, low, high } = this.data();
    if (!now) return;
    const width = Math.max(240, Math.round(this.figure.clientWidth) - 26), size = { width, height: 168 };
    const history = page.data.time.calendar ? this.one.history : [];
    const past = history.length ? Float64Array.from(history, (one) => one[2]) : null;
    const frame = frameOf(size, page.times, page.from, [now, base, high], page.say, page.data.time.calendar);
    if (past) {
      const most = history.reduce((top, one) => (one[1] >= frame.first ? Math.max(top, one[2]) : top), 0);
      if (most > frame.high) Object.assign(frame, frameOf(size, page.times, page.from, [now, base, high, new Float64Array(page.times.length).fill(most)], page.say, true));
    }
    if (frame.key !== this.key) {
      this.key = frame.key;
      this.picture.setAttribute("viewBox", `0 0 ${size.width} ${size.height}`);
      axesInto(this.axes, frame, page.say, page.data.time.calendar, { policy: page.policyTime() });
      this.history.setAttribute("d", historyPath(frame, history));
    }
    this.frame = frame;
    this.base.setAttribute("d", linePath(frame, page.times, base));
    this.course.setAttribute("d", linePath(frame, page.times, now));
    this.band.setAttribute("d", low ? bandPath(frame, page.times, low, high) : "");
    const date = page.state.now.date, x = frame.x(date).toFixed(1);
    this.at.setAttribute("d", date > frame.first ? `M${x} ${frame.top}V${frame.bottom}` : "");
    const reading = page.readings(this.place, date);
    this.dot.setAttribute("cx", x);
    this.dot.setAttribute("cy", frame.y(valueAt(now, page.times, date)).toFixed(1));
    this.tell(date, reading);
    this.picture.setAttribute("aria-label", page.sentence(this.place, date));
  }

  tell(date, reading) {
    const say = this.page.say;
    const parts = [el("span", { class: "when" }, say.month(date, true)), el("strong", {}, say.amount(reading.now, this.one))];
    if (reading.moved) parts.push(el("span", { class: "moved" }, say.change(reading.now, reading.base, this.one)));
    this.value.replaceChildren(...parts.flatMap((part, k) => (k ? [" ", part] : [part])));
  }

  point(event) {
    if (!this.frame) return;
    const box = this.picture.getBoundingClientRect(), frame = this.frame, times = this.page.times;
    const x = (event.clientX - box.left) / box.width * frame.size.width;
    const wish = frame.first + (x - frame.left) / (frame.right - frame.left) * (frame.last - frame.first);
    const time = Math.min(frame.last, Math.max(frame.first, Math.round(wish)));
    if (time < times[0]) return;
    this.hover.setAttribute("d", `M${frame.x(time).toFixed(1)} ${frame.top}V${frame.bottom}`);
    const { now, base } = this.data(), a = valueAt(now, times, time), b = valueAt(base, times, time);
    this.tell(time, { now: a, base: b, moved: Math.abs(a - b) > 1e-9 * Math.abs(b) });
  }

  unpoint() {
    this.hover.setAttribute("d", "");
    if (this.frame) this.tell(this.page.state.now.date, this.page.readings(this.place, this.page.state.now.date));
  }
}
