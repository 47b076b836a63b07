/**
 * An old client, as there are many: a key in its code, a login, a cookie, orders. It knows one server, the legacy API, by a base URL:
 * `node demo/old-client/main.ts http://127.0.0.1:3000`. Whatever it hears, it prints.
 */
import { once } from 'node:events';
import { type IncomingMessage, request as open } from 'node:http';
import { text } from 'node:stream/consumers';
import { createJar } from './jar.ts';

const KEY = 'acme-legacy-4711';
const LOGIN = { company: 'acme', user: 'anna', password: 'acme-anna-pw' };
const ORDER = '{"sku": "Schraube M8", "reference": 9223372036854775807}';

const jar = createJar();

interface Heard {
  readonly status: number;
  /** Of what was made. */
  readonly location: string;
}

async function call(base: string, method: string, path: string, body?: string): Promise<Heard> {
  const cookie = jar.field();
  const sent = open(`${base}${path}`, {
    method,
    headers: {
      'X-Api-Key': KEY,
      'User-Agent': 'Acme Orders 3.1',
      ...(cookie !== '' && { Cookie: cookie }),
      ...(body !== undefined && {
        'Content-Type': 'application/json',
        'Content-Length': Buffer.byteLength(body),
      }),
    },
  });
  sent.end(body);
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  jar.keep(answer.headers['set-cookie'] ?? []);
  const status = answer.statusCode ?? 0;
  process.stdout.write(`${method} ${path} → ${status} ${answer.headers['content-type'] ?? ''}\n`);
  process.stdout.write(`  ${await text(answer)}\n`);
  return { status, location: answer.headers.location ?? '' };
}

/** Ends with 1 where the day did not go as days go. */
async function workADay(base: string): Promise<number> {
  const typo = await call(base, 'POST', '/api/login', JSON.stringify({ ...LOGIN, password: 'typo' }));
  const login = await call(base, 'POST', '/api/login', JSON.stringify(LOGIN));
  const me = await call(base, 'GET', '/api/me');
  const list = await call(base, 'GET', '/api/orders');
  const placed = await call(base, 'POST', '/api/orders', ORDER);
  const order = await call(base, 'GET', placed.location);
  const malformed = await call(base, 'POST', '/api/orders', 'no JSON');
  const logout = await call(base, 'POST', '/api/logout');
  const nobody = await call(base, 'GET', '/api/me');
  const heard = [typo, login, me, list, placed, order, malformed, logout, nobody];
  return heard.map(({ status }) => status).join() === '401,200,200,200,201,200,400,200,401' ? 0 : 1;
}

const [base] = process.argv.slice(2);
if (base === undefined) {
  process.stderr.write('Usage: node demo/old-client/main.ts BASE_URL\n');
  process.exitCode = 2;
} else {
  process.exitCode = await workADay(base.replace(/\/$/, ''));
}
