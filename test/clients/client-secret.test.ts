import { inspect } from 'node:util';
import pino from 'pino';
import { describe, expect, it } from 'vitest';
import { Secret } from '../../src/base/secret.ts';
import {
  digestOfClientSecret,
  generateClientSecret,
  isSecretOf,
  MOST_SECRETS,
} from '../../src/clients/client-secret.ts';
import { aClient, NOW } from '../contract/fixtures.ts';

const ONE = new Secret('ghc_one');
const TWO = new Secret('ghc_two');
const one = { hex: digestOfClientSecret(ONE) };
const two = { hex: digestOfClientSecret(TWO) };

describe('a client secret', () => {
  it('has 256 bits, of which no two are alike, behind a prefix that scanners recognise', () => {
    const secrets = Array.from({ length: 200 }, () => generateClientSecret().reveal());
    for (const secret of secrets) expect(secret).toMatch(/^ghc_[0-9A-Za-z]{43}$/);
    expect(new Set(secrets).size).toBe(200);
    expect(new Set(secrets.join('').replaceAll('ghc_', '')).size).toBe(62);
  });

  it('is kept as its SHA-256 alone', () => {
    expect(digestOfClientSecret(new Secret('abc'))).toBe(
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    );
  });

  it('never prints', () => {
    const secret = generateClientSecret();
    const issued = { client: aClient('erp', { secrets: [one] }), isInEffect: true, secret };
    const lines: string[] = [];
    const log = pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) });
    log.info({ issued, secret }, `issued ${String(secret)}`);
    log.error({ err: new Error(`no ${String(secret)}`, { cause: issued }) }, 'failed');
    const printed = [
      ...lines,
      JSON.stringify(issued),
      inspect(issued, { depth: 9, showHidden: true }),
      String(secret),
    ];
    expect(lines).toHaveLength(2);
    for (const text of printed) expect(text).not.toContain(secret.reveal().slice(4, 20));
  });
});

describe('what a client presents', () => {
  it('is right if it is one of its secrets, whichever, as long as that lasts', () => {
    const client = aClient('erp', { secrets: [one, { ...two, expiresAt: NOW }] });
    expect(isSecretOf(client, ONE, NOW)).toBe(true);
    expect(isSecretOf(client, TWO, NOW - 1)).toBe(true);
    expect(isSecretOf(client, TWO, NOW)).toBe(false);
    expect(isSecretOf(aClient('erp', { secrets: [two, two, two, two, one] }), ONE, NOW)).toBe(true);
  });

  it.each(['', 'ghc_one ', 'ghc_on', 'GHC_ONE', one.hex, 'x'.repeat(100_000), '\ud800'])(
    'is wrong if it is anything else: %j',
    (text) => {
      expect(isSecretOf(aClient('erp', { secrets: [one, two] }), new Secret(text), NOW)).toBe(false);
    },
  );

  it('is wrong for unknown clients, public ones, and those whose digests are damaged', () => {
    const damaged = [{ hex: '' }, { hex: one.hex.slice(2) }, { hex: 'zz' }];
    for (const client of [
      undefined,
      aClient('app', { isPublic: true, secrets: [] }),
      aClient('erp', { secrets: damaged }),
    ])
      for (const text of ['', 'ghc_one']) expect(isSecretOf(client, new Secret(text), NOW)).toBe(false);
  });

  it('is compared with every secret, even after the right one was found', () => {
    let reads = 0;
    const counted = {
      get hex() {
        reads += 1;
        return one.hex;
      },
    };
    const client = aClient('erp', { secrets: Array.from({ length: MOST_SECRETS }, () => counted) });
    isSecretOf(client, ONE, NOW);
    expect(reads).toBe(MOST_SECRETS);
  });
});
