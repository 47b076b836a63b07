import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Secret } from '../../src/base/secret.ts';
import { parseLoginTemplate } from '../../src/config/login-template.ts';
import { configSchema } from '../../src/config/schema/config.ts';
import { inputValue } from '../../src/login/html-inputs.ts';
import { compilePointer, memberAt, parseAnswer } from '../../src/login/json-answer.ts';
import { formBody, jsonBody } from '../../src/login/login-body.ts';
import { compileFields, Unsendable } from '../../src/login/login-fields.ts';
import type { LoginValues } from '../../src/login/template.ts';
import { configuredTenants } from '../../src/tenants/tenant-directory.ts';

const { tenants } = configSchema((value) => ({ ok: true, value })).parse({
  tenants: { acme: { credentials: { key: 'k"&\\' } } },
  upstreams: { api: { targets: ['http://api:8080'] } },
  routes: [{ id: 'all', match: { path: '/**' }, public: true, upstream: 'api' }],
});
const [acme] = configuredTenants(tenants);

function valuesOf(username: string, password: string): LoginValues {
  if (acme === undefined) throw new Error('no tenant');
  return { username, password: new Secret(password), tenant: acme, prepared: new Map([['csrf', '<&>']]) };
}

const anything = fc.string({ unit: 'binary', maxLength: 40 });

test('a JSON body means what it says, whatever is put into it', () => {
  const body = jsonBody({
    a: ['{username}', 1, true, null],
    b: { c: 'x{password}y{tenant.id}' },
    d: '{prepare.csrf}',
    e: '{tenant.credentials.key}',
  });
  fc.assert(
    fc.property(anything, anything, (username, password) => {
      expect(JSON.parse(body.write(valuesOf(username, password)).toString('utf8'))).toEqual({
        a: [username, 1, true, null],
        b: { c: `x${password}yacme` },
        d: '<&>',
        e: 'k"&\\',
      });
    }),
  );
});

test('a form means what it says, whatever is put into it', () => {
  const body = formBody({ user: '{username}', 'p&w': 'x{password}', key: '{tenant.credentials.key}' });
  const text = fc.string({ unit: 'grapheme', maxLength: 40 });
  fc.assert(
    fc.property(text, text, (username, password) => {
      const written = body.write(valuesOf(username, password)).toString('latin1');
      expect([...new URLSearchParams(written)]).toEqual([
        ['user', username],
        ['p&w', `x${password}`],
        ['key', 'k"&\\'],
      ]);
      expect(written).toMatch(/^[\x21-\x7e]*$/);
    }),
  );
});

test.each(['a\r\nX-Admin: 1', 'a\nb', 'a\0b', ' a', 'a ', '', 'a\x7fb', 'Jürg\u20ac'])(
  'a user name that no field can carry is in none: %j',
  (username) => {
    const fieldsFor = compileFields({ 'X-User': '{username}' });
    expect(() => fieldsFor(valuesOf(username, 'p'))).toThrow(Unsendable);
    expect(fieldsFor(valuesOf('anna', 'p'))).toEqual(['X-User', 'anna']);
  },
);

test.each([
  '{',
  '}',
  '{username',
  'username}',
  '{{username}}',
  '{Username}',
  '{tenant.credentials.}',
  '{prepare.a.b}',
  '{tenant.name}',
  '{__proto__}',
  '{constructor}',
])('a template with %s is refused, without being quoted', (text) => {
  const parsed = parseLoginTemplate(`hunter2${text}`);
  expect(parsed.ok).toBe(false);
  expect(JSON.stringify(parsed)).not.toContain('hunter2');
});

describe('the value of an input element', () => {
  test.each([
    ['<input name="t" value="v">', 'v'],
    ["<INPUT VALUE='v' type=hidden NAME='t'/>", 'v'],
    ['<input value=v name=t>', 'v'],
    ['<input name = "t"\n value = "a>b">', 'a>b'],
    ['<input name="t">', ''],
    ['<input name="&#116;" value="&lt;&quot;&amp;amp;&#x27;&apos;&#60;&unknown;">', "<\"&amp;''<&unknown;"],
    ['<input name="t" value="1" value="2">', '1'],
    ['<input name="other" value="1"><input name="t" value="2"><input name="t" value="3">', '2'],
    ['<!-- <input name="t" value="old"> --><input name="t" value="v">', 'v'],
    ['<script>"<input name=t value=old>"</script><input name="t" value="v">', 'v'],
    ["<p title=it's><input name=t value=it's>", "it's"],
    ['a < b <input name="t" value="v">', 'v'],
    ['<input data-name="t" value="1"><inputs name="t" value="2"><input name="t" value="v">', 'v'],
  ])('is found in %s', (html, value) => {
    expect(inputValue(html, 't')).toBe(value);
  });

  test.each([
    '',
    '<input>',
    '<input name="t',
    '<input name="x" value="t">',
    '<!-- <input name="t" value="v">',
    '<textarea><input name="t" value="v">',
  ])('is not found in %j', (html) => {
    expect(inputValue(html, 't')).toBeUndefined();
  });

  test('is found at once in a page that is all openings', () => {
    const begun = performance.now();
    inputValue('<input "'.repeat(100_000), 't');
    inputValue('<script '.repeat(100_000), 't');
    inputValue('<!--'.repeat(100_000), 't');
    inputValue('<title></title>'.repeat(100_000), 't');
    inputValue(`<input ${'a '.repeat(100_000)}>`, 't');
    expect(performance.now() - begun).toBeLessThan(1000);
  });
});

describe('the JSON answer of an upstream', () => {
  const answer = parseAnswer(
    Buffer.from('\ufeff{"a":{"b/c":[{"id":12345678901234567890}],"~":0},"__proto__":{"x":1},"n":7}'),
    'it',
  );

  test.each([
    ['/a/b~1c/0/id', '12345678901234567890'],
    ['/a/~0', 0],
    ['/n', 7],
    ['/__proto__/x', 1],
    ['/a/b~1c/length', undefined],
    ['/a/b~1c/00', undefined],
    ['/a/b~1c/1', undefined],
    ['/n/toString', undefined],
    ['/constructor', undefined],
    ['/a/', undefined],
  ])('has at %s %s', (pointer, member) => {
    expect(memberAt(answer, compilePointer(pointer))).toEqual(member);
  });
});
