import { describe, expect, it } from 'vitest';
import { onBothStores } from '../support/attacked-users.ts';
import { ANNA, MEANT } from '../support/users-scene.ts';

onBothStores((scene) => {
  const legacy = (members: object, options = {}) =>
    scene.send('POST /api/login', {
      body: { company: 'acme', user: 'anna', password: 'acme-anna-pw', ...members },
      ...options,
    });

  describe('H14 a login that two parsers would read differently', () => {
    const text = JSON.stringify(ANNA);
    it.each([
      ['a member twice', text.replace('{', '{"username":"bert",')],
      ['a member twice, once escaped', text.replace('{', '{"\\u0075sername":"bert",')],
      ['an unknown member', text.replace('{', '{"x":1,')],
      ['__proto__', text.replace('{', '{"__proto__":{"remember":true},')],
      ['another case', text.replace('"username"', '"Username"')],
      ['a number', text.replace('"anna"', '17')],
      ['a list', text.replace('"anna"', '["anna"]')],
      ['null', text.replace('"anna"', 'null')],
      ['an empty name', text.replace('"anna"', '""')],
      ['an object that pretends', text.replace('"anna"', '{"toString":"anna"}')],
      ['a byte order mark', `\ufeff${text}`],
      [
        'bad UTF-8',
        Buffer.concat([Buffer.from('{"username":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}')]),
      ],
      [
        'an overlong slash',
        Buffer.concat([Buffer.from('{"username":"'), Buffer.from([0xc0, 0xaf]), Buffer.from('"}')]),
      ],
      ['a list around it', `[${text}]`],
      ['two values', `${text}${text}`],
      ['a comment', `/* */${text}`],
      ['8,000 levels', `${'['.repeat(8000)}${']'.repeat(8000)}`],
      [
        '2,000 levels in a member',
        text.replace('{', `{"tenant":${'{"a":'.repeat(2000)}1${'}'.repeat(2000)},`),
      ],
      ['nothing', '{}'],
      ['no body', ''],
    ])('(%s) is refused by POST /session, and the upstream is not asked', async (_, body) => {
      const answer = await scene.send('POST /session', { fields: MEANT, body });
      await scene.expectRefused(answer, '400 request_malformed', /^request_malformed: /);
    });

    const old = JSON.stringify({ company: 'acme', user: 'anna', password: 'acme-anna-pw' });
    it.each([
      ['a member twice', old.replace('{', '{"user":"bert",')],
      ['a member twice, once escaped', old.replace('{', '{"\\u0075ser":"bert",')],
      ['another case besides', old.replace('{', '{"User":"bert",')],
      ['another tenant in another case', old.replace('{', '{"Company":"globex",')],
      ['a tenant that is a list', old.replace('"acme"', '["acme"]')],
      ['a byte order mark', `\ufeff${old}`],
      ['bad UTF-8', Buffer.concat([Buffer.from('{"user":"'), Buffer.from([0xff]), Buffer.from('"}')])],
      ['10,000 levels', `${'['.repeat(10_000)}${']'.repeat(10_000)}`],
      ['a number', old.replace('"anna"', '17')],
    ])('(%s) is refused on the route of old clients, and the upstream is not asked', async (_, body) => {
      const answer = await scene.send('POST /api/login', { body });
      await scene.expectRefused(
        answer,
        '401 credential_invalid',
        'credential_invalid: the body is no login that can be read in one way only',
      );
    });

    it.each([
      'globex',
      'ACME',
      'acme ',
      '../globex',
      'acme,globex',
      'acme\r\nX: y',
      '__proto__',
      'x'.repeat(10_000),
      '',
    ])('names another tenant in the body (%j) than the host does', async (company) => {
      const answer = await legacy({ company });
      await scene.expectRefused(answer, '403 tenant_mismatch', /^tenant_mismatch: /);
    });

    it('is too long', async () => {
      const answer = await scene.logIn({ password: 'x'.repeat(20_000) });
      expect(answer.status).toBe(413);
      await scene.expectAlive();
    });
  });
});
