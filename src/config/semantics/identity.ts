import { compileIdentityTemplate } from '../../assertion/field-template.ts';
import { createRequestSignature } from '../../assertion/request-signature.ts';
import { checkTenantCredentials, createUpstreamCredentials } from '../../assertion/upstream-credentials.ts';
import type { SettingProblem } from '../../base/setting-problem.ts';
import { foldFieldName } from '../../http/field-names.ts';
import type { ConfigPath } from '../problem.ts';
import type { Report } from '../report.ts';
import type { Settings, UpstreamSettings } from '../schema/config.ts';
import { refuseDuplicates } from './entries.ts';

const SHORTEST_ASSERTION = 2000;
const LONGEST_ASSERTION = 60_000;

/** What is written towards an upstream: each field by one source only, and statements that do not live long. */
export function checkIdentity(settings: Settings, report: Report): void {
  for (const [name, upstream] of Object.entries(settings.upstreams)) {
    const path = ['upstreams', name];
    checkFieldNames(settings, report, path, upstream);
    checkParts(settings, report, path, upstream);
  }
}

/** Written to every upstream, whatever is configured. */
const OWN_FIELDS = [
  'Forwarded',
  'Traceparent',
  'Tracestate',
  'Via',
  'X-Forwarded-For',
  'X-Forwarded-Host',
  'X-Forwarded-Proto',
] as const;

interface WrittenField {
  readonly name: string;
  readonly path: ConfigPath;
  /** What else writes fields of this name, for people. */
  readonly by: string;
}

function checkFieldNames(
  settings: Settings,
  report: Report,
  path: ConfigPath,
  upstream: UpstreamSettings,
): void {
  const writers = new Map<string, WrittenField>();
  for (const field of writtenFields(settings, path, upstream)) {
    const folded = foldFieldName(field.name);
    const earlier = writers.get(folded);
    if (earlier !== undefined)
      report.problem(field.path, {
        found: `the field ${field.name}, which ${earlier.by} writes as ${earlier.name}`,
        expected: 'a name that differs in letters or digits, case aside',
        at: 'key',
      });
    writers.set(folded, earlier ?? field);
  }
}

/** Those that leave no choice first, so that the blame falls on the entry that can be changed. */
function writtenFields(
  settings: Settings,
  path: ConfigPath,
  { identity, credentials }: UpstreamSettings,
): readonly WrittenField[] {
  const fields = OWN_FIELDS.map((name): WrittenField => ({ name, path, by: 'the gateway' }));
  if (identity.signature !== undefined) {
    const place = [...path, 'identity', 'signature'];
    for (const name of ['Signature', 'Signature-Input'])
      fields.push({ name, path: place, by: 'identity.signature' });
  }
  if (credentials.passThrough)
    for (const name of ['Authorization', settings.apiKeys.header])
      fields.push({ name, path: [...path, 'credentials', 'passThrough'], by: 'credentials.passThrough' });
  if (credentials.basic !== undefined)
    fields.push({ name: 'Authorization', path: [...path, 'credentials', 'basic'], by: 'credentials.basic' });
  if (identity.assertion !== undefined)
    fields.push({
      name: identity.assertion.field,
      path: [...path, 'identity', 'assertion', 'field'],
      by: 'identity.assertion',
    });
  for (const name of Object.keys(identity.fields))
    fields.push({ name, path: [...path, 'identity', 'fields', name], by: 'identity.fields' });
  for (const name of Object.keys(credentials.fields))
    fields.push({ name, path: [...path, 'credentials', 'fields', name], by: 'credentials.fields' });
  return fields;
}

/** What the parts that write the identity say of their settings themselves. */
function checkParts(settings: Settings, report: Report, path: ConfigPath, upstream: UpstreamSettings): void {
  const { identity } = upstream;
  for (const [name, text] of Object.entries(identity.fields)) {
    const template = compileIdentityTemplate(text);
    if (!template.ok) report.problem([...path, 'identity', 'fields', name], template.error);
  }
  if (identity.assertion !== undefined) checkAssertion(settings, report, path, identity.assertion.ttl);
  if (identity.signature !== undefined) {
    const signature = createRequestSignature(identity.signature, []);
    if (!signature.ok) relay(report, path, signature.error);
    const place = [...path, 'identity', 'signature', 'keys'];
    const ids = identity.signature.keys.map((key, index) => ({
      path: [...place, index, 'id'],
      text: key.id,
    }));
    refuseDuplicates(report, ids, 'an id');
  }
  const credentials = createUpstreamCredentials(upstream.credentials);
  if (!credentials.ok) {
    relay(report, path, credentials.error);
    return;
  }
  const { missing, unusable } = checkTenantCredentials(credentials.value.tenantCredentials, settings.tenants);
  relay(report, ['tenants'], unusable);
  for (const problem of missing)
    report.warning(
      ['tenants', ...problem.path],
      `the upstream ${String(path.at(-1))} wants this credential; requests of the tenant to it will be answered 503`,
    );
}

function checkAssertion(settings: Settings, report: Report, path: ConfigPath, ttl: number): void {
  const place = [...path, 'identity', 'assertion'];
  if (ttl < SHORTEST_ASSERTION || ttl > LONGEST_ASSERTION)
    report.problem([...place, 'ttl'], { expected: 'from 2s to 60s' });
  if (settings.publicUrl === undefined)
    report.warning(
      place,
      'without "publicUrl", the iss of assertions does not tell this gateway from others',
    );
}

function relay(report: Report, prefix: ConfigPath, problems: readonly SettingProblem[]): void {
  for (const { path, found, expected } of problems) report.problem([...prefix, ...path], { found, expected });
}
