// What several parts of the page know, and how they remember and ask.

const LOOK_MS = 200;

export const $ = (id) => document.getElementById(id);

export const state = {
  last: null, // what was drawn last: {head, map, flow, image}
  graph: null, // what /graph.json said: {file, nodes, differing, fault}
  stats: null, // what /stats.json said: {graph, health, nodes}
};

/** An element with attributes and children. */
export function made(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key in element) element[key] = value;
    else element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

export function remembered(key, otherwise) {
  try {
    return JSON.parse(localStorage.getItem(key)) ?? otherwise;
  } catch {
    return otherwise; // a private window, or somebody else's text
  }
}

export function remember(key, value) {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch { /* a private window: as it was next time */ }
}

/** The answer to a GET; an Error with the server's line. */
export async function get(path) {
  return answered(await fetch(path));
}

/** The answer to a POST; an Error with the server's line. */
export async function post(path, given) {
  const headers = { "Content-Type": "application/json" };
  return answered(await fetch(path, { method: "POST", headers, body: JSON.stringify(given) }));
}

async function answered(response) {
  const text = await response.text();
  let told;
  try {
    told = JSON.parse(text);
  } catch {
    throw new Error(text || response.statusText);
  }
  if (told.error) throw new Error(told.error);
  return told;
}

/** Does it every so many ms while the page is seen and `ready`; what fails is tried again next time. */
export function every(ms, ready, task) {
  const turn = async () => {
    const now = !document.hidden && ready();
    if (now) await task().catch(() => {});
    setTimeout(turn, now ? ms : LOOK_MS);
  };
  turn();
}
