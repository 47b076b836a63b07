import { describe, expect, test } from 'vitest';
import { type CorsPolicy, crossOriginFields, isPreflight, preflightFields } from '../../src/http/cors.ts';

const LISTED = 'https://app.acme.test';
const policy: CorsPolicy = {
  lists: (origin) => origin === LISTED || origin === 'null',
  credentials: true,
  methods: 'GET, POST',
  allowFields: 'Content-Type',
  exposeFields: 'Retry-After',
  maxAgeSeconds: 600,
};

test.each([
  ['OPTIONS', LISTED, 'POST', true],
  ['OPTIONS', 'null', '', true],
  ['OPTIONS', LISTED, undefined, false],
  ['OPTIONS', undefined, 'POST', false],
  ['GET', LISTED, 'POST', false],
] as const)(
  '%s with Origin %s and Access-Control-Request-Method %s is a preflight: %s',
  (method, origin, asked, is) => {
    expect(isPreflight(method, origin, asked)).toBe(is);
  },
);

describe('a listed page', () => {
  test('learns by the preflight what it may send', () => {
    expect(preflightFields(policy, LISTED)).toEqual([
      'Vary',
      'Origin',
      'Access-Control-Allow-Origin',
      LISTED,
      'Access-Control-Allow-Credentials',
      'true',
      'Access-Control-Allow-Methods',
      'GET, POST',
      'Access-Control-Allow-Headers',
      'Content-Type',
      'Access-Control-Max-Age',
      '600',
    ]);
  });

  test('may read the answer', () => {
    expect(crossOriginFields(policy, LISTED)).toEqual([
      'Vary',
      'Origin',
      'Access-Control-Allow-Origin',
      LISTED,
      'Access-Control-Allow-Credentials',
      'true',
      'Access-Control-Expose-Headers',
      'Retry-After',
    ]);
  });

  test('gets no lists that are empty, and sends no cookies where the policy has none', () => {
    const bare = { ...policy, credentials: false, allowFields: '', exposeFields: '' };
    const allowed = ['Vary', 'Origin', 'Access-Control-Allow-Origin', LISTED];
    expect(crossOriginFields(bare, LISTED)).toEqual(allowed);
    expect(preflightFields(bare, LISTED)).toEqual([
      ...allowed,
      'Access-Control-Allow-Methods',
      'GET, POST',
      'Access-Control-Max-Age',
      '600',
    ]);
  });
});

test.each([
  undefined,
  'null',
  '',
  '*',
  'https://evil.test',
  `${LISTED}.evil.test`,
  'https://evil-app.acme.test',
  'http://app.acme.test',
  `${LISTED}:444`,
  LISTED.toUpperCase(),
])('the origin %s is never allowed, and caches are told that it mattered', (origin) => {
  expect(preflightFields(policy, origin)).toEqual(['Vary', 'Origin']);
  expect(crossOriginFields(policy, origin)).toEqual(['Vary', 'Origin']);
});
