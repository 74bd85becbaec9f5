// One setting as something to turn, to choose or to write in, by its JSON Schema.

import { made } from "./state.js";

const UNITS = { s: "s", ms: "ms", hz: "Hz", px: "px", mb: "MB", ns: "ns" }; // by how the name ends
const SLIDABLE = 1000; // a wider range is too coarse on a slider
const STEPS = 200;

let made_ = 0;

/**
 * `{element, write}` of a setting. `turned(value)` is called while somebody turns it, `done()` when it is let go; `write`
 * shows a value that came from elsewhere. A value that is not known yet stays in the field, with what is wrong with it.
 */
export function field(key, { schema, hidden }, parts, turned, done) {
  const id = `field-${++made_}`, kind = kindOf(schema, parts);
  const unit = UNITS[key.match(/_([a-z]+)$/)?.[1]];
  const name = made("label", { htmlFor: id }, key, ...(unit ? [made("small", {}, ` ${unit}`)] : []));
  const help = [schema.description, range(kind), hidden && "the password is not shown: write it anew"].filter(Boolean).join("; ");
  const controls = made("div", { className: `controls ${kind.type}` });
  const write = MAKERS[kind.type](controls, id, kind, turned, done, key);
  const text = made("p", { className: "help", id: `${id}-help` }, help);
  for (const control of controls.children) if (help) control.setAttribute("aria-describedby", `${id}-help`);
  const element = made("div", { className: "field" }, name, controls, text);
  return { element, write };
}

/** {type: number|choice|switch|text|json, low, high, whole, choices, optional}. */
function kindOf(schema, parts) {
  if (schema.$ref) return kindOf(parts[schema.$ref.split("/").at(-1)], parts);
  if (schema.enum) return { type: "choice", choices: schema.enum };
  if (schema.type === "boolean") return { type: "switch" };
  if (schema.type === "number" || schema.type === "integer") {
    return { type: "number", low: schema.minimum, high: schema.maximum, whole: schema.type === "integer" };
  }
  return { type: schema.type === "string" ? "text" : "json" };
}

const range = ({ low, high }) => (low === undefined || high === undefined ? "" : `${low} to ${high}`);

const MAKERS = { number, choice, switch: onOff, text, json };

function number(place, id, { low, high, whole }, turned, done, key) {
  const step = whole ? 1 : stepOf(high - low);
  const exact = made("input", { type: "number", id, min: low, max: high, step: whole ? 1 : "any" });
  const slides = high - low <= SLIDABLE;
  const slider = made("input", { type: "range", min: low, max: high, step, ariaLabel: key });
  slider.addEventListener("input", () => {
    exact.value = slider.value;
    turned(slider.valueAsNumber);
  });
  slider.addEventListener("change", done);
  exact.addEventListener("change", () => {
    if (Number.isNaN(exact.valueAsNumber)) return;
    slider.value = exact.value;
    turned(exact.valueAsNumber);
    done();
  });
  place.append(...(slides ? [slider] : []), exact);
  return (value) => {
    if (document.activeElement === exact) return;
    exact.value = value;
    slider.value = value;
  };
}

/** A 1, 2 or 5 with zeros that takes some 200 steps through a range. */
function stepOf(span) {
  const rough = span / STEPS, ten = 10 ** Math.floor(Math.log10(rough));
  return Number((ten * [1, 2, 5, 10].find((each) => each * ten >= 0.999 * rough)).toPrecision(1));
}

function choice(place, id, { choices }, turned, done) {
  const select = made("select", { id }, ...choices.map((each) => made("option", { value: each }, String(each))));
  select.addEventListener("change", () => {
    turned(choices[select.selectedIndex]);
    done();
  });
  place.append(select);
  return (value) => { select.value = value; };
}

function onOff(place, id, _, turned, done) {
  const box = made("input", { type: "checkbox", id });
  box.addEventListener("change", () => {
    turned(box.checked);
    done();
  });
  place.append(box);
  return (value) => { box.checked = value; };
}

function text(place, id, _, turned, done) {
  return written(place, id, (value) => value, (value) => value, turned, done);
}

/** Lists, maps and what may be nothing, as JSON; words that are no JSON are text. */
function json(place, id, _, turned, done) {
  const read = (value) => {
    try {
      return JSON.parse(value);
    } catch {
      return value;
    }
  };
  return written(place, id, (value) => (typeof value === "string" ? value : JSON.stringify(value)), read, turned, done);
}

function written(place, id, show, read, turned, done) {
  const line = made("input", { type: "text", id, spellcheck: false, autocomplete: "off" });
  line.addEventListener("change", () => {
    turned(read(line.value));
    done();
  });
  place.append(line);
  return (value) => {
    if (document.activeElement !== line) line.value = show(value);
  };
}
