/* Words, numbers and dates in the language of the page. */
"use strict";

const NBSP = "\u00a0", MINUS = "\u2212", MISSING = "\u2013";
const START_YEAR = 2013;

class Say {
  constructor(data, lang) {
    this.data = data;
    this.set(lang);
  }

  set(lang) {
    this.lang = lang;
    this.words = this.data.words[lang];
    this.locale = lang === "es" ? "es-MX" : "en-US";
    this.plain = {};
  }

  /** A text by its key, with {names} filled in. */
  t(key, values) {
    const text = this.words[key];
    if (text === undefined) throw new Error(`no word "${key}"`);
    return values ? text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole)) : text;
  }

  /** The text of a table with one entry for each language. */
  of(texts) {
    return texts[this.lang];
  }

  /** A series in few words, for a sentence. */
  brief(one) {
    const title = this.of(one.title);
    return this.words.short[one.id] || title.charAt(0).toLowerCase() + title.slice(1);
  }

  format(digits) {
    return this.plain[digits] ||= new Intl.NumberFormat(this.locale, {
      minimumFractionDigits: digits, maximumFractionDigits: digits,
    });
  }

  /** A result of the model to three significant digits. */
  number(value) {
    if (!Number.isFinite(value)) return MISSING;
    const size = Math.abs(value);
    if (size < 5e-4) return "0";
    const digits = 2 - Math.floor(Math.log10(size));
    const near = digits < 0 ? Math.round(value * 10 ** digits) / 10 ** digits : value;
    return this.minus(this.format(Math.max(0, Math.min(4, digits))).format(near));
  }

  /** A value of a series: people, files and events are whole. */
  amount(value, one) {
    if (!one.counted || !(Math.abs(value) < 100)) return this.number(value);
    return this.minus(this.format(0).format(Math.round(value) || 0));
  }

  /** A number as it is, such as a lever's value. */
  exact(value) {
    return this.minus(new Intl.NumberFormat(this.locale, { maximumSignificantDigits: 7 }).format(value));
  }

  minus(text) {
    return text.replace("-", MINUS);
  }

  signed(value, text) {
    return (value > 0 && text !== "0" ? "+" : "") + text;
  }

  percent(value) {
    if (!Number.isFinite(value)) return MISSING;
    if (Math.abs(value) < 0.05) return "0" + NBSP + "%";
    const text = this.minus(this.format(Math.abs(value) >= 9.95 ? 0 : 1).format(value));
    return (value > 0 ? "+" : "") + text + NBSP + "%";
  }

  /** Change from a baseline: per cent, or in the unit where the baseline is nothing. */
  change(now, base, one) {
    const difference = now - base;
    if (Math.abs(base) > 1e-3 * Math.abs(difference) && Math.abs(base) > 1e-9) return this.percent(100 * difference / Math.abs(base));
    return this.signed(difference, this.amount(difference, one));
  }

  /** The month that ends at a model time, in words. */
  month(end, short) {
    return this.monthOf(end - 1, short);
  }

  /** The month that holds a model time, in words; of a model without a calendar the time itself. */
  monthOf(time, short) {
    if (!this.data.time.calendar) return this.t("time_at", { time: this.minus(String(Math.round((time + 1) * 100) / 100)) });
    const index = Math.floor(time + 1e-9), months = this.data.months[this.lang];
    const year = START_YEAR + Math.floor(index / 12), month = ((index % 12) + 12) % 12;
    if (short) return `${months.short[month]} ${year}`;
    return months.date.replace("{month}", months.long[month]).replace("{year}", String(year));
  }
}

/** An element with attributes and children; texts are texts, never markup. */
function el(tag, attributes, ...children) {
  const made = document.createElement(tag);
  return dress(made, attributes, children);
}

function svg(tag, attributes, ...children) {
  return dress(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function dress(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}
