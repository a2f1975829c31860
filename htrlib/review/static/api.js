// The server's API. All addresses are relative, so the page works behind any path prefix.

import { setting } from "./settings.js";

/** A request that failed. `status` is 0 where no answer came; `body` is the answer's JSON. */
export class ApiError extends Error {
  constructor(status, code, message, body = null) {
    super(message);
    Object.assign(this, { status, code, body });
  }

  /** Whether the same request may succeed later. */
  get passing() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

async function request(address, options = {}) {
  let answer;
  try {
    answer = await fetch(address, { credentials: "same-origin", ...options });
  } catch {
    throw new ApiError(0, "unreachable", "The server does not answer.");
  }
  let body = null;
  try {
    body = await answer.json();
  } catch {
    if (answer.ok) throw new ApiError(502, "answer", "The server's answer cannot be read.");
  }
  if (answer.ok) return body;
  const { code = "unknown", message = `The server answered ${answer.status}.` } = body?.error ?? {};
  throw new ApiError(answer.status, code, message, body);
}

function post(address, body, key = null) {
  const headers = { "Content-Type": "application/json", "X-HTR-Review": "1" };
  const name = setting("name");
  if (name) headers["X-HTR-Name"] = encodeURIComponent(name);
  if (key) headers["X-HTR-Change"] = key; // the server makes no change twice, if its answer is lost
  return request(address, { method: "POST", headers, body: JSON.stringify(body) });
}

/** A page's name in an address: slashes stay, all else is encoded. */
export function encodedName(name) {
  return name.split("/").map(encodeURIComponent).join("/");
}

const page = (name) => `api/pages/${encodedName(name)}`;

export const api = {
  overview: () => request("api/overview"),
  pages: (query) => request(`api/pages?${new URLSearchParams(query)}`),
  changes: (since) => request(`api/changes?since=${since}`),
  page: (name) => request(page(name)),
  edit: (name, version, edits, key) => post(`${page(name)}/edits`, { version, edits }, key),
  read: (name, version, lines, key) => post(`${page(name)}/read`, { version, lines }, key),
  history: (name) => request(`${page(name)}/history`),
  restore: (name, version, number, key) => post(`${page(name)}/restore`, { version, number }, key),
  pauseReading: (paused) => post("api/reading", { paused }),
  training: () => request("api/training"),
  startTraining: (minutes) => post("api/training", { minutes }),
  stopTraining: () => post("api/training/stop", {}),
  resumeTraining: () => post("api/training/resume", {}),
  useTrained: () => post("api/training/use", {}),
  picture: (name) => `picture/${encodedName(name)}?largest=3200`,
  thumbnail: (name) => `thumbnail/${encodedName(name)}`,
};
