import { createHmac } from 'node:crypto';
import { expect } from 'vitest';
import { SIGNATURE_SECRET } from './attacked-gateway.ts';
import type { RecordedRequest } from './raw-upstream.ts';

/** Everything that the upstream gets of an admitted request for acme that came without further fields. */
export const OURS = [
  'host',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'via',
  'x-tenant-id',
  'x-user-id',
  'x-user-roles',
  'x-gatehouse-assertion',
  'signature-input',
  'signature',
];
/** The same on a public route. */
export const OURS_ON_PUBLIC = OURS.slice(0, 5);

/** Names as CGI-style servers see them, so that an alias cannot hide; but for those that say nothing of who acts. */
export function namesOf(request: RecordedRequest): string[] {
  return request.fields
    .map(([name]) => name.toLowerCase().replaceAll(/[^a-z0-9]/g, '-'))
    .filter((name) => name !== 'connection' && name !== 'traceparent');
}

/** Label and parameters of the signature that a request came with. */
export function signatureOf(request: RecordedRequest): {
  readonly label: string;
  readonly parameters: string;
} {
  const input = request.field('signature-input') ?? '';
  const equals = input.indexOf('=');
  return { label: input.slice(0, equals), parameters: input.slice(equals + 1) };
}

/** The check of RFC 9421 section 3.2 for the components that we sign, written anew. */
export function hasSoundSignature(
  request: RecordedRequest,
  covered: readonly string[] = ['x-tenant-id', 'x-user-id', 'x-user-roles'],
): boolean {
  const { label, parameters } = signatureOf(request);
  const [method = '', target = ''] = request.startLine.split(' ');
  const [path = '', query = ''] = target.split('?');
  const derived: Record<string, string> = {
    '@method': method,
    '@authority': (request.field('host') ?? '').toLowerCase(),
    '@path': path,
    '@query': `?${query}`,
  };
  const names = [...(/^\(([^)]*)\)/.exec(parameters)?.[1] ?? '').matchAll(/"([^"]+)"/g)].map(
    ([, name = '']) => name,
  );
  for (const name of ['@method', '@authority', '@path', '@query', ...covered]) expect(names).toContain(name);
  const lines = names.map((name) => `"${name}": ${derived[name] ?? request.field(name) ?? ''}`);
  const base = [...lines, `"@signature-params": ${parameters}`].join('\n');
  const expected = createHmac('sha256', SIGNATURE_SECRET).update(base).digest('base64');
  return request.field('signature') === `${label}=:${expected}:`;
}
