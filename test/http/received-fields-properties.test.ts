import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fold } from '../../fuzz/judge/model.ts';
import { readFraming } from '../../src/gateway/framing.ts';
import { readHttp2Framing, readHttp2Head } from '../../src/gateway/http2-head.ts';
import { createFieldReader, isRepeated, SLOTS } from '../../src/http/received-fields.ts';
import { readHandshake } from '../../src/http/web-socket-handshake.ts';

const OWNED = ['X-Tenant-Id', 'X-User-Id'];
const reader = createFieldReader({
  apiKey: 'X-API-Key',
  owned: OWNED,
  tenantFields: ['X-Company'],
  sessionCookies: ['sid'],
  droppedCookies: new Set(['sid']),
});

const word = fc.constantFrom(
  'x',
  'X',
  'tenant',
  'Tenant',
  'id',
  'ID',
  'user',
  'company',
  'api',
  'key',
  'authorization',
  'host',
  'connection',
  'content',
  'length',
  'transfer',
  'encoding',
  'forwarded',
  'for',
  'proxy',
  'via',
  'note',
  'cookie',
  'upgrade',
  '__proto__',
);
const name = fc
  .tuple(fc.array(word, { minLength: 1, maxLength: 3 }), fc.constantFrom('-', '_', '.', '~', ''))
  .map(([words, separator]) => words.join(separator));
const value = fc.constantFrom(
  '',
  '1',
  'close',
  'X-Note, host',
  'sid=1; a=b',
  'chunked',
  'a, b',
  '\xe9',
  '__proto__',
);
const fields = fc.array(fc.tuple(name, value), { maxLength: 12 }).map((pairs) => pairs.flat());

/** Folded names that must never pass, by a list of this test's own. */
const NEVER = new Set(
  'x-tenant-id x-user-id x-company x-api-key authorization host content-length connection transfer-encoding upgrade proxy proxy-connection proxy-authorization via forwarded x-forwarded-for cookie'.split(
    ' ',
  ),
);

describe('received fields, whatever they are', () => {
  it('pass in order what nobody owns and Connection does not name, and nothing else', () => {
    fc.assert(
      fc.property(fields, (raw) => {
        const pairs = raw.flatMap((each, index) => (index % 2 === 0 ? [[each, raw[index + 1] ?? '']] : []));
        const nominated = pairs
          .filter(([each = '']) => each.toLowerCase() === 'connection')
          .flatMap(([, text = '']) => text.split(',').map((token) => fold(token.trim())));
        const passing = pairs.filter(([each = '']) => {
          const folded = fold(each);
          return !NEVER.has(folded) && !folded.startsWith('x-forwarded-') && !nominated.includes(folded);
        });
        expect(reader.read(raw).forwardable).toEqual(passing.flat());
      }),
      { numRuns: 1000 },
    );
  });

  it('are given under their exact names, the first of several, and it is said that there are several', () => {
    fc.assert(
      fc.property(fields, (raw) => {
        const read = reader.read(raw);
        for (const [exact, slot] of [
          ['host', SLOTS.host],
          ['x-api-key', SLOTS.apiKey],
          ['authorization', SLOTS.authorization],
        ] as const) {
          const values = raw.filter((_, index) => index % 2 === 1 && raw[index - 1]?.toLowerCase() === exact);
          expect(read.values[slot]).toBe(values[0]);
          expect(isRepeated(read, slot)).toBe(values.length > 1);
        }
      }),
      { numRuns: 700 },
    );
  });

  it('have one framing, or are refused: never more than one length, never a length and a coding', () => {
    const line = fc.oneof(
      fc.tuple(
        fc.constantFrom('Content-Length', 'content-length'),
        fc.constantFrom('0', '5', '05', '+5', '5,5', '-1', '0x5', '', '5 ', '9'.repeat(16), '1e3', '5.0'),
      ),
      fc.tuple(
        fc.constantFrom('Transfer-Encoding', 'TRANSFER-ENCODING'),
        fc.constantFrom(
          'chunked',
          'Chunked',
          'gzip, chunked',
          'chunked, chunked',
          'identity',
          '',
          'xchunked',
        ),
      ),
      fc.tuple(fc.constant('X-Note'), fc.constant('1')),
    );
    fc.assert(
      fc.property(
        fc.array(line, { maxLength: 3 }),
        fc.constantFrom('1.1', '1.0', '0.9', '2.0'),
        (lines, version) => {
          const sizes = lines.filter(([each]) => /^content-length$/i.test(each)).map(([, text]) => text);
          const codings = lines.filter(([each]) => /^transfer-encoding$/i.test(each)).map(([, text]) => text);
          const framing = readFraming(reader.read(lines.flat()), version);
          const isSound =
            (version === '1.1' || version === '1.0') &&
            sizes.length + codings.length <= 1 &&
            sizes.every((text) => /^\d{1,15}$/.test(text)) &&
            codings.every((text) => text.toLowerCase() === 'chunked' && version === '1.1');
          expect('code' in framing).toBe(!isSound);
          if ('code' in framing) return;
          const length = Number(sizes[0] ?? 0);
          if (codings.length === 1) expect(framing).toEqual({ kind: 'chunked' });
          else expect(framing).toEqual(length === 0 ? { kind: 'none' } : { kind: 'sized', length });
        },
      ),
      { numRuns: 700 },
    );
  });
});

