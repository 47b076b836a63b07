/**
 * Everything that the app says to the gateway. It holds no secret: the session is a cookie that no script can read, and the client id is
 * no more than a name.
 */
const CLIENT_ID = 'web-app';

/** An answer that is no success. `code` is that of problem+json (RFC 9457), or empty. */
export class Refusal extends Error {
  constructor(status, code, retryAfter) {
    super(`${status} ${code}`);
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
  }
}

/** Shows the gateway that the request is meant: a form of another page cannot set a field. */
const MEANT = { 'Gatehouse-CSRF': '1' };

/** Resolves to the text of the answer, JSON or not. Throws a `Refusal`. */
async function ask(method, target, body) {
  const answer = await fetch(target, {
    method,
    credentials: 'same-origin',
    cache: 'no-store',
    headers: {
      ...(method === 'GET' ? {} : MEANT),
      ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  if (answer.ok) return text;
  throw new Refusal(answer.status, codeOf(text), answer.headers.get('Retry-After'));
}

function codeOf(text) {
  try {
    return JSON.parse(text).code ?? '';
  } catch {
    return '';
  }
}

async function askForSession(method, target, body) {
  return JSON.parse(await ask(method, target, body));
}

/** What the session is and how long it lives. Asking does not extend it. */
export function showSession() {
  return askForSession('GET', '/session');
}

export function logIn({ username, password, tenant, remember }) {
  return askForSession('POST', '/session', {
    client_id: CLIENT_ID,
    username,
    password,
    remember,
    ...(tenant === '' ? {} : { tenant }),
  });
}

/** A new life for the session; without one, the browser's remember-me cookie brings one, if there is such a cookie. */
export function refreshSession() {
  return askForSession('POST', '/session/refresh');
}

export function switchTenant(tenant) {
  return askForSession('POST', '/session/tenant', { tenant });
}

export function logOut() {
  return ask('DELETE', '/session');
}

export async function listOrders() {
  return JSON.parse(await ask('GET', '/api/orders'), keepExact).orders;
}

/** An id of 64 bits would not survive as a number, so it becomes the text that it is made of. */
function keepExact(_name, value, { source }) {
  return typeof value === 'number' && !Number.isSafeInteger(value) ? source : value;
}

export function placeOrder(sku) {
  return ask('POST', '/api/orders', { sku });
}

/**
 * Of this origin, so the browser sends the cookie by itself; from another one it would take a ticket. The gateway ends the stream with the
 * session, the browser asks again, and is refused: then `onRefused` is called.
 */
export function openEvents(onTick, onRefused) {
  const events = new EventSource('/api/events');
  events.addEventListener('tick', ({ data }) => onTick(JSON.parse(data)));
  events.addEventListener('error', () => {
    if (events.readyState === EventSource.CLOSED) onRefused();
  });
  return () => events.close();
}
