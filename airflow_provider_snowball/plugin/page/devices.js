// Shows what this Airflow waits for or watches. Asks Airflow's public REST API alone, with the login of whoever
// looks: what they may not see is not shown.
"use strict";

// Stations of a journey, with the states of a job (https://docs.aws.amazon.com/snowball/latest/developer-guide/jobstatuses.html).
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
const SENSORS = ["ClusterJobsSensor", "JobsSensor"];
const GOING = ["deferred", "up_for_reschedule", "running", "queued", "scheduled", "up_for_retry", "restarting"];
const WATCHER = "snowball_watch_";
const PAGE_SIZE = 100;
const EVERY = 60000;
// Requests at a time.
const AT_ONCE = 6;

const root = new URL("../", document.baseURI);

class ApiError extends Error {
  constructor(status, path) {
    super(`Airflow's API answered ${status} to ${path}`);
    this.status = status;
  }
}

async function ask(path, query = {}) {
  const url = new URL(`api/v2/${path}`, root);
  for (const [name, value] of Object.entries(query)) {
    for (const each of [value].flat()) url.searchParams.append(name, each);
  }
  let answer;
  try {
    answer = await fetch(url, { headers: { Accept: "application/json" }, credentials: "same-origin" });
  } catch {
    throw new Error("Airflow's API cannot be reached");
  }
  if (!answer.ok) throw new ApiError(answer.status, `/api/v2/${path}`);
  return answer.json();
}

// What may not be there, or not be for this user.
async function askFor(path, query) {
  try {
    return await ask(path, query);
  } catch (error) {
    if (error instanceof ApiError && [403, 404].includes(error.status)) return null;
    throw error;
  }
}

async function askForAll(path, member, query = {}) {
  const found = [];
  for (;;) {
    const page = await askFor(path, { ...query, limit: PAGE_SIZE, offset: found.length });
    if (page === null) return found;
    found.push(...page[member]);
    if (page[member].length === 0 || found.length >= page.total_entries) return found;
  }
}

