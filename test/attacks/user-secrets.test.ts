import { expect, it } from 'vitest';
import { basic, secretOf } from '../support/attacked-clients.ts';
import {
  bearer,
  memberOf,
  onBothStores,
  PASSWORD_GRANT,
  REMEMBER_COOKIE,
  refreshWith,
  SESSION_COOKIE,
  tokensOf,
} from '../support/attacked-users.ts';
import { jsonAnswer, rawAnswer } from '../support/legacy-login.ts';
import type { RawAnswer } from '../support/raw-client.ts';
import { cookieOf, LEGACY_KEYS, MEANT } from '../support/users-scene.ts';

const PASSWORDS = ['acme-anna-pw', 'wrong-Password-4711', 'another/Wrong+one'];
/** What the upstream gives us to keep. */
const KEPT = ['kept-session-0123456789abcdef', 'kept-auth-0123456789abcdef', 'later-auth-0123456789abcdef'];

/** Every text by which a secret could be told. */
function tracesOf(secret: string): readonly string[] {
  const bytes = Buffer.from(secret);
  return [secret, bytes.toString('base64'), bytes.toString('hex'), encodeURIComponent(secret)];
}

onBothStores((scene) => {
  it('L01 no password, cookie, token, ticket, client secret or kept cookie reaches log, audit or metrics, on any path, at level trace', {
    timeout: 60_000,
  }, async () => {
    const answers: RawAnswer[] = [];
    const secrets = new Set([...PASSWORDS, ...KEPT, ...Object.values(LEGACY_KEYS)]);
    for (const client of ['erp', 'jwt-erp', 'old-erp', 'api-acme']) secrets.add(secretOf(client));
    const [password = '', wrong = '', other = ''] = PASSWORDS;
    scene.upstream.answers(
      'POST /api/login',
      jsonAnswer(200, { user: { id: 17, name: 'Anna', roles: [], companies: ['acme', 'globex'] } }, [
        `Set-Cookie: ASP.NET_SessionId=${KEPT[0]}; path=/`,
        `Set-Cookie: auth=${KEPT[1]}; path=/`,
      ]),
    );
    // What is given out, by every front.
    const login = await scene.logIn({ remember: true });
    const legacy = await scene.send('POST /api/login', { body: { company: 'acme', user: 'anna', password } });
    const tokens = await scene.tokens();
    const next = tokensOf(await scene.post('/oauth/token', refreshWith(tokens.refresh)));
    const own = await scene.post(
      '/oauth/token',
      { grant_type: 'client_credentials' },
      { fields: [basic('erp')] },
    );
    const jwt = await scene.post(
      '/oauth/token',
      { grant_type: 'client_credentials' },
      { fields: [basic('jwt-erp')] },
    );
    const cookie = cookieOf(login, SESSION_COOKIE);
    const remembered = cookieOf(login, REMEMBER_COOKIE);
    const old = cookieOf(legacy, 'auth');
    const asked = await scene.send('POST /session/ticket', {
      fields: [...MEANT, `Cookie: ${SESSION_COOKIE}=${cookie}`],
    });
    const ticket = memberOf(asked, 'ticket');
    const access = [tokens.access, next.access, memberOf(own, 'access_token'), memberOf(jwt, 'access_token')];
    const all = [cookie, remembered, old, ticket, tokens.refresh, next.refresh, ...access];
    for (const each of all) {
      expect(each).not.toBe('');
      secrets.add(each);
    }

    // Each of them in each place, right and wrong, on routes and endpoints.
    scene.upstream.answers('GET /api/echo/x', jsonAnswer(200, {}, [`Set-Cookie: auth=${KEPT[2]}; path=/`]));
    for (const each of all) {
      for (const fields of [
        [`Cookie: ${SESSION_COOKIE}=${each}`],
        [`Cookie: ${SESSION_COOKIE}=${each}; auth=${each}`],
        [`Cookie: auth=${each}`],
        [bearer(each)],
        [`Authorization: ${each}`],
        [`Authorization: Basic ${Buffer.from(`x:${each}`).toString('base64')}`],
        [`X-API-Key: ${each}`],
      ]) {
        for (const line of [
          'GET /api/echo/x',
          'GET /nowhere',
          'GET /session',
          'POST /api/echo/x',
          'POST /session/ticket',
        ])
          answers.push(await scene.send(line, { fields }));
        answers.push(await scene.send('GET /api/me', { fields, host: 'globex.gw.test' }));
      }
      for (const target of ['/api/echo/x', '/nowhere', '/session', '/oauth/token'])
        for (const name of ['ticket', 'access_token', 'x', 'password'])
          answers.push(await scene.send(`GET ${target}?${name}=${each}`));
      for (const path of ['/oauth/token', '/oauth/revoke', '/oauth/introspect']) {
        const parameters = { grant_type: 'refresh_token', refresh_token: each, token: each, client_id: each };
        answers.push(await scene.post(path, parameters));
        answers.push(await scene.post(path, { ...parameters, client_id: 'phone' }));
        answers.push(await scene.post(path, parameters, { fields: [basic('api-acme', each)] }));
      }
    }
    // Logins that fail in all ways.
    for (const answer of [
      rawAnswer(401, 'no'),
      rawAnswer(500, 'no'),
      rawAnswer(200, '<html>'),
      'x\r\n\r\n',
    ]) {
      scene.upstream.answers('POST /api/login', (socket) => void socket.end(answer, 'latin1'));
      for (const each of [wrong, other]) {
        answers.push(await scene.logIn({ password: each }));
        answers.push(await scene.logIn({ username: 'carl', password: each, tenant: 'globex' }));
        answers.push(await scene.post('/oauth/token', { ...PASSWORD_GRANT, password: each }));
        answers.push(await scene.post(`/oauth/token?password=${encodeURIComponent(each)}`, 'x'));
        answers.push(
          await scene.send('POST /api/login', { body: { company: 'acme', user: 'anna', password: each } }),
        );
        answers.push(await scene.send('POST /api/login', { body: `{"password":"${each}"` }));
        answers.push(await scene.send('POST /session', { fields: MEANT, body: `{"password":"${each}"` }));
        answers.push(await scene.send('POST /session', { fields: MEANT, body: { password: each, x: each } }));
      }
    }
    scene.upstream.reset();
    // And the ends of it all.
    answers.push(await scene.post('/oauth/revoke', { token: next.refresh, client_id: 'desktop' }));
    answers.push(await scene.send('POST /api/logout', { fields: [`Cookie: auth=${old}`] }));
    answers.push(
      await scene.send('DELETE /session', { fields: [...MEANT, `Cookie: ${SESSION_COOKIE}=${cookie}`] }),
    );
    for (const path of ['/v1/sessions', `/v1/sessions?subject=${cookie}`, `/v1/nowhere/${cookie}`])
      await scene.first.admin('GET', path).catch(() => undefined);
    await scene.first.gateway.reload();
    await scene.expectAlive();
    const statuses = new Set(answers.map(({ status }) => status));
    expect([...statuses]).toEqual(expect.arrayContaining([200, 400, 401, 403, 404, 503]));

    await scene.first.auditOf(await scene.send('GET /nowhere/last'));
    const { records } = await scene.first.admin<{ records: unknown[] }>('GET', '/v1/audit?limit=500');
    const sessions = await scene.first.admin('GET', '/v1/sessions');
    const places = {
      log: scene.gateways.map((gateway) => gateway.log()).join('\n'),
      audit: JSON.stringify(records),
      metrics: await scene.first.metrics(),
      sessions: JSON.stringify(sessions),
      refusals: answers
        .filter(({ status }) => status >= 400)
        .map(({ head, body }) => `${head}\n${body.toString('latin1')}`)
        .join('\n'),
    };
    // The run is told of at all, so that silence means something.
    expect(places.log.split('\n').length).toBeGreaterThan(500);
    expect(records).toHaveLength(500);
    for (const each of [cookie, old]) secrets.add(each.slice(21));
    for (const each of [remembered, tokens.refresh, next.refresh]) secrets.add(each.slice(21, 43));
    for (const [place, text] of Object.entries(places))
      for (const secret of secrets)
        for (const trace of tracesOf(secret))
          expect(text.includes(trace), `${trace} in ${place}`).toBe(false);
  });

  it('L01 a secret in the path of a request is kept nowhere', async () => {
    const login = await scene.logIn({ remember: true });
    const tokens = await scene.tokens();
    const cookie = cookieOf(login, SESSION_COOKIE);
    const ticket = memberOf(
      await scene.send('POST /session/ticket', { fields: [...MEANT, `Cookie: ${SESSION_COOKIE}=${cookie}`] }),
      'ticket',
    );
    const all = [
      cookie,
      cookieOf(login, REMEMBER_COOKIE),
      tokens.access,
      tokens.refresh,
      ticket,
      secretOf('erp'),
    ];
    for (const each of all)
      for (const path of ['/nowhere', '/api/echo', '/session', '/oauth', '/pages'])
        await scene.send(`GET ${path}/${each}`);
    await scene.first.auditOf(await scene.send('GET /nowhere/last'));
    const { records } = await scene.first.admin<{ records: unknown[] }>('GET', '/v1/audit?limit=500');
    for (const each of all) {
      expect(JSON.stringify(records).includes(each), `${each} in audit`).toBe(false);
      expect(scene.first.log().includes(each), `${each} in log`).toBe(false);
    }
    await scene.expectAlive();
  });
});
