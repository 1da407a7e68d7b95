// A session of a study: consent, training, questions, thanks. Texts from the server are set as text, never as HTML.

import { Viewer } from "/page/viewer.js";

const KEY = "study-session";
const RETRIES = [500, 2000, 5000];
const at = (id) => document.getElementById(id);
const wait = (ms) => new Promise((done) => setTimeout(done, ms));

let study, token, state, current;
let loading = new Map(); // picture → promise of a decoded image
const viewer = new Viewer(at("left"), at("right"), (text, isZoomed) => {
  at("zoom").textContent = text;
  at("fit").textContent = isZoomed ? "Fit" : "1:1";
});

class Failed extends Error {
  constructor(status, message, after) {
    super(message);
    this.status = status;
    this.after = after;
  }
}

// ---- server

async function ask(method, path, value) {
  const headers = {};
  if (token) headers.Authorization = `Bearer ${token}`;
  if (value !== undefined) headers["Content-Type"] = "application/json";
  const body = value === undefined ? undefined : JSON.stringify(value);
  const reply = await fetch(path, { method, headers, body, cache: "no-store" });
  const found = await reply.json().catch(() => ({}));
  if (!reply.ok) throw new Failed(reply.status, found.error || "", Number(reply.headers.get("Retry-After")) || 0);
  return found;
}

// Asks again when the connection is lost or the server is busy; a vote that is sent twice counts once.
async function askAgain(method, path, value) {
  for (const pause of RETRIES) {
    try {
      return await ask(method, path, value);
    } catch (error) {
      if (error instanceof Failed && ![429, 500, 503].includes(error.status)) throw error;
      await wait(Math.max(pause, error instanceof Failed ? error.after * 1000 : 0));
    }
  }
  return ask(method, path, value);
}

// ---- screens

function screen(id) {
  for (const each of document.querySelectorAll("main")) each.hidden = each.id !== id;
  const head = at(id).querySelector("h1");
  if (head) head.focus();
}

function say(text) {
  at("status").textContent = text;
}

function tell(title, text) {
  at("message").querySelector("h1").textContent = title;
  at("message").querySelector("p").textContent = text;
  screen("message");
}

function welcome() {
  const head = at("welcome").querySelector("h1");
  head.textContent = document.title = study.title;
  at("consent-text").replaceChildren(...study.consent.split(/\n\s*\n/).map((text) => {
    const paragraph = document.createElement("p");
    paragraph.textContent = text;
    return paragraph;
  }));
  at("contact").textContent = study.contact ? `Questions? ${study.contact}` : "";
  at("vote-keys").textContent = isPair() ? "← = →" : "0 1 2 3 4";
  at("agree").checked = false;
  at("begin").disabled = true;
  screen("welcome");
}

const isPair = () => study.answer === "pair";
const names = () => (isPair() ? ["Left", "Right"] : ["Target photo", "Result"]);

function makeVotes() {
  const keys = isPair() ? ["←", "=", "→"] : study.labels.map((_, value) => String(value));
  at("question").textContent = isPair()
    ? "Which picture do you prefer?"
    : "How different is the result from the target photo?";
  flicker(false);
  at("votes").replaceChildren(...study.labels.map((label, value) => {
    const button = document.createElement("button");
    const key = document.createElement("kbd");
    const name = document.createElement("span");
    button.disabled = true;
    key.textContent = keys[value];
    name.textContent = label;
    button.append(key, name);
    button.setAttribute("aria-label", isPair() ? label : `${value}, ${label}`);
    button.addEventListener("click", () => choose(value));
    return button;
  }));
}

// ---- questions

function picture(name, text) {
  if (!loading.has(name)) {
    const image = new Image();
    image.draggable = false;
    image.src = `/picture/${encodeURIComponent(name)}`;
    const decoded = image.decode().then(() => image);
    decoded.catch(() => loading.delete(name));
    loading.set(name, decoded);
  }
  return loading.get(name).then((image) => {
    const copy = image.cloneNode();
    copy.alt = text;
    return copy.decode().then(() => copy);
  });
}

function preload() {
  const kept = new Set([...state.training, ...state.questions].flatMap((each) => [each.left, each.right]));
  loading = new Map([...loading].filter(([name]) => kept.has(name)));
  for (const each of [...state.training.slice(0, 2), ...state.questions.slice(0, 2)]) {
    for (const name of [each.left, each.right]) picture(name, "").catch(() => {});
  }
}

