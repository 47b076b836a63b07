import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createFieldReader, isRepeated, SLOTS } from '../../src/http/received-fields.ts';

const reader = createFieldReader({
  apiKey: 'X-API-Key',
  owned: ['X-Tenant-Id', 'X-User-Id'],
  tenantFields: ['X-Company'],
  sessionCookies: ['__Host-gatehouse', 'auth'],
  droppedCookies: new Set(['__Host-gatehouse', 'auth', '__Secure-gatehouse-remember', 'ASP.NET_SessionId']),
});

describe('received fields', () => {
  it('pass what nobody owns, in order, with its spelling, duplicates and empty values', () => {
    const raw = ['X-B', '1', 'accept', '*/*', 'x-b', '2', 'Empty', ''];
    expect(reader.read(raw).forwardable).toEqual(raw);
  });

  it.each([
    ['cookies of nobody here', ['Cookie', 'a=b;  c="d" ; e'], 'a=b; c="d"; e', undefined],
    ['a session cookie', ['Cookie', '__Host-gatehouse=s1'], '', 's1'],
    ['one among others', ['Cookie', 'a=b; __Host-gatehouse=s1; c=d'], 'a=b; c=d', 's1'],
    ['one under the name for old clients', ['Cookie', 'auth=s2; a=b'], 'a=b', 's2'],
    ['cookies that a login keeps', ['cookie', 'ASP.NET_SessionId=x; a=b'], 'a=b', undefined],
    ['two Cookie fields', ['Cookie', 'a=b', 'cookie', 'auth=s2; c=d'], 'a=b; c=d', 's2'],
    [
      'a name in another case, which is no session of ours, but could be one of the upstream',
      ['Cookie', '__host-gatehouse=s1'],
      '',
      undefined,
    ],
  ])('of %s, forward what is nobody of ours', (_, raw, forwarded, session) => {
    const read = reader.read(raw);
    expect(read.cookies).toBe(forwarded);
    expect(read.forwardable).toEqual([]);
    expect(read.values[SLOTS.session]).toBe(session);
    expect(isRepeated(read, SLOTS.session)).toBe(false);
  });

  it.each([
    ['under one name', ['Cookie', 'auth=1; auth=2']],
    ['under two names', ['Cookie', '__Host-gatehouse=1; auth=2']],
    ['in two fields', ['Cookie', 'auth=1', 'Cookie', 'auth=1']],
  ])('tell two session cookies %s', (_, raw) => {
    expect(isRepeated(reader.read(raw), SLOTS.session)).toBe(true);
  });

  it('forward no cookie that Connection nominates, and read the session all the same', () => {
    const read = reader.read(['Cookie', 'a=b; auth=s', 'Connection', 'close, Cookie']);
    expect(read.cookies).toBe('');
    expect(read.values[SLOTS.session]).toBe('s');
  });

  it.each([
    'X-Tenant-Id',
    'x-tenant-id',
    'X_Tenant_Id',
    'X-Tenant_Id',
    'x.tenant.id',
    'X-TENANT-ID',
    'X-User-Id',
    'X-Company',
    'X_Company',
    'X-Forwarded-For',
    'X_Forwarded_For',
    'X-Forwarded-Anything',
    'Forwarded',
    'X-Real-IP',
    'X-Original-URL',
    'X-Rewrite-URL',
    'Proxy',
    'X-HTTP-Method-Override',
    'X-HTTP-Method',
    'X-Method-Override',
    'X-Forwarded-Client-Cert',
    'Client-Cert',
    'X-SSL-Client-Verify',
    'SSL_CLIENT_VERIFY',
    'X-Gatehouse-Assertion',
    'X_Gatehouse_Assertion',
    'Connection',
    'Keep-Alive',
    'Proxy-Connection',
    'Proxy-Authorization',
    'TE',
    'Trailer',
    'Transfer-Encoding',
    'Upgrade',
    'HTTP2-Settings',
    'Host',
    'Content-Length',
    'Expect',
    'Authorization',
    'X-API-Key',
    'X_API_Key',
    'DPoP',
    'Signature',
    'Signature-Input',
    'Via',
  ])('never pass %s', (name) => {
    expect(reader.read(['A', '1', name, 'evil', 'B', '2']).forwardable).toEqual(['A', '1', 'B', '2']);
  });

  it('give a credential under its exact name only, so that an alias is never passed on unchecked', () => {
    const fields = reader.read([
      'x-api-KEY',
      'k',
      'X_API_Key',
      'alias',
      'authorization',
      'Bearer t',
      'DPoP',
      'p',
    ]);
    expect(fields.values[SLOTS.apiKey]).toBe('k');
    expect(fields.credentials).toEqual(['x-api-KEY', 'k', 'authorization', 'Bearer t']);
  });

  it('drop what Connection nominates, but are read before that', () => {
    const fields = reader.read([
      'Connection',
      'close, X-Foo',
      'X-Foo',
      '1',
      'connection',
      'Authorization',
      'Authorization',
      'Bearer t',
      'X-Bar',
      '2',
    ]);
    expect(fields.forwardable).toEqual(['X-Bar', '2']);
    expect(fields.values[SLOTS.authorization]).toBe('Bearer t');
  });

  it('say which field came twice, and keep the first', () => {
    const fields = reader.read(['Host', 'a', 'HOST', 'b', 'X-Company', 'acme']);
    expect(isRepeated(fields, SLOTS.host)).toBe(true);
    expect(isRepeated(fields, SLOTS.authorization)).toBe(false);
    expect(fields.values[SLOTS.host]).toBe('a');
    expect(fields.values[reader.slotOf('x-company') ?? -1]).toBe('acme');
  });

  it('are not confused by names of object members', () => {
    const raw = ['__proto__', 'x', 'constructor', 'y', 'hasOwnProperty', 'z'];
    expect(reader.read(raw).forwardable).toEqual(raw);
  });

  it('stay right after more invented names than are remembered', () => {
    for (let index = 0; index < 5_000; index += 1) reader.read([`X-Invented-${index}`, '1']);
    expect(reader.read(['X_tenant_ID', 'evil', 'X-New-Name', '1']).forwardable).toEqual(['X-New-Name', '1']);
  });

  it('never pass a name that folds to an owned one, however it is written', () => {
    const separator = fc.constantFrom('-', '_', '.', '~', '!', '#');
    fc.assert(
      fc.property(
        separator,
        separator,
        fc.array(fc.boolean(), { minLength: 11, maxLength: 11 }),
        (first, second, upper) => {
          const name = `x${first}tenant${second}id`
            .split('')
            .map((letter, index) => (upper[index] === true ? letter.toUpperCase() : letter))
            .join('');
          expect(reader.read([name, 'evil']).forwardable).toEqual([]);
        },
      ),
    );
  });
});
