import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ASSERTION_TAMPERINGS, type AssertionMaterial, claimsAt, HEADER } from './assertion-tamperings.ts';
import {
  type Call,
  type Harness,
  LANGUAGES,
  missingFor,
  startHarness,
  type VerifierOptions,
} from './harness.ts';
import {
  AUDIENCE,
  BODY,
  createTestKey,
  FIELDS,
  ISSUER,
  type KeyRelay,
  NEXT_SECRET,
  openScene,
  type Scene,
  SECRET,
  startKeyRelay,
} from './scene.ts';
import { resigned, SIGNATURE_TAMPERINGS, valueOf, withField, without } from './signature-tamperings.ts';

const FIELD = 'X-Gatehouse-Assertion';
const SIGNATURES: VerifierOptions = { keys: { s1: SECRET, 's "2"': NEXT_SECRET }, fields: FIELDS };

const known = createTestKey('known');
const stranger = createTestKey('stranger');
let scene: Scene;
/** The gateway's keys and the known one. */
let relay: KeyRelay;

beforeAll(async () => {
  scene = await openScene();
  relay = await startKeyRelay(scene.jwksUrl);
  relay.added = [known.jwk];
});
afterAll(async () => {
  await relay.close();
  await scene.close();
});

function assertionOptions(more: VerifierOptions = {}): VerifierOptions {
  return { jwksUrl: scene.jwksUrl, issuer: ISSUER, audience: AUDIENCE, ...more };
}

function withAssertions(call: Call, fields: readonly (readonly [name: string, value: string])[]): Call {
  return { ...call, fields: [...without(call, FIELD).fields, ...fields] };
}

function signedAt(now: number, kid = 'known', key = known): Call {
  const token = key.sign({ ...HEADER, kid }, claimsAt(now));
  return { ...withAssertions(scene.key, [[FIELD, token]]), now };
}

const kidOf = (call: Call): string =>
  (
    JSON.parse(Buffer.from(valueOf(call, FIELD).split('.')[0] ?? '', 'base64url').toString()) as {
      readonly kid: string;
    }
  ).kid;

/** Languages have each a way to say that there is no value. */
function membersOf(identity: unknown): unknown {
  return JSON.parse(
    JSON.stringify(identity, (_, value: unknown) => (value === null || value === '' ? undefined : value)),
  );
}

