import { afterAll, beforeAll, expect, test } from 'vitest';
import { startUsersScene, type UsersScene } from '../support/users-scene.ts';

let scene: UsersScene;
beforeAll(async () => {
  scene = await startUsersScene();
});
afterAll(() => scene.stop());

test.each([
  ['a refusal', 'GET /nowhere', 404],
  ['a challenge', 'GET /api/me', 401],
  ['the published keys', 'GET /.well-known/jwks.json', 200],
  ['metadata', 'GET /.well-known/oauth-authorization-server', 200],
  ['an endpoint of sessions', 'GET /session', 401],
  ['an endpoint of tokens', 'POST /oauth/token', 400],
  ['the login of old clients', 'POST /api/login', 401, '{"user":1,"user":2}'],
])('%s is never taken for another type than it says', async (_, line, status, body?: string) => {
  const answer = await scene.send(line, [], body);
  expect(answer.status).toBe(status);
  expect(answer.all('x-content-type-options')).toEqual(['nosniff']);
});

test('what is no HTTP is answered in the same way', async () => {
  const answer = await scene.gateway.raw('GET / HTTP/1.1\r\nHost: a\r\nA : b\r\n\r\n');
  expect([answer.status, answer.field('x-content-type-options')]).toEqual([400, 'nosniff']);
});

test('whether the answers of the upstream may be sniffed is for the upstream to say', async () => {
  const answer = await scene.send('GET /status');
  expect([answer.status, answer.field('x-content-type-options')]).toEqual([200, undefined]);
});