async function eachOf(items, make) {
  const results = new Array(items.length);
  let next = 0;
  const work = async () => {
    while (next < items.length) {
      const index = next++;
      results[index] = await make(items[index]);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return results;
}

const quoted = encodeURIComponent;

// What is kept elsewhere is known here by the path to it, which is no JSON.
function valueOf(found) {
  if (typeof found !== "string") return found;
  try {
    return JSON.parse(found);
  } catch {
    return null;
  }
}

const listOf = (found) => (Array.isArray(found) ? found : null);

async function wait(task) {
  const { dag_id: dag, dag_run_id: run, task_id: id, map_index: index } = task;
  const path = `dags/${quoted(dag)}/dagRuns/${quoted(run)}/taskInstances/${quoted(id)}`;
  const published = await askFor(`${path}/xcomEntries/devices`, { map_index: index });
  const mapped = index >= 0 ? `/mapped/${index}` : "";
  return {
    name: `${dag}: ${task.rendered_map_index || id + (index >= 0 ? ` [${index}]` : "")}`,
    about: `Task ${id} of run ${run}, ${task.state ?? "to come"}`,
    link: `dags/${quoted(dag)}/runs/${quoted(run)}/tasks/${quoted(id)}${mapped}`,
    devices: published === null ? null : listOf(valueOf(published.value)),
    lacks:
      published === null
        ? "Publishes no devices: set publish_devices=True or on_change on its sensor, which publishes with its next poll."
        : "Its devices are not known here: an XCom backend keeps them elsewhere.",
  };
}

async function watcher(asset) {
  const store = await askFor(`assets/${asset.id}/state-store`, { limit: PAGE_SIZE });
  const entries = (store?.asset_state_store ?? []).filter((each) => each.key.startsWith(WATCHER));
  return entries.map((each) => ({
    name: `Asset ${asset.name}`,
    about: "Watched: its devices begin DAG runs",
    link: `assets/${asset.id}`,
    devices: listOf(valueOf(each.value)?.devices) ?? [],
  }));
}

async function groups() {
  const tasks = await askForAll("dags/~/dagRuns/~/taskInstances", "task_instances", {
    operator: SENSORS,
    state: GOING,
    order_by: "id",
  });
  const assets = await askForAll("assets", "assets");
  const watched = assets.filter((each) => (each.watchers ?? []).length > 0);
  return [...(await eachOf(tasks, wait)), ...(await eachOf(watched, watcher)).flat()];
}

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  // Text is never taken for markup.
  made.append(...children.filter((each) => each !== null));
  return made;
}

// A frame may not lead its window elsewhere, but may tell Airflow's UI to go there.
function link(path, text) {
  const made = element("a", { href: new URL(path, root).href }, text);
  made.addEventListener("click", (event) => {
    if (window.parent === window || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    window.parent.history.pushState({}, "", made.href);
    window.parent.dispatchEvent(new PopStateEvent("popstate", { state: {} }));
  });
  return made;
}

function journey(device) {
  const names = device.job_type === "EXPORT" ? OF_AN_EXPORT : Object.keys(STATIONS);
  const here = names.findIndex((name) => STATIONS[name].includes(device.state));
  // Cancelled, not listed, or in a state that is new.
  if (here < 0) return element("p", { class: "faint" }, "At no station");
  return element(
    "ol",
    { class: "journey", "aria-label": `The journey of ${device.name}` },
    ...names.map((name, index) =>
      element("li", { class: index < here ? "passed" : null, "aria-current": index === here ? "step" : null }, name)
    )
  );
}

function lasted(since) {
  const hours = Math.max(0, (Date.now() - Date.parse(since)) / 3600000);
  if (hours < 1) return "for less than an hour";
  const [count, unit] = hours < 48 ? [Math.floor(hours), "hour"] : [Math.floor(hours / 24), "day"];
  return `for ${count} ${unit}${count === 1 ? "" : "s"}`;
}

function deviceRow(device) {
  const since = device.since
    ? element("time", { datetime: device.since, title: new Date(device.since).toLocaleString() }, lasted(device.since))
    : null;
  return element(
    "li",
    { class: device.late ? "is-late" : null },
    element("span", { class: "name", title: device.job_id }, device.name),
    journey(device),
    element(
      "span",
      { class: "faint" },
      element("span", { class: "state" }, device.state ?? "not listed yet"),
      " ",
      since,
      device.late ? element("strong", { class: "late" }, " late") : null,
      device.delivery ? element("span", { class: "delivery" }, ` ${device.delivery}`) : null
    )
  );
}

function section(group) {
  const why =
    group.devices === null
      ? group.lacks
      : group.devices.length === 0
        ? "No devices are listed yet."
        : null;
  return element(
    "section",
    {},
    element("h2", {}, link(group.link, group.name)),
    element("p", { class: "faint" }, group.about),
    why === null
      ? element("ul", { class: "devices" }, ...group.devices.map(deviceRow))
      : element("p", { class: "faint" }, why)
  );
}

function show(found) {
  const devices = found.flatMap((each) => each.devices ?? []);
  const late = devices.filter((each) => each.late).length;
  const empty = element(
    "p",
    { class: "faint" },
    "Nothing waits for Snowball devices, and no asset has seen any yet, as far as you may see."
  );
  document.getElementById("groups").replaceChildren(...(found.length ? found.map(section) : [empty]));
  const at = new Date().toLocaleTimeString();
  const counts = `${devices.length} device${devices.length === 1 ? "" : "s"}${late ? `, ${late} late` : ""}`;
  document.getElementById("status").textContent = `${counts}; as of ${at}`;
}

async function refresh() {
  const trouble = document.getElementById("trouble");
  const button = document.getElementById("refresh");
  // One that takes long is not asked again meanwhile.
  if (button.disabled) return;
  button.disabled = true;
  try {
    show(await groups());
    trouble.hidden = true;
  } catch (error) {
    const login = error.status === 401 ? ": log in again" : "; what is shown is what was known before";
    trouble.textContent = `${error.message}${login}.`;
    trouble.hidden = false;
  } finally {
    button.disabled = false;
  }
}

function dress() {
  // Where Airflow's UI keeps what its user has chosen.
  const chosen = localStorage.getItem("theme");
  const dark = chosen === "dark" || (chosen !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
}

dress();
window.addEventListener("storage", dress);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", dress);
document.getElementById("refresh").addEventListener("click", refresh);
refresh();
setInterval(() => document.hidden || refresh(), EVERY);
