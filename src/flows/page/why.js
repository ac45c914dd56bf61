/* Why a number changed: what flowed in and out of a stock, and which feedback loops carry the effect. */
"use strict";

const SHOWN_LOOPS = 8;

class Why {
  constructor(page, root) {
    this.page = page;
    this.root = root;
    this.stock = null; // chosen by hand; otherwise the one that changed most
    this.outcome = null;
    this.round = null;
    this.cut = new Map(); // effects with a loop cut, of the inputs they were computed for
  }

  stocks() {
    return Object.keys(this.page.data.terms).map(Number);
  }

  build() {
    const { say, data } = this.page, stocks = this.stocks();
    const choice = el("select", { id: "why-stock" }, el("option", { value: "" }, say.t("why_most")), ...stocks.map((place) => el("option", { value: place }, say.of(data.series[place].title))));
    choice.value = this.stock === null ? "" : String(this.stock);
    choice.addEventListener("change", () => { this.stock = choice.value === "" ? null : Number(choice.value); this.showFlows(); });
    this.flows = el("div", {});
    const parts = [el("h2", {}, say.t("why")), el("div", { class: "field row" }, el("label", { for: "why-stock" }, say.t("why_stock")), choice), this.flows];
    this.loops = null;
    if (data.loops.length && this.page.engine.many) {
      const places = Object.values(data.featured).flat();
      if (this.outcome === null) this.outcome = places[0];
      const outcome = el("select", { id: "why-outcome" }, ...places.map((place) => el("option", { value: place }, say.of(data.series[place].title))));
      outcome.value = String(this.outcome);
      outcome.addEventListener("change", () => { this.outcome = Number(outcome.value); this.showLoops(); });
      this.loops = el("div", {});
      parts.push(el("h2", {}, say.t("why_loops")), el("p", { class: "quiet" }, say.t("why_loops_hint")),
        el("div", { class: "field row" }, el("label", { for: "why-outcome" }, say.t("outcome")), outcome), this.loops);
    }
    this.root.replaceChildren(...parts);
  }

  update() {
    this.showFlows();
    this.showLoops();
  }

  showFlows() {
    const { page } = this, { say, data, times, state } = page, date = state.now.date;
    const difference = (place) => { const { now, base } = page.courses(place); return valueAt(now, times, date) - valueAt(base, times, date); };
    const people = this.stocks().filter((place) => data.series[place].people);
    const pool = people.length ? people : this.stocks();
    const stock = this.stock ?? pool.reduce((best, place) => (Math.abs(difference(place)) > Math.abs(difference(best)) ? place : best), pool[0]);
    if (stock === undefined) { this.flows.replaceChildren(); return; }
    const one = data.series[stock], total = difference(stock), from = times[0];
    const found = data.terms[stock].map(([sign, place]) => {
      const { now, base } = page.courses(place);
      return { place, sign, amount: sign * (integral(now, times, from, date) - integral(base, times, from, date)) };
    }).filter((term) => Math.abs(term.amount) > 1e-3 * Math.max(1e-9, Math.abs(total))).sort((a, b) => Math.abs(b.amount) - Math.abs(a.amount));
    const sum = found.reduce((all, term) => all + term.amount, 0), rest = total - sum;
    const heading = el("p", { class: "lead" }, say.t("why_lead", { what: say.of(one.title), date: say.month(date), change: say.signed(total, say.amount(total, one)), unit: say.of(one.unit) }));
    if (Math.abs(total) < 1e-9 && !found.length) { this.flows.replaceChildren(el("p", {}, say.t("why_none"))); return; }
    const rows = found.map((term) => ({ words: say.of(data.series[term.place].title), kind: say.t(term.sign > 0 ? "inflow" : "outflow"), amount: term.amount }));
    if (Math.abs(rest) > 0.01 * Math.max(...found.map((term) => Math.abs(term.amount)), Math.abs(total))) rows.push({ words: say.t("why_rest"), kind: "", amount: rest });
    this.flows.replaceChildren(heading, this.bars(rows, say.t("why_flows_caption", { what: say.of(one.title) }), say.t("flow"), say.t("why_amount", { unit: say.of(one.unit) })));
  }

