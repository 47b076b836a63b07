import { err, ok, type Result } from '../base/result.ts';
import type { SettingProblem } from '../base/setting-problem.ts';
import type { IdentitySettings, UpstreamSettings } from '../config/schema/config.ts';
import { foldFieldName } from '../http/field-names.ts';
import type { SigningKeys } from '../keys/keyring.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { type AssertIdentity, createAssertion } from './assertion.ts';
import { compileIdentityTemplate, type FieldTemplate } from './field-template.ts';
import type { IdentityContext, IdentityWriter } from './identity.ts';
import { createRequestSignature, type SignRequest } from './request-signature.ts';
import { createUpstreamCredentials, type UpstreamCredentials } from './upstream-credentials.ts';

export interface IdentityWriterOptions {
  /** Name of the upstream: the default audience of assertions. */
  readonly upstream: string;
  readonly identity: IdentitySettings;
  readonly credentials: Pick<UpstreamSettings['credentials'], 'fields' | 'basic'>;
  /** `iss` of assertions: the public URL of the gateway. */
  readonly issuer: string;
  /** Must have been prepared for the algorithm of the assertion before the first request. */
  readonly keyring: SigningKeys;
  readonly metrics: Pick<Metrics, 'cacheLookup'>;
}

const SHORTEST_ASSERTION_MILLISECONDS = 2000;
const LONGEST_ASSERTION_MILLISECONDS = 60_000;

/** A field of identity, and how its value is found. */
interface IdentityField {
  readonly name: string;
  readonly read: (context: IdentityContext) => string | undefined;
}

/**
 * Combines what one upstream is configured to see. Written in this order: identity fields, assertion, request signature over
 * both, upstream credentials. If `write` throws, what it has appended so far must not be sent either.
 *
 * | | principal | public route |
 * |---|---|---|
 * | fields | those that have a value | none |
 * | assertion | yes | only with `anonymous`, then without a subject |
 * | signature | yes | yes; of identity it covers the anonymous assertion, if there is one |
 * | credentials | yes | those that are no tenant's; a tenant's only where the route lends them |
 *
 * With a signature configured, fields of a principal that have no value are sent empty (see `createRequestSignature`); without
 * one they are not sent. On public routes nothing is sent empty: a field of identity is absent there.
 */
export function createIdentityWriter(
  options: IdentityWriterOptions,
): Result<IdentityWriter, readonly SettingProblem[]> {
  const { identity } = options;
  const templates = compileFields(identity.fields);
  const assertion = compileAssertion(options);
  const identityFields: readonly IdentityField[] = [
    ...(templates.ok ? templates.value : []),
    ...(assertion.ok && assertion.value !== undefined ? [assertion.value] : []),
  ];
  const publicFields = assertion.ok && identity.assertion?.anonymous === true ? [assertion.value] : [];
  const signature = compileSigner(identity, identityFields);
  const publicSignature = compileSigner(
    identity,
    publicFields.filter((field) => field !== undefined),
  );
  const credentials = createUpstreamCredentials(options.credentials);
  const clashes = findClashes(options);
  if (
    !templates.ok ||
    !assertion.ok ||
    !signature.ok ||
    !publicSignature.ok ||
    !credentials.ok ||
    clashes.length > 0
  )
    return err([templates, assertion, signature, credentials].flatMap(problemsOf).concat(clashes));

  return ok({
    fieldNames: [
      ...identityFields.map(({ name }) => name),
      ...(signature.value === undefined ? [] : ['Signature-Input', 'Signature']),
      ...credentials.value.fieldNames,
    ],
    write: combine(
      writerOf(identityFields, signature.value),
      writerOf(identityFields, publicSignature.value),
      credentials.value,
    ),
  });
}

function combine(
  writeForPrincipal: IdentityWriter['write'],
  writeForNobody: IdentityWriter['write'],
  credentials: UpstreamCredentials,
): IdentityWriter['write'] {
  return (context, fields) => {
    if (context.principal === undefined) writeForNobody(context, fields);
    else writeForPrincipal(context, fields);
    credentials.write(context, fields);
  };
}

