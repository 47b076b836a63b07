import { err, ok, type Result } from '../base/result.ts';
import type { SettingProblem } from '../base/setting-problem.ts';
import type { IdentitySettings } from '../config/schema/config.ts';
import type { IdentityContext } from './identity.ts';
import { createNonceSource } from './nonce.ts';
import { componentLine, componentList, parametersLine, structuredString } from './signature-base.ts';
import { createSignatureKey, type SignBase } from './signature-key.ts';

/** The label of our signature in both fields. */
const LABEL = 'gatehouse';
const DERIVED = ['@method', '@authority', '@path', '@query'];
const CONTENT_DIGEST = 'content-digest';
const SHORTEST_TTL_MILLISECONDS = 2000;
const LONGEST_TTL_MILLISECONDS = 300_000;

export type SignatureSettings = NonNullable<IdentitySettings['signature']>;

/** `values`: those of the covered fields in their order, as the fields are sent; an absent one is the empty text. */
export type SignRequest = (
  context: Pick<IdentityContext, 'method' | 'authority' | 'path' | 'query' | 'contentDigest' | 'now'>,
  values: readonly string[],
  fields: string[],
) => void;

/**
 * RFC 9421, label `gatehouse`. It covers, in this order, `@method`, `@authority` (lower-case), `@path`, `@query` (`?` if there is none),
 * `content-digest` if the client sent exactly one, and the identity fields by their lower-case names, whether they have a value or not.
 * Parameters: `created`, `expires`, `nonce`, `keyid`, `alg`.
 *
 * On public routes no field of identity is sent, so none is covered, but an anonymous assertion.
 *
 * For a principal, a covered field without a value is sent empty, so that any implementation of RFC 9421 finds it; a verifier behind a server
 * that drops empty fields takes the empty text for a missing one. So nobody on the way can add an identity field that the
 * gateway did not send. A verifier takes as identity what is covered, and nothing else.
 *
 * Without `content-digest` the body is not bound. Appends Signature-Input and Signature. Paths of problems are relative
 * to the upstream's settings.
 */
export function createRequestSignature(
  settings: SignatureSettings,
  coveredFields: readonly string[],
): Result<SignRequest, readonly SettingProblem[]> {
  const path = ['identity', 'signature'];
  const problems: SettingProblem[] = [];
  const ttlSeconds = Math.floor(settings.ttl / 1000);
  if (settings.ttl < SHORTEST_TTL_MILLISECONDS || settings.ttl > LONGEST_TTL_MILLISECONDS)
    problems.push({
      path: [...path, 'ttl'],
      found: `${settings.ttl} ms`,
      expected: 'from 2s to 5m',
    });
  const signers: { readonly keyId: string; readonly signBase: SignBase }[] = [];
  for (const [index, { id, secret }] of settings.keys.entries()) {
    const keyId = structuredString(id);
    const key = createSignatureKey(settings.algorithm, secret);
    if (keyId === undefined)
      problems.push({
        path: [...path, 'keys', index, 'id'],
        found: JSON.stringify(id),
        expected: 'an id of printable ASCII',
      });
    if (!key.ok) problems.push({ path: [...path, 'keys', index, 'secret'], ...key.error });
    if (keyId !== undefined && key.ok) signers.push({ keyId, signBase: key.value });
  }
  const [signer] = signers;
  if (signer === undefined || problems.length > 0) return err(problems);

  const { keyId, signBase } = signer;
  const names = coveredFields.map((name) => name.toLowerCase());
  const prefixes = names.map((name) => componentLine(name, '').slice(0, -1));
  const withDigest = componentList([...DERIVED, CONTENT_DIGEST, ...names]);
  const withoutDigest = componentList([...DERIVED, ...names]);
  const lastParameters = `;keyid=${keyId};alg="${settings.algorithm}"`;
  const createNonce = createNonceSource();

  return ok((context, values, fields) => {
    const created = Math.floor(context.now / 1000);
    const { contentDigest } = context;
    let base =
      componentLine('@method', context.method) +
      componentLine('@authority', context.authority.toLowerCase()) +
      componentLine('@path', context.path) +
      componentLine('@query', `?${context.query}`);
    if (contentDigest !== undefined) base += componentLine(CONTENT_DIGEST, contentDigest);
    for (const [index, prefix] of prefixes.entries()) base += `${prefix}${values[index] ?? ''}\n`;

    const components = contentDigest === undefined ? withoutDigest : withDigest;
    const times = `;created=${created};expires=${created + ttlSeconds}`;
    const parameters = `${components}${times};nonce="${createNonce()}"${lastParameters}`;
    base += parametersLine(parameters);
    fields.push('Signature-Input', `${LABEL}=${parameters}`, 'Signature', `${LABEL}=:${signBase(base)}:`);
  });
}
