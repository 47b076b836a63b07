import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileCredentialTemplate, compileIdentityTemplate } from '../../src/assertion/field-template.ts';
import { isFieldValue } from '../../src/assertion/field-value.ts';
import type { IdentityContext } from '../../src/assertion/identity.ts';
import { Outage } from '../../src/base/outage.ts';
import { Secret } from '../../src/base/secret.ts';
import { contextOf, principalOf } from './upstream.ts';

function render(text: string, context: IdentityContext = contextOf()): string | undefined {
  const template = compileIdentityTemplate(text);
  if (!template.ok) throw new Error(template.error.expected);
  return template.value.render(context);
}

function compileCredential(text: string) {
  const template = compileCredentialTemplate(text);
  if (!template.ok) throw new Error(template.error.expected);
  return template.value;
}

/** Any text that JSON may carry: control characters, all of Unicode, halves of surrogate pairs. */
const anyText = fc
  .string({ unit: 'binary' })
  .chain((text) =>
    fc
      .constantFrom('', ' ', ',', '%', '\r\n', '\0', '\ud83d', '\udca9')
      .chain((odd) => fc.constantFrom(odd + text, text + odd, text)),
  );

describe('a template of identity', () => {
  it.each([
    ['{tenant.id}', 'acme'],
    ['{tenant.name}', 'Acme GmbH'],
    ['{user.id}', '4711'],
    ['{subject}', 'user:acme-login:4711'],
    ['{roles}', 'clerk,night shift'],
    ['{scopes}', 'orders:read,orders:write'],
    ['{client.id}', 'erp'],
    ['{client.subject}', 'client:acme-login:erp'],
    ['{credential.id}', 'token:acme-login:1'],
    ['{user.name}', 'Zo%C3%AB'],
    ['{user.level}', '7'],
    ['{user.teams}', 'a,b'],
    ['v1; tenant={tenant.id}; user={user.id}', 'v1; tenant=acme; user=4711'],
    ['100% {tenant.id} für alle', '100%25 acme f%C3%BCr alle'],
  ])('%s gives %s', (text, value) => {
    expect(render(text)).toBe(value);
  });

  it('gives no field where a placeholder has no value', () => {
    const nobody = contextOf({ principal: undefined, tenant: undefined });
    for (const name of ['tenant.id', 'tenant.name', 'user.id', 'subject', 'roles', 'scopes', 'client.id'])
      expect(render(`x {${name}} y`, nobody)).toBeUndefined();
    const bare = principalOf({ roles: new Set(), scopes: new Set(['']), userId: '', profile: {} });
    for (const name of ['roles', 'scopes', 'user.id', 'user.name', 'user.toString', 'user.constructor'])
      expect(render(`{${name}}`, contextOf({ principal: bare }))).toBeUndefined();
  });

  it('gives no field for a profile member that is no text: an object cannot pass for one', () => {
    const profile = { text: '{"a":1}', object: { a: 1 }, nested: [['a']], nothing: null, no: false };
    const context = contextOf({ principal: principalOf({ profile }) });
    expect(render('{user.text}', context)).toBe('{"a":1}');
    expect(render('{user.no}', context)).toBe('false');
    for (const name of ['object', 'nested', 'nothing'])
      expect(render(`{user.${name}}`, context)).toBeUndefined();
  });

  it('names the client of the key where a pair was presented', () => {
    const clientPrincipal = principalOf({ kind: 'key', client: 'key:8K2M9QXT', clientId: '8K2M9QXT' });
    expect(render('{client.id} {client.subject} {user.id}', contextOf({ clientPrincipal }))).toBe(
      '8K2M9QXT key:8K2M9QXT 4711',
    );
  });

  it('H14: no value can end the field, add another, or share its encoding with another value', () => {
    fc.assert(
      fc.property(anyText, anyText, (one, other) => {
        const [first, second] = [one, other].map((userId) =>
          render('{user.id}', contextOf({ principal: principalOf({ userId }) })),
        );
        expect(first === undefined).toBe(one === '');
        expect(first ?? 'x').toMatch(/^[\x20-\x7e]+$/);
        expect(isFieldValue(first ?? 'x')).toBe(true);
        if (one.isWellFormed()) expect(decodeURIComponent(first ?? '')).toBe(one);
        expect(first === second).toBe(one === other);
      }),
      { numRuns: 2000 },
    );
  });

  it('H14: a list arrives with the items that it had, whatever is in them', () => {
    fc.assert(
      fc.property(fc.uniqueArray(anyText.filter((text) => text !== '' && text.isWellFormed())), (items) => {
        const value = render('{roles}', contextOf({ principal: principalOf({ roles: new Set(items) }) }));
        expect(value?.split(',').map(decodeURIComponent) ?? []).toEqual(items);
        expect(value === undefined || isFieldValue(value)).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  it('is refused with the known placeholders when it names another', () => {
    const expected =
      'text with placeholders out of {tenant.id}, {tenant.name}, {user.id}, {user.NAME}, {subject}, {roles}, {scopes}, {client.id}, {client.subject}, {credential.id}';
    for (const text of [
      '{tenant}',
      '{ tenant.id }',
      '{user.}',
      '{constructor}',
      '{tenant.credentials.key}',
      '{',
      'a}',
      '{{roles}}',
    ])
      expect(compileIdentityTemplate(text)).toEqual({
        ok: false,
        error: { found: JSON.stringify(text), expected },
      });
    expect(compileIdentityTemplate(' {roles}')).toMatchObject({
      error: { expected: 'text without white space at its ends' },
    });
  });
});

describe('a template of an upstream credential', () => {
  it('inserts literal text and the credential of the tenant as they are', () => {
    const template = compileCredential('Key 100% {tenant.credentials.legacyKey}');
    expect(template.tenantCredentials).toEqual(['legacyKey']);
    expect(template.render(contextOf())).toBe('Key 100% acme-legacy-key');
    expect(template.render(contextOf({ tenant: undefined }))).toBeUndefined();
  });

  it('is an outage, never a request without it, where the tenant has no such credential', () => {
    const { tenant } = contextOf();
    if (tenant === undefined) throw new Error('no tenant');
    for (const credentials of [
      {},
      { other: new Secret('x') },
      { legacyKey: new Secret('a\r\nX-User: root') },
    ]) {
      const render = () =>
        compileCredential('{tenant.credentials.legacyKey}').render(
          contextOf({ tenant: { ...tenant, credentials } }),
        );
      expect(render).toThrow(Outage);
      expect(render).not.toThrow('root');
    }
    expect(() => compileCredential('{tenant.credentials.constructor}').render(contextOf())).toThrow(Outage);
  });

  it('is refused without a word of its text, which may be a secret', () => {
    for (const text of ['s3cret{x}', 's3cret}', 's3cret\r\n', ' s3cret', 's3cret\u0100']) {
      const template = compileCredentialTemplate(text);
      expect(template.ok).toBe(false);
      expect(JSON.stringify(template)).not.toContain('s3cret');
    }
  });
});