/** What signs, and the fields that it covers. */
interface Signer {
  readonly covered: readonly IdentityField[];
  readonly sign: SignRequest;
}

function compileSigner(
  { signature }: IdentitySettings,
  covered: readonly IdentityField[],
): Result<Signer | undefined, readonly SettingProblem[]> {
  if (signature === undefined) return ok(undefined);
  const sign = createRequestSignature(
    signature,
    covered.map(({ name }) => name),
  );
  return sign.ok ? ok({ covered, sign: sign.value }) : sign;
}

function writerOf(
  identityFields: readonly IdentityField[],
  signer: Signer | undefined,
): IdentityWriter['write'] {
  if (signer === undefined)
    return (context, fields) => {
      for (const { name, read } of identityFields) {
        const value = read(context);
        if (value !== undefined) fields.push(name, value);
      }
    };
  const { covered, sign } = signer;
  return (context, fields) => {
    const values: string[] = [];
    for (const { name, read } of covered) {
      const value = read(context) ?? '';
      values.push(value);
      fields.push(name, value);
    }
    sign(context, values, fields);
  };
}

function compileFields(
  settings: IdentitySettings['fields'],
): Result<readonly IdentityField[], readonly SettingProblem[]> {
  const compiled: IdentityField[] = [];
  const problems: SettingProblem[] = [];
  for (const [name, text] of Object.entries(settings)) {
    const template = compileIdentityTemplate(text);
    if (template.ok) compiled.push({ name, read: forPrincipals(template.value) });
    else problems.push({ path: ['identity', 'fields', name], ...template.error });
  }
  return problems.length === 0 ? ok(compiled) : err(problems);
}

/** Literal fields and those of the tenant neither, where nobody has been identified: they would look like an identity. */
function forPrincipals({ render }: FieldTemplate): IdentityField['read'] {
  return (context) => (context.principal === undefined ? undefined : render(context));
}

function compileAssertion(
  options: IdentityWriterOptions,
): Result<IdentityField | undefined, readonly SettingProblem[]> {
  const settings = options.identity.assertion;
  if (settings === undefined) return ok(undefined);
  if (settings.ttl < SHORTEST_ASSERTION_MILLISECONDS || settings.ttl > LONGEST_ASSERTION_MILLISECONDS)
    return err([
      { path: ['identity', 'assertion', 'ttl'], found: `${settings.ttl} ms`, expected: 'from 2s to 60s' },
    ]);
  const read: AssertIdentity = createAssertion({ ...options, settings });
  return ok({ name: settings.field, read });
}

/** Two uses of one name (as servers fold names): one would hide the other. Paths as in the upstream's settings. */
function findClashes({ identity, credentials }: IdentityWriterOptions): readonly SettingProblem[] {
  const writers: readonly (readonly [name: string, path: SettingProblem['path']])[] = [
    ...(identity.signature === undefined
      ? []
      : ['Signature-Input', 'Signature', 'Content-Digest'].map(
          (name) => [name, ['identity', 'signature']] as const,
        )),
    ...(credentials.basic === undefined ? [] : [['Authorization', ['credentials', 'basic']] as const]),
    ...(identity.assertion === undefined
      ? []
      : [[identity.assertion.field, ['identity', 'assertion', 'field']] as const]),
    ...Object.keys(identity.fields).map((name) => [name, ['identity', 'fields', name]] as const),
    ...Object.keys(credentials.fields).map((name) => [name, ['credentials', 'fields', name]] as const),
  ];
  const taken = new Map<string, string>();
  const clashes: SettingProblem[] = [];
  for (const [name, path] of writers) {
    const folded = foldFieldName(name);
    const other = taken.get(folded);
    if (other === undefined) taken.set(folded, path.join('.'));
    else clashes.push({ path, found: name, expected: `a field name of its own; ${other} uses this one` });
  }
  return clashes;
}

function problemsOf(result: Result<unknown, readonly SettingProblem[]>): readonly SettingProblem[] {
  return result.ok ? [] : result.error;
}
