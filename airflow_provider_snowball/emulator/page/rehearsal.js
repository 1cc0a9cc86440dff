// Shows where this Snowball's devices are, and lets whoever looks move time and order bad days. It asks the control
// endpoints beside it, and nobody else.
"use strict";

// Stations of a journey, with the states of a job.
const STATIONS = {
  "Ordered": ["New", "Listing", "Pending"],
  "Prepared": ["PreparingAppliance"],
  "Ready to ship": ["PreparingShipment"],
  "On its way to you": ["InTransitToCustomer"],
  "With you": ["WithCustomer"],
  "On its way to AWS": ["InTransitToAWS"],
  "At AWS": ["WithAWSSortingFacility", "WithAWS"],
  "Data transfer": ["InProgress"],
  "Complete": ["Complete"]
};
// An export's data are loaded before its device is shipped.
const OF_AN_EXPORT = ["Ordered", "Prepared", "Data transfer", "Ready to ship", "On its way to you", "With you", "On its way to AWS", "At AWS", "Complete"];
// What can be ordered of faults, by what it is called here.
const FAULTS = {
  "throttling, every second one": { kind: "throttle", rate: 0.5 },
  "throttling": { kind: "throttle" },
  "503 Service Unavailable": { kind: "server_error", status: 503 },
  "connections that are reset": { kind: "reset" },
  "answers that come 2 seconds late": { kind: "latency", seconds: 2 },
  "credentials that have expired": { kind: "expired_credentials" },
  "answers to orders that are lost": { kind: "lost_answer", operations: ["CreateJob", "CreateCluster"] },
  "listings that lack new orders": { kind: "late_listing", lag: "1d" }
};
// What can be done to a device: the words, and what is asked for, by its state.
const CHANGES = {
  "Send on": () => ({ send_on: true }),
  "Hold here": (job) => ({ hold: job.state }),
  "Hold with customer": () => ({ hold: "WithCustomer" }),
  "5 days later": () => ({ delay: { by: "5d" } }),
  "AWS cancels it next": (job) => ({ cancel_in: job.state }),
  "Cancelled now": () => ({ state: "Cancelled" }),
  "3 objects fail": () => ({ failed_objects: 3 })
};
const EVERY = 1000;

const by = (id) => document.getElementById(id);
const rows = new Map();
const sections = new Map();

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null) made.setAttribute(key, value);
  }
  // Text is never taken for markup.
  made.append(...children);
  return made;
}

async function ask(path, method = "GET", body = undefined) {
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body)
    });
  } catch {
    throw new Error("This Snowball cannot be reached: has it ended?");
  }
  const said = await answer.json();
  if (!answer.ok) throw new Error(said.error);
  return said;
}

// What somebody asks for, and what came of it.
async function change(path, method, body) {
  try {
    await ask(path, method, body);
    by("trouble").hidden = true;
  } catch (error) {
    tell(error);
  }
  await refresh();
}

function tell(error) {
  by("trouble").textContent = error.message;
  by("trouble").hidden = false;
}

function ofDays(seconds) {
  const minutes = Math.floor(seconds / 60);
  const two = (number) => String(number).padStart(2, "0");
  return `Day ${Math.floor(minutes / 1440)}, ${two(Math.floor(minutes / 60) % 24)}:${two(minutes % 60)}`;
}

function lasted(seconds) {
  const hours = seconds / 3600;
  if (hours < 1) return "for less than an hour";
  const [count, unit] = hours < 48 ? [Math.floor(hours), "hour"] : [Math.floor(hours / 24), "day"];
  return `for ${count} ${unit}${count === 1 ? "" : "s"}`;
}

function pace(clock) {
  if (clock.paused) return "stands still";
  const [count, unit] = clock.speed >= 86400 ? [clock.speed / 86400, "day"] : clock.speed >= 3600 ? [clock.speed / 3600, "hour"] : [clock.speed, "second"];
  return `${Number(count.toFixed(2))} ${unit}${count === 1 ? "" : "s"} a second`;
}

function showClock(clock) {
  by("now").textContent = ofDays(clock.now);
  by("now").dateTime = `PT${Math.floor(clock.now)}S`;
  by("pace").textContent = pace(clock);
  by("pause").textContent = clock.paused ? "Resume" : "Pause";
  by("pause").dataset.paused = clock.paused;
}

function showFaults(faults, clock) {
  const active = faults.filter(
    (each) =>
      each.begins <= clock.now &&
      (each.ends === null || each.ends > clock.now) &&
      (each.count === null || each.hits < each.count)
  );
  const known = JSON.stringify(active.map((each) => [each.id, each.hits]));
  const list = by("faults");
  if (list.dataset.known === known) return;
  list.dataset.known = known;
  list.replaceChildren(
    ...active.map((each) => {
      const end = element("button", { type: "button", "aria-label": `End ${each.kind} ${each.id}` }, "End it");
      end.addEventListener("click", () => change(`faults/${each.id}`, "DELETE"));
      const until = each.ends === null ? "" : `, until ${ofDays(each.ends)}`;
      return element("li", { class: "row" }, `${each.kind}: ${each.hits} requests so far${until}`, end);
    })
  );
}