describe('the head of a stream of HTTP/2, whatever it is', () => {
  const pseudo = fc.constantFrom(':method', ':path', ':authority', ':scheme', ':protocol', ':status');
  const raw = fc
    .array(
      fc.tuple(
        fc.oneof(
          pseudo,
          name.map((each) => each.toLowerCase()),
        ),
        value,
      ),
      { maxLength: 12 },
    )
    .map((pairs) => pairs.flat());

  it('has no field that HTTP/1.1 has no word for, one Cookie at most, and every authority as a Host', () => {
    fc.assert(
      fc.property(raw, (given) => {
        const { rawHeaders } = readHttp2Head(given);
        const names = rawHeaders.filter((_, index) => index % 2 === 0);
        expect(names.filter((each) => each.startsWith(':'))).toEqual([]);
        expect(names.filter((each) => each === 'cookie').length).toBeLessThanOrEqual(1);
        const authorities = given.filter((each, index) => index % 2 === 0 && each === ':authority').length;
        expect(names.filter((each) => each === 'host').length).toBeGreaterThanOrEqual(authorities);
      }),
      { numRuns: 700 },
    );
  });

  it('is refused with any field of a connection, and with a method that HTTP/1.1 does not know', () => {
    fc.assert(
      fc.property(raw, fc.constantFrom('GET', 'POST', 'get', 'FOO', '', 'G T'), (given, method) => {
        const { rawHeaders } = readHttp2Head(given);
        const read = reader.read(rawHeaders);
        const framing = readHttp2Framing({ method, rawHeaders, complete: true }, read, 100_000);
        const isForbidden = rawHeaders.some(
          (each, index) => index % 2 === 0 && (each === 'connection' || each === 'transfer-encoding'),
        );
        if (isForbidden || !['GET', 'POST'].includes(method)) expect('code' in framing).toBe(true);
      }),
      { numRuns: 700 },
    );
  });
});

describe('a WebSocket handshake, whatever it is', () => {
  const line = fc.oneof(
    fc.tuple(
      fc.constantFrom('Upgrade', 'upgrade'),
      fc.constantFrom('websocket', 'WebSocket', 'h2c', 'websocket, h2c', ''),
    ),
    fc.tuple(
      fc.constant('Connection'),
      fc.constantFrom('Upgrade', 'keep-alive, Upgrade', 'close', 'Upgrade, Host'),
    ),
    fc.tuple(fc.constant('Sec-WebSocket-Version'), fc.constantFrom('13', '8', '13, 8', '')),
    fc.tuple(
      fc.constant('Sec-WebSocket-Key'),
      fc.constantFrom('dGhlIHNhbXBsZSBub25jZQ==', 'dGhlIHNhbXBsZSBub25jZR==', 'x', ''),
    ),
    fc.tuple(
      fc.constantFrom('Content-Length', 'Expect', 'Transfer-Encoding', 'Origin'),
      fc.constantFrom('0', '1', 'x'),
    ),
  );

  it('is valid only with each of its fields once and right, and nothing beside them that it forbids', () => {
    let valid = 0;
    const sound = ['Upgrade', 'websocket', 'Connection', 'Upgrade', 'Sec-WebSocket-Version', '13'];
    const whole = fc
      .tuple(fc.boolean(), fc.array(line, { maxLength: 4 }))
      .map(([isWhole, lines]) => [
        ...(isWhole ? [...sound, 'Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ=='] : []),
        ...lines.flat(),
      ]);
    fc.assert(
      fc.property(
        whole,
        fc.constantFrom('GET', 'POST'),
        fc.constantFrom('1.1', '1.0'),
        (raw, method, version) => {
          const read = readHandshake(method, version, raw);
          const valuesOf = (wanted: string) =>
            raw.filter((_, index) => index % 2 === 1 && raw[index - 1]?.toLowerCase() === wanted);
          const upgrades = valuesOf('upgrade').join().toLowerCase().split(/ *, */).filter(Boolean);
          expect(read.kind === 'none').toBe(!upgrades.includes('websocket'));
          if (read.kind !== 'valid') return;
          valid += 1;
          expect([method, version]).toEqual(['GET', '1.1']);
          expect(upgrades).toEqual(['websocket']);
          expect(valuesOf('sec-websocket-version')).toEqual(['13']);
          expect(valuesOf('sec-websocket-key')).toEqual([read.key]);
          expect(Buffer.from(read.key, 'base64').toString('base64')).toBe(read.key);
          expect([...valuesOf('expect'), ...valuesOf('transfer-encoding')]).toEqual([]);
          expect(valuesOf('content-length').filter((length) => length !== '0')).toEqual([]);
        },
      ),
      { numRuns: 2000 },
    );
    expect(valid).toBeGreaterThan(50);
  });
});