async function next() {
  if (state.finished) return finish();
  const isTraining = state.training.length > 0;
  const question = isTraining ? state.training[0] : state.questions[0];
  const mine = current = { question, isTraining, shown: performance.now(), ready: false, sent: false };
  at("count").textContent = isTraining
    ? `Example ${4 - state.training.length} of 3`
    : `Question ${state.done + 1} of ${state.total}`;
  at("progress").max = state.total;
  at("progress").value = state.done;
  at("lesson").hidden = !isTraining;
  at("lesson").textContent = isTraining
    ? "Examples to get to know the page; these answers are not stored."
    : "";
  at("feedback").textContent = "Loading the pictures …";
  at("next").hidden = at("retry").hidden = true;
  enable(false);
  viewer.clear();
  screen("task");
  say(`${at("count").textContent}. ${at("question").textContent}`);
  try {
    const [left, right] = names();
    const images = await Promise.all([picture(question.left, left), picture(question.right, right)]);
    if (mine !== current) return;
    viewer.show(images);
    flicker(false);
  } catch {
    if (mine !== current) return;
    at("feedback").textContent = "A picture could not be loaded.";
    return offerRetry(next);
  }
  preload();
  await seen(mine);
}

// Waits until both pictures were visible long enough; time in the background or in a pause does not count.
async function seen(mine) {
  const needed = study.seconds_seen * 1000;
  let visible = 0;
  let last = performance.now();
  mine.loaded = last;
  while (visible < needed) {
    await wait(Math.min(100, needed - visible + 1));
    if (mine !== current) return;
    const now = performance.now();
    if (document.hidden || at("paused").open) {
      visible = 0;
      mine.loaded = now;
    } else {
      visible += now - last;
    }
    last = now;
  }
  mine.ready = true;
  at("feedback").textContent = "";
  enable(true);
  say("You can answer now.");
}

function enable(isEnabled) {
  for (const button of at("votes").children) {
    button.disabled = !isEnabled;
    if (isEnabled) button.classList.remove("chosen");
  }
}

async function choose(value) {
  const mine = current;
  if (!mine || !mine.ready || mine.sent || at("paused").open || at("task").hidden) return;
  mine.sent = true;
  enable(false);
  at("votes").children[value].classList.add("chosen");
  if (mine.isTraining) return teach(mine.question, value);
  const now = performance.now();
  await send({
    position: mine.question.position,
    value,
    shown_ms: now - mine.shown,
    loaded_ms: now - mine.loaded,
    zoomed: viewer.zoomed,
  });
}

async function send(vote) {
  at("retry").hidden = true;
  try {
    state = await askAgain("POST", "/api/vote", vote);
  } catch (error) {
    if (error instanceof Failed && error.status === 401) return gone();
    if (error instanceof Failed && error.status === 409) {
      state = await askAgain("GET", "/api/session"); // answered in another window
    } else {
      at("feedback").textContent = "Your answer is not stored yet: the server does not reply.";
      return offerRetry(() => send(vote));
    }
  }
  unchoose();
  await next();
}

function unchoose() {
  for (const button of at("votes").children) button.classList.remove("chosen");
}

function offerRetry(action) {
  const button = at("retry");
  button.hidden = false;
  button.onclick = () => action();
  button.focus();
}

function teach(example, value) {
  const isRight = example.low <= value && value <= example.high;
  const range = example.low === example.high
    ? study.labels[example.low]
    : `${example.low} to ${example.high}`;
  at("feedback").textContent = isRight ? "That is right." : `Look again: here we expect ${range}.`;
  at("next").hidden = false;
  at("next").focus();
}

async function afterExample() {
  at("next").hidden = true;
  unchoose();
  state.training.shift();
  if (!state.training.length) {
    try {
      state = await askAgain("POST", "/api/training");
    } catch (error) {
      if (error instanceof Failed && error.status === 401) return gone();
      at("feedback").textContent = "The server does not reply.";
      return offerRetry(afterExample);
    }
  }
  await next();
}

function finish() {
  current = undefined;
  viewer.clear();
  at("delete-finished").hidden = false;
  screen("thanks");
  say("Thank you. All your answers are stored.");
}

// ---- session

function keep(found) {
  token = found;
  if (found) {
    localStorage.setItem(KEY, found);
    history.replaceState(null, "", `#${found}`);
    at("link").value = location.href;
  } else {
    localStorage.removeItem(KEY);
    history.replaceState(null, "", location.pathname);
  }
}

