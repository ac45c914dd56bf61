/* A worker: owns one kernel and answers one request after the other. */
"use strict";

(function () {
  let kept; // rows of the last of many runs, used again
  let kernel = null, hows = [], times = [];

  function series(inputs, wanted) {
    const rows = kept = kernel.run(inputs, kept), count = times.length;
    const out = new Float64Array(wanted.length * count);
    wanted.forEach((place, k) => out.set(seriesValues(hows[place], rows, inputs, count), k * count));
    return out;
  }

  self.onmessage = (event) => {
    const asked = event.data;
    try {
      if (asked.type === "start") {
        kernel = makeKernel();
        hows = asked.hows;
        times = kernel.spec.times;
        self.postMessage({ type: "ready" });
      } else if (asked.type === "run") {
        const began = performance.now();
        const rows = kernel.run(asked.inputs);
        self.postMessage({ type: "run", id: asked.id, rows, took: performance.now() - began }, [rows.buffer]);
      } else {
        const found = asked.cases.map((inputs) => series(inputs, asked.wanted));
        self.postMessage({ type: "series", id: asked.id, found }, found.map((one) => one.buffer));
      }
    } catch (error) {
      self.postMessage({ type: "failed", id: asked.id, message: String(error && error.message || error) });
    }
  };
})();
