/* Numbers as tables: every outcome at the date, and the course of one by year. */
"use strict";

class Numbers {
  constructor(page, root) {
    this.page = page;
    this.root = root;
    this.place = null;
  }

  places() {
    const { data } = this.page;
    return [...new Set([...Object.values(data.featured).flat(), ...data.charts, ...data.stocks])].filter((place) => !this.page.results.doubles(place));
  }

  build() {
    const { say, data } = this.page, places = this.places();
    if (this.place === null) this.place = places[0];
    const choice = el("select", { id: "table-series" }, ...places.map((place) => el("option", { value: place }, say.of(data.series[place].title))));
    choice.value = String(this.place);
    choice.addEventListener("change", () => { this.place = Number(choice.value); this.update(); });
    this.first = el("div", { class: "scroll", role: "region", tabindex: 0, "aria-label": say.t("table_all") });
    this.second = el("div", { class: "scroll", role: "region", tabindex: 0, "aria-label": say.t("table_years") });
    this.root.replaceChildren(el("h2", {}, say.t("table_all")), this.first, el("h2", {}, say.t("table_years")),
      el("div", { class: "field row" }, el("label", { for: "table-series" }, say.t("outcome")), choice), this.second);
  }

  update() {
    const { page } = this, { say, data, state } = page, date = state.now.date;
    const heads = (...words) => el("thead", {}, el("tr", {}, ...words.map((word, k) => el("th", { scope: "col", class: k ? "number" : null }, word))));
    const cells = (read, one) => [say.amount(read.base, one), say.amount(read.now, one), read.moved ? say.change(read.now, read.base, one) : say.t("no_change"),
      read.low === undefined ? MISSING : say.t("interval", { low: read.words(read.low), high: read.words(read.high) })].map((text) => el("td", { class: "number" }, text));
    this.first.replaceChildren(el("table", {}, el("caption", {}, el("span", {}, say.t(data.time.calendar ? "caption_table" : "caption_table_any", { date: say.month(date) }))),
      heads(say.t("outcome"), say.t("baseline"), say.t("now"), say.t("change"), say.t("interval_head")),
      el("tbody", {}, ...this.places().map((place) => el("tr", { "data-series": data.series[place].id },
        el("th", { scope: "row" }, say.of(data.series[place].title), el("span", { class: "unit" }, say.of(data.series[place].unit))), ...cells(page.readings(place, date), data.series[place]))))));
    const one = data.series[this.place];
    this.second.replaceChildren(el("table", {}, el("caption", {}, el("span", {}, `${say.of(one.title)} (${say.of(one.unit)})`)),
      heads(say.t(data.time.calendar ? "month" : "time"), say.t("baseline"), say.t("now"), say.t("change"), say.t("interval_head")),
      el("tbody", {}, ...page.dates().map((time) => el("tr", {}, el("th", { scope: "row" }, say.month(time)), ...cells(page.readings(this.place, time), one))))));
  }
}
