import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readCheck } from '../../src/forward-auth/check-grpc.ts';
import { ENVOY_PREFIX, envoyDialect } from '../../src/forward-auth/envoy-dialect.ts';
import { forwardDialect } from '../../src/forward-auth/forward-dialect.ts';
import { nginxDialect } from '../../src/forward-auth/nginx-dialect.ts';

/** A check as node:http gives it. */
function received(method: string, url: string, rawHeaders: string[]): IncomingMessage {
  const message = new IncomingMessage(new Socket());
  return Object.assign(message, { method, url, rawHeaders });
}

const fieldName = fc.constantFrom(
  'X-Original-URL',
  'x-original-url',
  'X-Original-Method',
  'X-Forwarded-Method',
  'X-Forwarded-Uri',
  'X-Forwarded-Host',
  'X-Forwarded-Proto',
  'X-Forwarded-For',
  'Host',
  'X_Forwarded_Uri',
  'X-Note',
);
const value = fc.constantFrom(
  'GET',
  'POST',
  'get',
  'FOO',
  '',
  '/api/x',
  '/api/x?y',
  'api',
  'https://gw.test/api',
  'http://gw.test',
  'ftp://gw.test/',
  'https://gw.test?x',
  'https://a@gw.test/x',
  'HTTPS://gw.test/x',
  'https',
  'wss',
  'gopher',
  'gw.test',
  '10.0.0.1',
  'a, b',
  '\xe9',
);
const fields = fc.array(fc.tuple(fieldName, value), { maxLength: 7 }).map((pairs) => pairs.flat());

const NEEDED = {
  nginx: ['x-original-url', 'x-original-method'],
  forward: ['x-forwarded-method', 'x-forwarded-uri', 'x-forwarded-host'],
  envoy: ['host'],
} as const;

describe.each([
  ['nginx', nginxDialect],
  ['forward', forwardDialect],
  ['envoy', envoyDialect],
] as const)('a check in the dialect %s, whatever it says', (name, dialect) => {
  it('is read from the fields of this dialect, each there once, or refused', () => {
    let accepted = 0;
    const sound = fc.record({
      url: fc.constantFrom('https://gw.test/api/x', 'http://gw.test?q'),
      extra: fields,
    });
    fc.assert(
      fc.property(fc.oneof(fields, sound), fc.constantFrom('GET', 'FOO'), (given, method) => {
        const raw = Array.isArray(given)
          ? given
          : [
              'X-Original-URL',
              given.url,
              'X-Original-Method',
              'GET',
              'X-Forwarded-Method',
              'GET',
              'X-Forwarded-Uri',
              '/api/x',
              'X-Forwarded-Host',
              'gw.test',
              'Host',
              'gw.test',
              ...given.extra,
            ];
        const result = dialect.read(received(method, `${ENVOY_PREFIX}/api/x`, [...raw]));
        const of = (wanted: string) =>
          raw.filter((_, index) => index % 2 === 1 && raw[index - 1]?.toLowerCase() === wanted);
        if (NEEDED[name].some((wanted) => of(wanted).length !== 1 || of(wanted)[0] === '')) {
          expect(result.ok).toBe(false);
        }
        if (!result.ok) return;
        accepted += 1;
        expect(result.value.target === '' ? '' : result.value.target).not.toBe('');
        expect(['http', 'https']).toContain(result.value.scheme);
        expect(['GET', 'POST']).toContain(result.value.method);
        expect(result.value.fields).toEqual(raw);
        if (name === 'forward') expect(result.value.target).toBe(of('x-forwarded-uri')[0]);
        if (name === 'nginx') {
          const url = of('x-original-url')[0] ?? '';
          const { host = '', target, scheme } = result.value;
          expect([`${scheme}://${host}${target}`, `${scheme}://${host}${target.slice(1)}`]).toContain(url);
        }
      }),
      { numRuns: 1000 },
    );
    expect(accepted).toBeGreaterThan(20);
  });
});

describe('a check by gRPC, whatever it says', () => {
  it('is read whole, or refused; nothing is thrown', () => {
    const text = fc.oneof(value, fc.string());
    const http = fc.record(
      { method: text, path: text, host: text, scheme: text, headers: fc.dictionary(text, text) },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(http, fc.oneof(fc.constant('10.0.0.1'), text), (given, address) => {
        const result = readCheck(
          {
            attributes: { source: { address: { socketAddress: { address } } }, request: { http: given } },
          } as never,
          10_000,
        );
        if (!result.ok) return;
        expect(result.value).toMatchObject({ method: given.method, target: given.path, host: given.host });
      }),
      { numRuns: 700 },
    );
  });
});