describe.each(LANGUAGES)('%s', (language) => {
  const missing = missingFor(language);
  if (missing !== undefined) {
    process.stderr.write(`SKIPPED: the ${language} verifier (${missing})\n`);
    it.skip(`is not tested here: ${missing}`, () => {});
    return;
  }

  let harness: Harness;
  /** The code of a refusal; what speaks for a fault of the verifier itself is told in full. */
  async function codeOf(name: string, call: Call): Promise<string> {
    const verdict = await harness.verify(name, call);
    if (verdict.ok) return `accepted: ${JSON.stringify(verdict.identity)}`;
    expect(verdict).not.toHaveProperty('identity');
    return verdict.code === 'internal' ? `internal: ${verdict.cause}` : verdict.code;
  }
  async function identityOf(name: string, call: Call): Promise<unknown> {
    const verdict = await harness.verify(name, call);
    return verdict.ok ? membersOf(verdict.identity) : verdict;
  }

  beforeAll(async () => {
    harness = await startHarness(language);
    await harness.open('genuine', 'assertion', assertionOptions());
    await harness.open('relayed', 'assertion', assertionOptions({ jwksUrl: relay.url }));
    await harness.open('signature', 'signature', SIGNATURES);
  }, 180_000);
  afterAll(() => harness?.stop());

  describe('the assertion of the gateway', () => {
    it('tells who acts, for which tenant', async () => {
      expect(await identityOf('genuine', scene.user)).toMatchObject({
        subject: 'user:idp:4711',
        tenant: 'acme',
        client: 'client:idp:app',
        roles: ['clerk'],
        scopes: ['orders:read', 'orders:write'],
        profile: { name: 'Zoë, 王' },
      });
      const identity = await identityOf('genuine', scene.key);
      expect(identity).toMatchObject({ tenant: 'acme', roles: ['clerk', 'night, shift'] });
      expect(identity).toHaveProperty('subject', expect.stringMatching(/^key:/));
    });

    it.each(['EdDSA', 'RS256'] as const)(
      'is verified by %s, and only where that is configured',
      async (algorithm) => {
        const call = algorithm === 'EdDSA' ? scene.eddsa : scene.rs256;
        await harness.open(algorithm, 'assertion', assertionOptions({ algorithms: [algorithm] }));
        expect(await identityOf(algorithm, call)).toMatchObject({ tenant: 'acme' });
        expect(await codeOf('genuine', call)).toBe('algorithm_wrong');
        expect(await codeOf(algorithm, scene.key)).toBe('algorithm_wrong');
      },
    );

    it('is not taken for another kind of key than the one that its kid names', async () => {
      await harness.open('both', 'assertion', assertionOptions({ algorithms: ['ES256', 'RS256'] }));
      const [, claims = '', signature = ''] = valueOf(scene.key, FIELD).split('.');
      const header = Buffer.from(JSON.stringify({ ...HEADER, alg: 'RS256', kid: kidOf(scene.key) }));
      const token = `${header.toString('base64url')}.${claims}.${signature}`;
      expect(await codeOf('both', withAssertions(scene.key, [[FIELD, token]]))).toBe('key_unknown');
    });

    it('for another upstream is refused, and so is one about nobody', async () => {
      expect(await codeOf('genuine', scene.otherAudience)).toBe('audience_wrong');
      expect(await codeOf('genuine', scene.anonymous)).toBe('anonymous');
      expect(await codeOf('genuine', scene.publicRoute)).toBe('assertion_missing');
    });

    it('is accepted in the form that tampering starts from', async () => {
      expect(await identityOf('relayed', signedAt(scene.key.now))).toMatchObject({ subject: 'user:idp:1' });
      expect(await identityOf('relayed', scene.key)).toMatchObject({ tenant: 'acme' });
    });
  });

  describe('an assertion is refused', () => {
    it.each(ASSERTION_TAMPERINGS)('$title', async ({ code, fields }) => {
      const { now } = scene.key;
      const material: AssertionMaterial = {
        token: valueOf(scene.key, FIELD),
        known,
        stranger,
        kid: kidOf(scene.key),
        now,
      };
      expect(await codeOf('relayed', withAssertions(scene.key, fields(material)))).toBe(code);
    });
  });

  describe('the published keys', () => {
    let ownRelay: KeyRelay;
    let name = '';
    const start = 2_000_000_000;
    let opened = 0;
    beforeAll(async () => {
      ownRelay = await startKeyRelay(scene.jwksUrl);
      ownRelay.added = [known.jwk];
    });
    afterAll(() => ownRelay?.close());
    /** A verifier that has asked for nothing yet. */
    async function open(): Promise<void> {
      opened += 1;
      name = `cache-${opened}`;
      ownRelay.behaviour = 'sound';
      ownRelay.cacheControl = 'public, max-age=300';
      ownRelay.added = [known.jwk];
      ownRelay.questions = 0;
      await harness.open(name, 'assertion', assertionOptions({ jwksUrl: ownRelay.url }));
    }
    const accepts = async (call: Call) => {
      expect(await codeOf(name, call)).toContain('accepted');
    };

    it('are asked for once per max-age, and a key that has left them is not accepted after it', async () => {
      await open();
      for (const seconds of [0, 1, 299]) await accepts(signedAt(start + seconds));
      expect(ownRelay.questions).toBe(1);
      await accepts(signedAt(start + 300));
      expect(ownRelay.questions).toBe(2);
      ownRelay.added = [];
      expect(await codeOf(name, signedAt(start + 600))).toBe('key_unknown');
      expect(ownRelay.questions).toBe(3);
    });

    it('without max-age are kept for five minutes', async () => {
      await open();
      ownRelay.cacheControl = undefined;
      for (const seconds of [0, 299]) await accepts(signedAt(start + seconds));
      expect(ownRelay.questions).toBe(1);
      await accepts(signedAt(start + 300));
      expect(ownRelay.questions).toBe(2);
    });

    it('are asked for once more when a kid is unknown, and not again within the cool-down', async () => {
      await open();
      await accepts(signedAt(start));
      const later = (seconds: number) => signedAt(start + seconds, 'stranger', stranger);
      for (const seconds of [1, 9]) expect(await codeOf(name, later(seconds))).toBe('key_unknown');
      expect(ownRelay.questions).toBe(1);
      for (const seconds of [10, 11, 19]) expect(await codeOf(name, later(seconds))).toBe('key_unknown');
      expect(ownRelay.questions).toBe(2);
      ownRelay.added = [known.jwk, stranger.jwk];
      await accepts(later(20));
      await accepts(signedAt(start + 21));
      expect(ownRelay.questions).toBe(3);
    });

    it('that cannot be had are an outage, not an identity, and what is known serves ten minutes more', async () => {
      await open();
      ownRelay.behaviour = 'failing';
      expect(await codeOf(name, signedAt(start))).toBe('keys_unavailable');
      expect(await codeOf(name, signedAt(start + 9))).toBe('keys_unavailable');
      expect(ownRelay.questions).toBe(1);
      ownRelay.behaviour = 'sound';
      await accepts(signedAt(start + 10));
      ownRelay.behaviour = 'failing';
      await accepts(signedAt(start + 310));
      await accepts(signedAt(start + 909));
      expect(await codeOf(name, signedAt(start + 910))).toBe('keys_unavailable');
      ownRelay.behaviour = 'sound';
      await accepts(signedAt(start + 930));
    });

    it('are not looked for where a redirect leads', async () => {
      await open();
      ownRelay.behaviour = 'redirecting';
      expect(await codeOf(name, signedAt(start))).toBe('keys_unavailable');
      expect(ownRelay.questions).toBe(1);
    });
  });

  describe('the request signature of the gateway', () => {
    it('vouches for the identity fields, and for a body with a digest', async () => {
      const identity = await identityOf('signature', scene.user);
      const fields = { 'X-Tenant-Id': 'acme', 'X-User-Id': '4711', 'X-Roles': 'clerk' };
      expect(identity).toMatchObject({ fields, bodyBound: true });
      expect(await identityOf('signature', { ...scene.user, body: null })).toMatchObject({
        bodyBound: false,
      });
    });

    it('vouches for what is absent too, whether the server kept the empty field or not', async () => {
      expect(scene.key.fields.map(([each]) => each)).toContain('X-User-Id');
      for (const call of [scene.key, without(scene.key, 'X-User-Id')]) {
        const identity = await identityOf('signature', call);
        expect(identity).toMatchObject({ fields: { 'X-Roles': 'clerk,night%2C shift' }, bodyBound: false });
        expect(identity).not.toHaveProperty(['fields', 'X-User-Id']);
      }
      const filled = withField(without(scene.key, 'X-User-Id'), 'X-User-Id', 'root');
      expect(await codeOf('signature', filled)).toBe('signature_wrong');
    });

    it('does not vouch for a digest that was added on the way', async () => {
      const call = withField(
        { ...scene.key, body: BODY },
        'Content-Digest',
        valueOf(scene.user, 'Content-Digest'),
      );
      expect(await codeOf('signature', call)).toBe('component_missing');
    });

    it('of a public route is one of nobody, whatever fields are beside it', async () => {
      expect(await codeOf('signature', scene.publicRoute)).toBe('anonymous');
      const call = withField(scene.publicRoute, 'X-Tenant-Id', 'acme');
      expect(await codeOf('signature', call)).toBe('anonymous');
    });

    it('is accepted once where nonces are kept, and a forged one uses up none', async () => {
      await harness.open('nonces', 'signature', { ...SIGNATURES, nonces: true });
      expect(await codeOf('nonces', { ...scene.user, method: 'PUT' })).toBe('signature_wrong');
      expect(await codeOf('nonces', scene.user)).toContain('accepted');
      expect(await codeOf('nonces', scene.user)).toBe('replayed');
      expect(await codeOf('nonces', scene.key)).toContain('accepted');
      expect(await codeOf('signature', scene.user)).toContain('accepted');
    });

    it('is accepted in the form that tampering starts from', async () => {
      expect(await codeOf('signature', resigned(scene.user))).toContain('accepted');
    });
  });

  describe('a request with a signature is refused', () => {
    it.each(SIGNATURE_TAMPERINGS)('$title', async ({ code, change }) => {
      expect(await codeOf('signature', change(scene.user))).toBe(code);
    });
  });

  if (language === 'python')
    it.each(['wsgi', 'asgi'] as const)('reads requests as %s servers hand them over', async (through) => {
      const call = { ...scene.user, through };
      expect(await codeOf('signature', call)).toContain('accepted');
      expect(await codeOf('genuine', call)).toContain('accepted');
      for (const name of ['X-Tenant-Id', 'X_Tenant_Id'])
        expect(await codeOf('signature', withField(call, name, 'globex'))).toMatch(
          /^(field_repeated|signature_wrong)$/,
        );
      const elsewhere = { ...call, target: call.target.replace('orders', '%6frders') };
      expect(await codeOf('signature', elsewhere)).toBe('signature_wrong');
    });

  it('accepts what the gateway signs after its keys and secrets have rotated', async () => {
    const { ahead, call, isRotated } = await rotated();
    expect(isRotated).toBe(true);
    expect(call.now).toBeGreaterThan(scene.key.now + ahead - 1);
    expect(await codeOf('genuine', call)).toContain('accepted');
    expect(await codeOf('signature', call)).toContain('accepted');
    await harness.open('old', 'signature', { ...SIGNATURES, keys: { s1: SECRET } });
    expect(await codeOf('old', call)).toBe('key_unknown');
  });
});

/** One rotation for all languages: the last thing that each asks for. */
let rotation:
  | Promise<{ readonly ahead: number; readonly call: Call; readonly isRotated: boolean }>
  | undefined;

function rotated() {
  rotation ??= (async () => {
    const ahead = 15 * 60;
    await scene.again(ahead);
    await scene.gateway.admin('POST', '/v1/keyring/rotate', { purpose: 'assertion:ES256' });
    await scene.rotateSecret();
    const call = await scene.again(ahead);
    const isRotated =
      kidOf(call) !== kidOf(scene.key) &&
      valueOf(call, 'signature-input').includes(String.raw`keyid="s \"2\""`);
    return { ahead, call, isRotated };
  })();
  return rotation;
}
