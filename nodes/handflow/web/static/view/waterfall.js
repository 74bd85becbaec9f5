// One frame's way through the stages: when each got it, and when it sent what it had made of it.

import { $, made, state } from "./state.js";

const NICE_MS = [5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000];

export function showWaterfall(stages) {
  const end = Math.max(...stages.map(([, , sent]) => sent));
  const whole = NICE_MS.find((ms) => ms >= end) ?? end;
  $("waterfall").replaceChildren(...stages.map((stage) => row(stage, stages, whole)));
}

function row([name, received, sent], stages, whole) {
  const ready = waitedSince(name, received, stages);
  const text = `${(sent - received).toFixed(1)}`;
  const title = `${name}: waited ${(received - ready).toFixed(1)} ms, worked ${text} ms, sent ${sent.toFixed(1)} ms after the capture`;
  const track = made("span", { className: "track" }, bar("wait", ready, received, whole), bar("work", received, sent, whole));
  return made("li", { title }, made("span", {}, name), track, made("span", { className: "number" }, text));
}

/** When the last of what it works on had been sent. */
function waitedSince(name, received, stages) {
  const inputs = Object.values(state.graph?.nodes[name]?.in ?? {}).flat();
  const before = stages.filter(([other, , sent]) => other !== name && sent <= received && (!inputs.length || inputs.includes(other)));
  return before.length ? Math.max(...before.map(([, , sent]) => sent)) : received;
}

function bar(kind, from, to, whole) {
  const element = made("i", { className: `bar ${kind}` });
  element.style.left = `${(100 * Math.max(0, from)) / whole}%`;
  element.style.width = `${(100 * Math.max(0, to - from)) / whole}%`;
  return element;
}
