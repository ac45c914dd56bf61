(function () {
  "use strict";
  var form = document.getElementById("filter");
  if (!form) { return; }
  form.hidden = false;
  var box = form.elements.text, kind = form.elements.kind, group = form.elements.group, view = form.elements.view;
  var list = document.getElementById("list"), told = document.getElementById("told");
  var items = Array.prototype.map.call(list.querySelectorAll("li"), function (row) {
    var card = document.getElementById(row.firstElementChild.getAttribute("href").slice(1));
    return { row: row, card: card, words: "" };
  });
  var sections = Array.prototype.slice.call(document.querySelectorAll("section.members"));
  function chosen(field) { return field ? field.value : ""; }
  function apply() {
    var wanted = box.value.toLowerCase().split(/\s+/).filter(Boolean), shown = 0;
    items.forEach(function (item) {
      if (!item.words && wanted.length) { item.words = item.card.textContent.toLowerCase(); }
      var data = item.row.dataset;
      var fits = (!chosen(kind) || data.kind === chosen(kind))
        && (!chosen(group) || data.group === chosen(group))
        && (!chosen(view) || (" " + data.views + " ").indexOf(" " + chosen(view) + " ") >= 0)
        && wanted.every(function (word) { return item.words.indexOf(word) >= 0; });
      item.row.hidden = item.card.hidden = !fits;
      shown += fits;
    });
    list.classList.toggle("idle", !(wanted.length || chosen(kind) || chosen(group) || chosen(view)));
    sections.forEach(function (section) { section.hidden = !section.querySelector("article:not([hidden])"); });
    told.textContent = !shown ? "nothing found among " + items.length + " variables" : shown === items.length ? shown + " variables" : shown + " of " + items.length + " variables";
  }
  function reveal() {
    var target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target && target.hidden) { form.reset(); apply(); target.scrollIntoView(); }
  }
  form.addEventListener("input", apply);
  form.addEventListener("change", apply);
  form.addEventListener("reset", function () { setTimeout(apply, 0); });
  form.addEventListener("submit", function (event) {
    event.preventDefault();
    var first = items.filter(function (item) { return !item.row.hidden; })[0];
    if (first) { location.hash = first.card.id; }
  });
  document.addEventListener("keydown", function (event) {
    if (event.key === "/" && !/^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName)) {
      event.preventDefault(); box.focus();
    }
  });
  window.addEventListener("hashchange", reveal);
  apply();
})();
