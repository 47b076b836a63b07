import { TENANT } from '../../experiments/bulk-load.ts';
import { SESSION_COOKIE } from '../../targets/user-session.ts';
import { type Actor, askAndNote, publicPlace } from './stage.ts';

const MEANT = { 'Gatehouse-CSRF': '1', 'Sec-Fetch-Site': 'same-origin' } as const;
const REQUESTS = 4;
/** Of so many sessions one is left to itself, as users do. */
const LEFT_OPEN = 4;

/** A user logs in at one replica, works at both, renews the session, and logs out. */
export const sessions: Actor = {
  name: 'sessions',
  everyMs: 200,
  async act(stage, turn) {
    const [first, second] = turn % 2 === 0 ? [stage.plain, stage.tls] : [stage.tls, stage.plain];
    const body = JSON.stringify({
      client_id: 'web-app',
      username: `user-${turn}`,
      password: 'pw',
      tenant: TENANT,
    });
    const login = await askAndNote(stage, 'login', {
      ...publicPlace(first),
      method: 'POST',
      path: '/session',
      headers: MEANT,
      body,
    });
    const cookie = cookieOf(login.cookies);
    if (cookie === undefined) return;
    const work = { path: '/moody/orders/17', headers: { Cookie: cookie } };
    for (let request = 0; request < REQUESTS; request += 1) {
      const gateway = request % 2 === 0 ? first : second;
      await askAndNote(stage, 'session', { ...publicPlace(gateway), ...work });
    }
    if (turn % LEFT_OPEN === 0) return;
    const own = { headers: { ...MEANT, Cookie: cookie } };
    await askAndNote(stage, 'session endpoint', { ...publicPlace(second), path: '/session', ...own });
    const renewed = await askAndNote(stage, 'session endpoint', {
      ...publicPlace(second),
      method: 'POST',
      path: '/session/refresh',
      ...own,
    });
    const current = cookieOf(renewed.cookies) ?? cookie;
    const ended = await askAndNote(stage, 'session endpoint', {
      ...publicPlace(second),
      method: 'DELETE',
      path: '/session',
      headers: { ...MEANT, Cookie: current },
    });
    if (!ended.outcome.startsWith('2')) return;
    await askAndNote(stage, 'ended session', {
      ...publicPlace(second),
      path: '/moody/orders/17',
      headers: { Cookie: current },
    });
  },
};

/** The session cookie under its name, as it is sent back. */
function cookieOf(lines: readonly string[]): string | undefined {
  const line = lines.find((candidate) => candidate.startsWith(`${SESSION_COOKIE}=`));
  return line?.split(';', 1)[0];
}
