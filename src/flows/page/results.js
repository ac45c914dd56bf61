/* What changed, and for whom: the sentence, the table of outcomes and the charts. */
"use strict";

const LEVEL_LOW = 0.05, LEVEL_HIGH = 0.95;
const SEEN = 0.5; // per cent: smaller changes aren't worth a sentence

class Results {
  constructor(page, root) {
    this.page = page;
    this.root = root;
    this.charts = [];
    this.watch = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        const chart = this.charts.find((one) => one.figure === entry.target);
        if (!chart) continue;
        chart.seen = entry.isIntersecting;
        if (chart.seen) chart.update();
      }
    }, { rootMargin: "200px" });
    new ResizeObserver(() => this.draw()).observe(root);
  }

  build() {
    const page = this.page, say = page.say, data = page.data;
    this.watch.disconnect();
    this.chipText = null;
    this.lead = el("p", { class: "lead", id: "lead" });
    this.note = el("p", { class: "side", hidden: true });
    this.chips = el("ul", { class: "chips", "aria-label": say.t("chosen") });
    this.table = el("div", { class: "headline" });
    const parts = [el("h2", { class: "hidden" }, say.t("what_changes")), this.chips, this.lead, this.note, this.table];
    this.charts = [];
    const span = el("select", { id: "span" });
    for (const [time, word] of page.spans()) span.append(el("option", { value: time }, word));
    span.value = String(page.from);
    span.addEventListener("change", () => { page.from = Number(span.value); this.draw(); });
    parts.push(el("div", { class: "charts-head" }, el("h2", {}, say.t("courses")), this.legend(),
      el("div", { class: "field row" }, el("label", { for: "span" }, say.t("years_from")), span)));
    for (const [title, places, open] of this.groups()) {
      const panels = el("div", { class: "panels" });
      for (const place of places) {
        const chart = new Chart(place, data.series[place], page, title ? "h4" : "h3");
        this.charts.push(chart);
        panels.append(chart.figure);
        this.watch.observe(chart.figure);
      }
      if (!title) parts.push(panels);
      else {
        const fold = el("details", { class: "sector" }, el("summary", {}, el("h3", {}, title)), panels);
        fold.open = open;
        parts.push(fold);
      }
    }
    this.root.replaceChildren(...parts);
  }

  legend() {
    const say = this.page.say, mark = (kind) => svg("svg", { width: 28, height: 12, viewBox: "0 0 28 12", "aria-hidden": "true", class: "chart" },
      kind === "band" ? svg("rect", { class: "band", x: 1, y: 1, width: 26, height: 10 }) : svg("path", { class: kind, d: kind === "history" ? "M8 6h0M14 6h0M20 6h0" : "M1 6H27" }));
    const entries = [["course", say.t("legend_now")], ["base", say.t("legend_base")]];
    if (this.page.data.time.calendar) entries.push(["history", say.t("legend_observed")]);
    if (this.page.data.draws.values.length) entries.push(["band", say.t("legend_band")]);
    this.progress = el("span", { class: "progress" });
    return el("ul", { class: "legend" }, ...entries.map(([kind, word]) => el("li", {}, mark(kind), word, kind === "band" ? this.progress : null)));
  }

  /** Charts by what they are about: first people, then files, then events; all others by sector. */
  groups() {
    const { data, say } = this.page, featured = data.featured, shown = new Set(Object.values(featured).flat());
    const groups = [];
    if (shown.size) groups.push(["", [...featured.people, ...featured.files, ...featured.events], true]);
    const rest = [...data.charts, ...data.stocks].filter((place) => !shown.has(place) && !this.doubles(place));
    for (const sector of Object.keys(data.sectors)) {
      const own = rest.filter((place) => data.series[place].sector === sector);
      if (own.length) groups.push([say.of(data.sectors[sector]) || say.t("all_stocks"), own, !shown.size && groups.length < 2]);
    }
    return groups;
  }

  /** A stock that an outcome shows already, under the same title. */
  doubles(place) {
    const { data } = this.page, one = data.series[place];
    return one.kind === "stock" && data.charts.some((other) => data.series[other].title.en === one.title.en);
  }

  draw() {
    for (const chart of this.charts) chart.update();
  }

  /** Words and numbers of the present run. */
  update() {
    this.showChips();
    this.showTable();
    this.showLead();
    this.draw();
  }

  showChips() {
    const { state, say, data } = this.page, chips = [];
    const chip = (text, remove) => chips.push(el("li", {}, el("span", {}, text),
      el("button", { type: "button", class: "quiet", "aria-label": say.t("remove", { what: text }), onclick: () => this.page.change(remove) }, "×")));
    for (const name of state.now.chosen) chip(say.of(state.scenarios.get(name).title), () => { state.now.chosen = state.now.chosen.filter((one) => one !== name); });
    for (const place of Object.keys(state.now.levers)) {
      const lever = data.levers[place], now = state.lever(Number(place));
      const when = lever.delay !== null && (now.start !== null || now.end !== null) ? ", " + [now.start === null ? "" : say.t("from_month", { month: say.monthOf(now.start, true) }), now.end === null ? "" : say.t("to_month", { month: say.month(now.end, true) })].filter(Boolean).join(" ") : "";
      chip(`${say.of(lever.title)}: ${say.exact(lever.value)} → ${say.exact(now.value)}${when}`, () => { delete state.now.levers[place]; });
    }
    for (const [place, value] of Object.entries(state.now.contexts)) {
      const context = data.contexts[place];
      chip(`${say.of(context.title)}: ${say.exact(context.value)} → ${say.exact(value)}`, () => { delete state.now.contexts[place]; });
    }
    const text = chips.map((one) => one.textContent).join();
    if (text !== this.chipText || say.lang !== this.chipLang) {
      this.chipText = text;
      this.chipLang = say.lang;
      this.chips.replaceChildren(...chips);
      this.chips.hidden = !chips.length;
    }
  }

  showTable() {
    const { page } = this, { data, say, state } = page, date = state.now.date;
    const groups = Object.entries(data.featured).filter(([, places]) => places.length);
    const shown = groups.length ? groups : [["stocks", data.stocks.slice(0, 12)]];
    const reach = Math.max(10, ...shown.flatMap(([, places]) => places).map((place) => Math.abs(page.readings(place, date).percent || 0)).filter(Number.isFinite));
    const body = shown.flatMap(([kind, places]) => [
      el("tr", { class: "kind" }, el("th", { scope: "rowgroup", colspan: 4 }, say.t("group_" + kind))),
      ...places.map((place) => this.row(place, date, Math.min(100, reach))),
    ]);
    this.table.replaceChildren(el("table", { class: "changes" },
      el("caption", {}, say.t(data.time.calendar ? "caption_changes" : "caption_changes_any", { date: say.month(date) }) + (data.draws.values.length ? " " + say.t("caption_draws") : "")),
      el("thead", {}, el("tr", {}, el("th", { scope: "col" }, say.t("outcome")), el("th", { scope: "col", class: "number" }, say.t("baseline")),
        el("th", { scope: "col", class: "number" }, say.t("now")), el("th", { scope: "col", class: "change" }, say.t("change")))),
      el("tbody", {}, ...body)));
  }

  row(place, date, reach) {
    const { page } = this, { say } = page, one = page.data.series[place], read = page.readings(place, date);
    const cell = el("td", { class: "change" });
    if (read.moved) {
      const mood = one.better === "neither" || !this.sure(read) ? "" : (read.now < read.base) === (one.better === "lower") ? "better" : "worse";
      const size = Math.min(1, Math.abs(read.percent || 0) / reach) * 50, falls = read.now < read.base;
      const words = el("span", { class: "words" }, el("span", { class: "amount" }, say.change(read.now, read.base, one)));
      if (mood) words.append(" ", el("span", { class: `mood ${mood}` }, say.t(mood)));
      if (read.low !== undefined) words.append(el("span", { class: "interval" }, say.t("interval", { low: read.words(read.low), high: read.words(read.high) })));
      cell.append(words, el("span", { class: `bar ${mood}`, "aria-hidden": "true", style: `--size:${size.toFixed(1)}%;--from:${(falls ? 50 - size : 50).toFixed(1)}%` }));
    } else cell.append(el("span", { class: "quiet" }, say.t("no_change")));
    return el("tr", { class: one.human ? "human" : "" , "data-series": one.id },
      el("th", { scope: "row" }, say.of(one.title), el("span", { class: "unit" }, say.of(one.unit))),
      el("td", { class: "number", "data-head": say.t("baseline") }, say.amount(read.base, one)),
      el("td", { class: "number", "data-head": say.t("now") }, say.amount(read.now, one)), cell);
  }

  /** Whether a change is large enough to speak of, and of one sign in nine tenths of the draws as far as these are known. */
  sure(read) {
    return this.seen(read) && !(read.low <= 0 && read.high >= 0);
  }

  seen(read) {
    return read.moved && Math.abs(read.percent ?? 100) >= SEEN;
  }

  /** One sentence from the numbers: people and exposure first, then the largest backlog. */
  showLead() {
    const { page } = this, { data, say, state } = page, date = state.now.date, featured = data.featured;
    const all = Object.values(featured).flat();
    const told = all.length ? all : data.stocks, moved = told.filter((place) => this.sure(page.readings(place, date)));
    if (!state.changes() && state.now.base === state.neutral().base) this.lead.textContent = say.t(data.familiar ? "lead_start" : "lead_start_any");
    else if (!moved.length) this.lead.textContent = say.t(told.some((place) => this.seen(page.readings(place, date))) ? "lead_unsure" : "lead_nothing", { date: say.month(date) });
    else {
      const most = (places) => places.filter((place) => moved.includes(place)).sort((a, b) => Math.abs(page.readings(b, date).percent || 0) - Math.abs(page.readings(a, date).percent || 0));
      const first = featured.people.filter((place) => data.series[place].human && moved.includes(place)).slice(0, 2);
      const others = most(told.filter((place) => !first.includes(place))).slice(0, all.length ? 2 : 3);
      const parts = [...first, ...others].map((place) => {
        const read = page.readings(place, date);
        return `${say.brief(data.series[place])} ${say.change(read.now, read.base, data.series[place])}`;
      });
      this.lead.textContent = say.t("lead", { date: say.month(date), changes: parts.join("; ") });
    }
    this.note.hidden = true;
    const exposure = featured.people.find((place) => data.series[place].id === "exposure index");
    if (exposure !== undefined) {
      const percent = (place) => { const read = page.readings(place, date); return this.sure(read) ? read.percent || 0 : 0; }, rises = percent(exposure) > 1;
      const falls = [...featured.people, ...featured.files].filter((place) => place !== exposure && data.series[place].better === "lower" && percent(place) < -1).sort((a, b) => percent(a) - percent(b));
      if (rises && falls.length) {
        this.note.hidden = false;
        this.note.textContent = say.t("side_effect", { what: falls.slice(0, 3).map((place) => say.brief(data.series[place])).join("; "), change: say.percent(page.readings(exposure, date).percent) });
      }
    }
  }
}
