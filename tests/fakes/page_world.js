// What the page of devices finds around it, without a browser: runs the script named by the first argument, with the
// API's answers by path from standard input, and prints what is shown as JSON.
"use strict";

const fs = require("fs");
const vm = require("vm");

const answers = JSON.parse(fs.readFileSync(0, "utf8"));
const elements = {};

function make() {
  return {
    children: [],
    dataset: {},
    hidden: true,
    textContent: "",
    setAttribute() {},
    addEventListener() {},
    append(...more) { this.children.push(...more); },
    replaceChildren(...all) { this.children = all; },
  };
}

const textOf = (node) => (typeof node === "string" ? node : node.textContent + node.children.map(textOf).join(" "));
const events = { addEventListener() {} };

vm.runInNewContext(fs.readFileSync(process.argv[2], "utf8"), {
  URL,
  document: {
    baseURI: "http://airflow/snowball/",
    createElement: make,
    getElementById: (id) => (elements[id] ??= make()),
    documentElement: make(),
    hidden: false,
  },
  window: events,
  localStorage: { getItem: () => null },
  matchMedia: () => ({ matches: false, ...events }),
  setInterval() {},
  fetch: async (url) => {
    const answer = answers[url.pathname.replace("/api/v2/", "")];
    return { ok: answer !== undefined, status: 404, json: async () => answer };
  },
});

setImmediate(function wait() {
  // Its button is disabled for as long as it asks.
  if (elements.refresh.disabled) return setImmediate(wait);
  const trouble = elements.trouble.hidden ? "" : elements.trouble.textContent;
  console.log(JSON.stringify({ groups: elements.groups?.children.map(textOf) ?? [], trouble }));
});
