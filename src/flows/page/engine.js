/* Runs of the model: one worker for the course on the screen, and a pool for many runs. */
"use strict";

class Engine {
  constructor(kernel, hows) {
    this.kernel = kernel;
    this.hows = hows;
    this.asked = null; // the run under way
    this.number = 0;
    this.took = 0;
    this.lead = null;
    this.pool = [];
    this.jobs = [];
    try {
      const parts = ["kernel", "series-source", "worker-source"].map((id) => document.getElementById(id).textContent);
      this.address = URL.createObjectURL(new Blob([parts.join("\n;\n")], { type: "text/javascript" }));
      this.lead = this.start((message) => this.finished(message));
    } catch {
      this.lead = null; // runs in the page itself
    }
  }

  get many() {
    return this.lead !== null;
  }

  start(heard) {
    const worker = new Worker(this.address);
    worker.onmessage = (event) => heard(event.data);
    worker.onerror = (event) => { event.preventDefault(); this.broken(); };
    worker.postMessage({ type: "start", hows: this.hows });
    return worker;
  }

  /** Workers can't be used here: what was asked runs in the page. */
  broken() {
    if (this.lead) this.lead.terminate();
    this.lead = null;
    for (const one of this.pool.splice(0)) {
      one.worker.terminate();
      if (one.job) one.job.reject(new Error("no workers"));
    }
    for (const job of this.jobs.splice(0)) job.reject(new Error("no workers"));
    if (this.asked) this.inPage();
  }

  /** Rows of a run; one is asked for at a time. */
  ask(inputs) {
    return new Promise((resolve, reject) => {
      this.asked = { inputs, resolve, reject, id: ++this.number };
      if (this.lead) this.lead.postMessage({ type: "run", id: this.asked.id, inputs });
      else this.inPage();
    });
  }

  inPage() {
    const { id, inputs } = this.asked;
    setTimeout(() => {
      try {
        const began = performance.now(), rows = this.kernel.run(inputs);
        this.finished({ type: "run", id, rows, took: performance.now() - began });
      } catch (error) {
        this.finished({ type: "failed", id, message: error.message });
      }
    });
  }

  finished(message) {
    const asked = this.asked;
    if (message.type === "ready" || !asked || message.id !== asked.id) return;
    this.asked = null;
    if (message.type === "run") {
      this.took = message.took;
      asked.resolve({ rows: message.rows, inputs: asked.inputs });
    } else {
      asked.reject(new Error(message.message));
    }
  }

  /** Series of several cases, by a worker of the pool; `first` goes before what waits. `drop` takes a round's jobs away. */
  series(cases, wanted, round, first) {
    if (!this.many) return Promise.reject(new Error("no workers"));
    return new Promise((resolve, reject) => {
      const job = { cases, wanted, round, first, resolve, reject, id: ++this.number };
      this.jobs.splice(first ? this.jobs.filter((one) => one.first).length : this.jobs.length, 0, job);
      this.spread();
    });
  }

  drop(round) {
    for (const job of this.jobs.filter((one) => one.round === round)) job.resolve(null);
    this.jobs = this.jobs.filter((one) => one.round !== round);
  }

  spread() {
    const most = Math.max(1, Math.min(4, navigator.hardwareConcurrency || 2));
    while (this.pool.length < most && this.pool.length < this.jobs.length) {
      const one = { worker: null, job: null };
      one.worker = this.start((message) => {
        const job = one.job;
        if (message.type === "ready" || !job) return;
        one.job = null;
        if (message.type === "series") job.resolve(message.found);
        else job.reject(new Error(message.message));
        this.spread();
      });
      this.pool.push(one);
    }
    for (const one of this.pool) {
      if (one.job || !this.jobs.length) continue;
      const job = one.job = this.jobs.shift();
      one.worker.postMessage({ type: "series", id: job.id, cases: job.cases, wanted: job.wanted });
    }
  }
}