function gone() {
  current = undefined;
  keep(undefined);
  tell("This session has ended", "It was deleted, or belongs to another study.");
}

async function begin(event) {
  event.preventDefault();
  if (!at("agree").checked) return;
  at("begin").disabled = true;
  try {
    const found = await askAgain("POST", "/api/session", {
      consent: true,
      screen_w: screenSize(window.screen.width),
      screen_h: screenSize(window.screen.height),
      dpr: Math.min(100, window.devicePixelRatio || 1),
    });
    keep(found.token);
    state = found;
  } catch (error) {
    return tell("It cannot begin", error instanceof Failed && error.message ? error.message : "The server does not reply.");
  }
  await next();
}

const screenSize = (pixels) => Math.min(100000, Math.max(0, Math.round(pixels) || 0));

async function erase() {
  at("confirm").close();
  if (at("paused").open) at("paused").close();
  try {
    await askAgain("DELETE", "/api/session");
  } catch (error) {
    if (!(error instanceof Failed && error.status === 401)) {
      return tell("Not deleted", "The server does not reply. Open the page again and try once more.");
    }
  }
  current = undefined;
  viewer.clear();
  keep(undefined);
  tell("Deleted", "Your answers have been removed.");
}

function pause() {
  if (!current || at("task").hidden || at("paused").open) return;
  at("paused").showModal();
}

// ---- keys and buttons

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || at("task").hidden) return;
  if (document.querySelector("dialog[open]") || event.target.matches("input")) return;
  if (event.shiftKey && viewer.moveByKey(event.key)) return event.preventDefault();
  const answers = isPair() ? { ArrowLeft: 0, "=": 1, ArrowRight: 2 } : { 0: 0, 1: 1, 2: 2, 3: 3, 4: 4 };
  const actions = {
    "+": () => viewer.zoom(1.5),
    "-": () => viewer.zoom(1 / 1.5),
    z: () => viewer.toggleFit(),
    f: () => flicker(true),
    p: pause,
  };
  if (event.key in answers && !event.repeat && !event.shiftKey) {
    event.preventDefault();
    choose(answers[event.key]);
  } else if (isPair() && event.key === "=" && !event.repeat) {
    choose(1); // on keyboards where it needs Shift
  } else if (event.key.toLowerCase() in actions && !(event.repeat && event.key === "p")) {
    event.preventDefault();
    actions[event.key.toLowerCase()]();
  }
}

function flicker(isOn) {
  viewer.swap(isOn);
  at("flicker").setAttribute("aria-pressed", String(isOn));
  const [left, right] = names();
  at("left-name").textContent = isOn ? right : left;
  at("right-name").textContent = isOn ? left : right;
}

document.addEventListener("keydown", onKey);
document.addEventListener("keyup", (event) => {
  if (event.key.toLowerCase() === "f") flicker(false);
});
window.addEventListener("blur", () => flicker(false));
at("flicker").addEventListener("click", () => flicker(!viewer.isSwapped));
at("zoom-in").addEventListener("click", () => viewer.zoom(1.5));
at("zoom-out").addEventListener("click", () => viewer.zoom(1 / 1.5));
at("fit").addEventListener("click", () => viewer.toggleFit());
at("pause").addEventListener("click", pause);
at("resume").addEventListener("click", () => at("paused").close());
at("paused").addEventListener("close", () => at("count").focus());
at("link").addEventListener("focus", () => at("link").select());
at("delete").addEventListener("click", () => at("confirm").showModal());
at("delete-finished").addEventListener("click", () => at("confirm").showModal());
at("keep").addEventListener("click", () => at("confirm").close());
at("erase").addEventListener("click", erase);
at("next").addEventListener("click", afterExample);
at("agree").addEventListener("change", () => { at("begin").disabled = !at("agree").checked; });
at("welcome").querySelector("form").addEventListener("submit", begin);
at("again").addEventListener("click", start);

async function start() {
  try {
    study = await ask("GET", "/api/study");
  } catch {
    return tell("No connection", "The server does not reply.");
  }
  document.title = study.title;
  makeVotes();
  for (const found of new Set([location.hash.slice(1), localStorage.getItem(KEY)])) {
    if (!found) continue;
    token = found;
    try {
      state = await ask("GET", "/api/session");
    } catch (error) {
      if (error instanceof Failed && error.status === 401) continue; // deleted, or of another study
      return tell("No connection", "The server does not reply.");
    }
    keep(found);
    return next();
  }
  keep(undefined);
  welcome();
}

start();
