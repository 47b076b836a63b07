import { expect, test } from 'vitest';
import { answerOf, upstreamFor } from '../support/forwarding-scenario.ts';
import { accepted, loginScene } from './scene.ts';

const FORM = {
  request: { path: '/login', form: { user: '{username}', pass: '{password}' } },
  success: { status: 302, location: { not: '/login' } },
  user: { id: '{username}' },
  keep: { cookies: ['sid'] },
  intercept: { route: 'POST /login', legacyClient: true },
};
const RECEIVED = {
  target: '/login',
  fields: ['Content-Type', 'application/x-www-form-urlencoded'],
  body: Buffer.from('user=anna&pass=p'),
};

test('a redirect that names the upstream names the gateway for the client, as on every route', async () => {
  const upstream = await upstreamFor((socket, request) => {
    const location = `http://${request.field('host') ?? ''}/home`;
    socket.write(answerOf('302 Found', [`Location: ${location}`, 'Set-Cookie: sid=1', 'Content-Length: 0']));
  });
  const scene = loginScene({ url: upstream.origin, login: FORM });
  const { answer } = await accepted(scene.logIn({ received: RECEIVED }));
  expect(answer).toEqual({
    status: 302,
    fields: ['Location', 'https://acme.gw.test/home'],
    body: Buffer.alloc(0),
  });
  expect(upstream.requests[0]?.body.toString()).toBe('user=anna&pass=p');
});

test('the answer to a wrong password passes too, with every field but its cookies', async () => {
  const upstream = await upstreamFor(
    answerOf(
      '302 Found',
      [
        'X-Odd: caf\xe9',
        'Set-Cookie: sid=1',
        'Location: /login?failed',
        'Set-Cookie: b=2',
        'Content-Length: 2',
      ],
      'no',
    ),
  );
  const scene = loginScene({ url: upstream.origin, login: FORM });
  expect(await scene.logIn({ received: RECEIVED })).toEqual({
    kind: 'rejected',
    reason: 'the answer leads to /login',
    answer: {
      status: 302,
      fields: ['X-Odd', 'caf\xe9', 'Location', '/login?failed'],
      body: Buffer.from('no'),
    },
  });
});

test('nothing is prepared for a client that has seen the login page itself', async () => {
  const upstream = await upstreamFor(answerOf('302 Found', ['Location: /home', 'Content-Length: 0']));
  const login = { ...FORM, prepare: { request: 'GET /login', values: { csrf: { input: 'csrf' } } } };
  await accepted(loginScene({ url: upstream.origin, login }).logIn({ received: RECEIVED }));
  expect(upstream.requests.map(({ startLine }) => startLine)).toEqual(['POST /login HTTP/1.1']);
});
