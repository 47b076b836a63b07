import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseCompactJws } from '../../src/authentication/jwt-form.ts';
import { hasValidSignature } from '../../src/authentication/jwt-signature.ts';
import { VERIFICATION_ALGORITHMS } from '../../src/keys/algorithm.ts';
import { readKeySet, selectKey } from '../../src/keys/jwks.ts';

/** C2SP/wycheproof (Apache-2.0), read where they are; never copied. */
const FOLDER = new URL('../../../shared/vectors/wycheproof/', import.meta.url);
const isHere = existsSync(FOLDER);

interface Vector {
  readonly tcId: number;
  readonly comment: string;
  readonly jws: unknown;
  readonly result: 'valid' | 'invalid';
}

interface Group {
  readonly comment: string;
  readonly public?: Record<string, unknown>;
  readonly private: Record<string, unknown>;
  readonly tests: readonly Vector[];
}

/** Vectors that wycheproof calls valid and we refuse, each with the reason. We are never laxer than it is. */
type Differences = Readonly<Record<number, string>>;

const SYMMETRIC =
  'HMAC: a token that its reader could have made proves no issuer; no symmetric algorithm is accepted';
const EMPTY_PAYLOAD = 'an empty payload: a JWT has a claims set, and the form gate wants three parts';
const ES521 =
  'the key says alg ES521, which is no registered algorithm (P-521 is ES512); a key with an unknown alg is not used';
const OTHER_ALG =
  'the key says PS256 and the token PS384: a key is good for the alg it names (RFC 8725 section 3.1)';

const JWS_DIFFERENCES: Differences = {
  1: SYMMETRIC,
  259: EMPTY_PAYLOAD,
  264: EMPTY_PAYLOAD,
  268: EMPTY_PAYLOAD,
  272: EMPTY_PAYLOAD,
  320: EMPTY_PAYLOAD,
  325: EMPTY_PAYLOAD,
  346: OTHER_ALG,
  347: ES521,
  348: SYMMETRIC,
  350: OTHER_ALG,
  351: ES521,
  352: SYMMETRIC,
  357: SYMMETRIC,
  358: SYMMETRIC,
  359: SYMMETRIC,
  372: `${SYMMETRIC}; besides, a character outside the base64url alphabet is in its header`,
  373: `${SYMMETRIC}; besides, a character outside the base64url alphabet is in its payload`,
  376: SYMMETRIC,
  377: SYMMETRIC,
};

const JWK_DIFFERENCES: Differences = {
  2: SYMMETRIC,
  13: SYMMETRIC,
  14: SYMMETRIC,
  15: SYMMETRIC,
};

function readGroups(file: string): readonly Group[] {
  const document = JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8')) as {
    testGroups: readonly Group[];
  };
  return document.testGroups;
}

/** The steps of production: form gate, key hygiene, choice of the key, signature. The claims of these vectors are no JWTs. */
function isAccepted(jws: string, keySet: unknown): boolean {
  const parsed = parseCompactJws(jws);
  if (!parsed.ok) return false;
  const algorithm = VERIFICATION_ALGORITHMS.find((known) => known === parsed.value.algorithm);
  const keys = readKeySet(keySet, VERIFICATION_ALGORITHMS);
  if (!keys.ok || algorithm === undefined) return false;
  const key = selectKey(keys.value.keys, parsed.value.kid, algorithm);
  if (key === undefined) return false;
  return hasValidSignature(key, algorithm, parsed.value.signingInput, parsed.value.signature);
}

function outcomes(groups: readonly Group[]): { id: number; result: string; accepted: boolean }[] {
  return groups.flatMap((group) => {
    const key = group.public ?? group.private;
    const keySet = 'keys' in key ? key : { keys: [key] };
    return group.tests.map((vector) => ({
      id: vector.tcId,
      result: vector.result,
      accepted: isAccepted(typeof vector.jws === 'string' ? vector.jws : JSON.stringify(vector.jws), keySet),
    }));
  });
}

function expectAgreement(file: string, count: number, differences: Differences): void {
  const all = outcomes(readGroups(file));
  expect(all).toHaveLength(count);
  expect(all.filter(({ result, accepted }) => result === 'invalid' && accepted)).toEqual([]);
  const stricter = all.filter(({ result, accepted }) => result === 'valid' && !accepted).map(({ id }) => id);
  expect(stricter).toEqual(Object.keys(differences).map(Number));
}

describe.skipIf(!isHere)(
  'wycheproof vectors (skipped where the folder shared/vectors is not beside the repository)',
  () => {
    it('J26 JWS: all 401 agree, but those that we refuse for a stated reason', () => {
      expectAgreement('json_web_signature_test.json', 401, JWS_DIFFERENCES);
    });

    it('J26 JWK: all 26 agree, but those that we refuse for a stated reason', () => {
      expectAgreement('json_web_key_test.json', 26, JWK_DIFFERENCES);
    });

    it('J26 the vectors have valid ones of every algorithm that they cover, so that agreement means something', () => {
      const accepted = outcomes(readGroups('json_web_signature_test.json')).filter(
        (outcome) => outcome.accepted,
      );
      expect(accepted.length).toBeGreaterThan(25);
    });
  },
);
