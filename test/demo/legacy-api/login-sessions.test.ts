import { expect, test } from 'vitest';
import { ACME, GLOBEX, useLegacyApi } from './running-api.ts';

const api = useLegacyApi();

async function logIn(headers: Record<string, string>, company: string, password: string) {
  const body = JSON.stringify({ company, user: 'anna', password });
  const response = await api.call('/api/login', { method: 'POST', headers, body });
  const cookies = response.headers.getSetCookie();
  return { response, cookie: cookies.map((line) => line.split(';')[0]).join('; ') };
}

test('the same user name is another person in each tenant', async () => {
  const acme = await logIn(ACME, 'acme', 'acme-anna-pw');
  expect(await acme.response.json()).toEqual({
    user: { id: 17, name: 'Anna Ackermann', roles: ['clerk'], companies: ['acme', 'globex'] },
  });
  const globex = await logIn(GLOBEX, 'globex', 'globex-anna-pw');
  expect(await globex.response.json()).toMatchObject({ user: { name: 'Anna Gruber' } });
});

test.each([
  ["the other tenant's password", ACME, 'acme', 'globex-anna-pw'],
  ["the other tenant's key", GLOBEX, 'acme', 'acme-anna-pw'],
  ['a company that is not of the key', ACME, 'globex', 'acme-anna-pw'],
])('%s is refused without a cookie', async (_name, headers, company, password) => {
  const { response } = await logIn(headers, company, password);
  expect(response.status).toBe(401);
  expect(response.headers.getSetCookie()).toEqual([]);
});

test('the two cookies mean the user until the logout', async () => {
  const { response, cookie } = await logIn(ACME, 'acme', 'acme-anna-pw');
  expect(response.headers.getSetCookie()).toEqual([
    expect.stringMatching(/^ASP\.NET_SessionId=\w{24}; path=\/; HttpOnly; SameSite=Lax$/),
    expect.stringMatching(/^auth=[0-9A-F]{64}; path=\/; HttpOnly$/),
  ]);
  const me = await api.call('/api/me', { headers: { cookie } });
  expect(await me.json()).toMatchObject({ user: { name: 'Anna Ackermann' } });
  const [sessionAlone = ''] = cookie.split('; ');
  expect((await api.call('/api/me', { headers: { cookie: sessionAlone } })).status).toBe(401);
  expect((await api.call('/api/me', { headers: { cookie, ...GLOBEX } })).status).toBe(401);
  expect((await api.call('/api/logout', { method: 'POST', headers: { cookie } })).status).toBe(200);
  expect((await api.call('/api/me', { headers: { cookie } })).status).toBe(401);
});