function journey(job) {
  const names = job.job_type === "EXPORT" ? OF_AN_EXPORT : Object.keys(STATIONS);
  const here = names.findIndex((name) => STATIONS[name].includes(job.state));
  // Cancelled, or in a state that is new.
  if (here < 0) return element("p", { class: "faint" }, "At no station");
  return element(
    "ol",
    { class: "journey", "aria-label": `The journey of ${job.name}` },
    ...names.map((name, index) =>
      element("li", { class: index < here ? "passed" : null, "aria-current": index === here ? "step" : null }, name)
    )
  );
}

class Row {
  constructor(job) {
    this.where = element("div");
    this.state = element("span", { class: "state" });
    this.since = element("span", { class: "faint" });
    const buttons = Object.entries(CHANGES).map(([words, made]) => {
      const button = element("button", { type: "button" }, words);
      button.addEventListener("click", () => change(`jobs/${job.job_id}`, "POST", made(this.job)));
      return button;
    });
    this.name = element("span", { class: "name", title: job.job_id });
    this.summary = element("summary");
    this.made = element(
      "li",
      {},
      this.name,
      this.where,
      element("span", {}, this.state, " ", this.since),
      element("details", {}, this.summary, element("div", { class: "row" }, ...buttons))
    );
  }

  // Only what has changed, lest a button that somebody is at is another.
  show(job, now) {
    if (this.job?.name !== job.name) {
      this.name.textContent = job.name;
      this.summary.textContent = `Change ${job.name}`;
    }
    if (this.job?.state !== job.state || this.job?.name !== job.name) {
      this.where.replaceChildren(journey(job));
      this.state.textContent = job.state;
      this.made.classList.toggle("is-lost", job.state === "Cancelled");
    }
    this.job = job;
    this.since.textContent = lasted(now - job.journey.at(-1)[1]);
  }
}

function showGroup(key, title, jobs, now) {
  if (!sections.has(key)) {
    const about = element("p", { class: "faint" });
    const list = element("ul", { class: "devices" });
    const heading = element("h2");
    const made = element("section", {}, heading, about, list);
    sections.set(key, { made, heading, about, list });
    by("groups").append(made);
  }
  const { made, heading, about, list } = sections.get(key);
  if (heading.textContent !== title) {
    heading.textContent = title;
    made.setAttribute("aria-label", title);
  }
  const arrived = jobs.filter((each) => each.state === "WithCustomer").length;
  about.textContent = `${jobs.length} job${jobs.length === 1 ? "" : "s"}, ${arrived} with you`;
  for (const job of jobs) {
    if (!rows.has(job.job_id)) rows.set(job.job_id, new Row(job));
    const row = rows.get(job.job_id);
    // A node may be known before its cluster is.
    if (row.made.parentNode !== list) list.append(row.made);
    row.show(job, now);
  }
}

function forget(jobs) {
  const there = new Set(jobs.map((each) => each.job_id));
  for (const [id, row] of rows) {
    if (there.has(id)) continue;
    row.made.remove();
    rows.delete(id);
  }
  for (const [key, { made, list }] of sections) {
    if (list.children.length) continue;
    made.remove();
    sections.delete(key);
  }
}

function showJobs(jobs, clusters, now) {
  forget(jobs);
  const named = new Map(clusters.map((each) => [each.cluster_id, each]));
  const groups = new Map();
  for (const job of jobs) {
    const cluster = named.get(job.cluster_id);
    const where = `${job.region}, account ${job.account}`;
    const [key, title] = cluster
      ? [job.cluster_id, `Cluster ${cluster.name} in ${where}`]
      : [where, `Jobs outside clusters in ${where}`];
    if (!groups.has(key)) groups.set(key, [title, []]);
    groups.get(key)[1].push(job);
  }
  for (const [key, [title, found]] of groups) showGroup(key, title, found, now);
  const count = `${jobs.length} job${jobs.length === 1 ? "" : "s"}`;
  const states = jobs.filter((each) => each.state === "Cancelled").length;
  const text = jobs.length ? `${count}${states ? `, ${states} cancelled` : ""}` : "Nothing is ordered yet";
  // Not each second: a screen reader says it each time.
  if (by("status").textContent !== text) by("status").textContent = text;
}

let asking = false;

async function refresh() {
  if (asking) return;
  asking = true;
  try {
    const [clock, { jobs }, { clusters }, { faults }] = await Promise.all(
      ["clock", "jobs", "clusters", "faults"].map((path) => ask(path))
    );
    showClock(clock);
    showFaults(faults, clock);
    showJobs(jobs, clusters, clock.now);
    if (by("trouble").dataset.lost) by("trouble").hidden = true;
    delete by("trouble").dataset.lost;
  } catch (error) {
    by("trouble").dataset.lost = "1";
    tell(error);
  } finally {
    asking = false;
  }
}

by("fault").append(...Object.keys(FAULTS).map((name) => element("option", {}, name)));
by("pause").addEventListener("click", () =>
  change("clock", "POST", { paused: by("pause").dataset.paused !== "true" })
);
by("speed-form").addEventListener("submit", (event) => {
  event.preventDefault();
  change("clock", "POST", { speed: by("speed").value });
});
for (const button of document.querySelectorAll("[data-jump]")) {
  button.addEventListener("click", () => change("clock", "POST", { jump: button.dataset.jump }));
}
by("fault-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const during = by("during").value;
  change("faults", "POST", { ...FAULTS[by("fault").value], ...(during ? { during } : {}) });
});
refresh();
setInterval(() => document.hidden || refresh(), EVERY);
