import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRevocationList } from '../../src/revocation/revocation-list.ts';
import { principalOf } from '../support/authentication.ts';
import { signToken } from '../support/issuer.ts';
import { openTokenBench, type TokenBench } from '../support/token-bench.ts';

let bench: TokenBench;

beforeEach(async () => {
  bench = await openTokenBench();
});

afterEach(() => bench.close());

describe('attacks on the spelling of tokens', () => {
  it('J15 malleability: no second spelling of a revoked token is another token', async () => {
    const revocations = await createRevocationList({
      revocations: bench.gate.stores.revocations,
      changes: bench.gate.stores.changes,
      clock: () => bench.gate.time.now,
      log: pino({ level: 'silent' }),
    });
    const token = await signToken(bench.key, { ...bench.claims(), jti: undefined });
    const principal = principalOf(await bench.gate.bearer(token));
    await bench.gate.stores.revocations.add({
      target: { kind: 'tokenDigest', digest: principal.credentialId.slice('token-digest:'.length) },
      revokedAt: bench.gate.time.now,
      revokedBy: 'test',
    });
    expect(revocations.find(principal, undefined, bench.gate.time.now)).toBeDefined();

    const last = token.at(-1) ?? '';
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const sameBytes = alphabet
      .split('')
      .filter(
        (other) =>
          other !== last &&
          Buffer.from(`${token.split('.')[2]?.slice(0, -1)}${other}`, 'base64url').equals(
            Buffer.from(token.split('.')[2] ?? '', 'base64url'),
          ),
      );
    expect(sameBytes).toHaveLength(15);
    for (const other of sameBytes) await bench.expectInvalid(token.slice(0, -1) + other, /canonical/);
    for (const spelling of [
      `${token}=`,
      `${token}==`,
      `${token} `,
      ` ${token}`,
      `${token}\n`,
      token.replace('.', '.\n'),
      token.replace('.', '=.'),
      `${token.slice(0, 9)} ${token.slice(9)}`,
      `${token}.`,
      token.replaceAll('-', '+').replaceAll('_', '/').concat('+'),
    ]) {
      await bench.expectInvalid(spelling);
    }

    // ECDSA: (r, n − s) is a second valid signature of the same message; it is the same token to us.
    const n = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
    const signature = Buffer.from(token.split('.')[2] ?? '', 'base64url');
    const s = BigInt(`0x${signature.subarray(32).toString('hex')}`);
    const twin = Buffer.concat([
      signature.subarray(0, 32),
      Buffer.from((n - s).toString(16).padStart(64, '0'), 'hex'),
    ]);
    const twinToken = `${token.slice(0, token.lastIndexOf('.'))}.${twin.toString('base64url')}`;
    const same = principalOf(await bench.gate.bearer(twinToken));
    expect(same.credentialId).toBe(principal.credentialId);
    expect(revocations.find(same, undefined, bench.gate.time.now)).toBeDefined();
    revocations.close();
  });
});