  bars(rows, caption, first, second) {
    const { say } = this.page, most = Math.max(1e-12, ...rows.map((row) => Math.abs(row.amount)));
    return el("div", { class: "scroll", role: "region", tabindex: 0, "aria-label": caption }, el("table", { class: "bars" }, el("caption", {}, el("span", {}, caption)),
      el("thead", {}, el("tr", {}, el("th", { scope: "col" }, first), el("th", { scope: "col", class: "number" }, second), el("th", { scope: "col" }, el("span", { class: "hidden" }, say.t("bar"))))),
      el("tbody", {}, ...rows.map((row) => {
        const size = Math.abs(row.amount) / most * 50;
        return el("tr", {}, el("th", { scope: "row" }, row.words, row.kind ? el("span", { class: "unit" }, row.kind) : null),
          el("td", { class: "number" }, row.text ?? say.signed(row.amount, say.number(row.amount))),
          el("td", { class: "change" }, el("span", { class: "bar plain", "aria-hidden": "true", style: `--size:${size.toFixed(1)}%;--from:${(row.amount < 0 ? 50 - size : 50).toFixed(1)}%` })));
      }))));
  }

  /** Run both courses once more for each loop with that loop cut, and see what is left of the effect. */
  async showLoops() {
    if (!this.loops || this.root.hidden) return;
    const { page } = this, { say, data, state, times } = page;
    if (!state.changes()) { this.loops.replaceChildren(el("p", {}, say.t("why_none"))); return; }
    const inputs = state.inputs(), baseline = state.baseline(), key = inputs.join() + "|" + baseline.join();
    if (this.cutKey !== key) {
      this.cutKey = key;
      this.cut = new Map();
      if (this.round) page.engine.drop(this.round);
      const round = this.round = `loops ${Math.random()}`, wanted = [...new Set(Object.values(data.featured).flat())];
      const loops = new Map(data.loops.filter((loop) => loop.on).map((loop) => [loop.input, loop]));
      this.count = loops.size;
      for (const [place] of loops) {
        const cases = [inputs, baseline].map((one) => { const own = one.slice(); own[place] = 0; return own; });
        page.engine.series(cases, wanted, round, true).then((found) => {
          if (!found || this.round !== round) return;
          this.cut.set(place, { wanted, now: found[0], base: found[1] });
          this.drawLoops();
        }, () => { /* a cut that can't be run has no row */ });
      }
    }
    this.drawLoops();
  }

  drawLoops() {
    const { page } = this, { say, data, state, times } = page, date = state.now.date, count = times.length, one = data.series[this.outcome];
    const read = (values) => levelAt(values, times, date, one.rate, 12);
    const whole = page.readings(this.outcome, date), effect = whole.now - whole.base, rows = [];
    for (const [place, { wanted, now, base }] of this.cut) {
      const k = wanted.indexOf(this.outcome), part = (values) => values.subarray(k * count, (k + 1) * count);
      const left = read(part(now)) - read(part(base)), loops = data.loops.filter((loop) => loop.input === place);
      const words = loops.map((loop) => `${loop.id}: ${say.of(loop.title)}`).join("; ");
      rows.push({ words, kind: loops.map((loop) => say.t(loop.reading)).join(", "), amount: effect - left });
    }
    rows.sort((a, b) => Math.abs(b.amount) - Math.abs(a.amount));
    const seen = rows.filter((row) => Math.abs(row.amount) > 0.002 * Math.abs(whole.base)).slice(0, SHOWN_LOOPS);
    const progress = this.cut.size < this.count ? el("p", { class: "quiet" }, say.t("loops_progress", { done: this.cut.size, all: this.count })) : null;
    const lead = el("p", {}, say.t("loops_effect", { what: say.of(one.title), date: say.month(date), change: say.signed(effect, say.number(effect)), unit: say.of(one.unit) }));
    this.loops.replaceChildren(...[lead, seen.length ? this.bars(seen, say.t("loops_caption"), say.t("loop"), say.t("loops_amount", { unit: say.of(one.unit) }))
      : progress ? null : el("p", {}, say.t("loops_none")), progress].filter(Boolean));
  }
}
