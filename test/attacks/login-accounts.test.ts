import { describe, expect, it } from 'vitest';
import { bearer, onBothStores, toldBy } from '../support/attacked-users.ts';
import { jsonAnswer, rawAnswer, setCookies } from '../support/legacy-login.ts';
import type { RawAnswer } from '../support/raw-client.ts';

const LOGIN = ['POST /api/login'];

onBothStores((scene) => {
  async function forwarded() {
    const login = await scene.logIn();
    expect(toldBy(login)).toBe('200');
    const cookie = /__Host-gatehouse=[^;]+/.exec(login.head)?.[0] ?? '';
    expect((await scene.send('GET /api/echo/x', { fields: [`Cookie: ${cookie}`] })).status).toBe(200);
    const request = scene.upstream.requests.at(-1);
    if (request === undefined) throw new Error('nothing was forwarded');
    return request;
  }

  describe('H14 an account that an upstream describes in odd words', () => {
    const user = { id: 17, name: 'Anna', roles: ['clerk'], companies: ['acme'] };
    const answers = (members: object | string) =>
      scene.upstream.answers(
        'POST /api/login',
        jsonAnswer(
          200,
          typeof members === 'string' ? members : { user: { ...user, ...members } },
          setCookies(),
        ),
      );
    it.each([
      ['with a colon', 'acme:18', 'acme:18'],
      ['like a whole subject', 'user:legacy:globex:17', 'user:legacy:globex:17'],
      ['with a line end', '17\r\nX-Admin: 1', '17%0D%0AX-Admin: 1'],
      ['with a percent sign', '17%0D', '17%250D'],
      ['of the name of an object', '__proto__', '__proto__'],
      ['beyond ASCII', 'ännä', '%C3%A4nn%C3%A4'],
    ])('has an id %s: it is one value, and no other user', async (_, id, sent) => {
      answers({ id });
      const request = await forwarded();
      expect(request.all('x-user-id')).toEqual([sent]);
      expect(request.all('x-subject')).toHaveLength(1);
      expect(request.field('x-subject')).toMatch(/^user:legacy:acme:(?!18$|17$)[^:]+$/);
      expect(request.field('x-admin')).toBeUndefined();
      await scene.expectAlive();
    });

    it('has roles with commas, line ends and names of methods: each stays one item', async () => {
      answers({ roles: ['clerk,admin', 'a\r\nX-Admin: 1', '__proto__', 'constructor', 'ü'] });
      const request = await forwarded();
      expect(request.field('x-user-roles')?.split(',')).toEqual([
        'clerk%2Cadmin',
        expect.stringMatching(/^a%0D%0AX-Admin/),
        '__proto__',
        'constructor',
        '%C3%BC',
      ]);
      expect(request.field('x-admin')).toBeUndefined();
    });

    it('has a profile without the member that is asked for: nothing of an object comes in its place', async () => {
      const request = await forwarded();
      expect(request.field('x-constructor')).toBeUndefined();
      expect(request.field('x-department')).toBeUndefined();
    });

    it('has a profile with names of objects and line ends: nothing is polluted, nothing injected', async () => {
      answers(
        '{"user":{"id":17,"name":"x","roles":[],"__proto__":{"department":"evil","polluted":true},"constructor":{"prototype":{"polluted":true}},"department":"a\\r\\nX-Admin: 1"}}',
      );
      const request = await forwarded();
      expect(request.field('x-department')).toBe('a%0D%0AX-Admin: 1');
      expect(request.field('x-admin')).toBeUndefined();
      expect(request.field('x-constructor') ?? '').not.toContain('function');
      expect(Reflect.get({}, 'polluted')).toBeUndefined();
    });

    it.each([
      ['a profile of 20 kB', { note: 'x'.repeat(20_000) }],
      ['an id that is an object', { id: { $ne: 1 } }],
      ['an id that is a fraction', { id: 1.5 }],
      ['an id that is empty', { id: '' }],
      ['an id of 1,000 characters', { id: 'x'.repeat(1000) }],
      ['roles that are an object', { roles: { admin: true } }],
      ['roles in roles', { roles: [['admin']] }],
      ['201 roles', { roles: Array.from({ length: 201 }, (_, at) => `r${at}`) }],
      [
        'a profile of 5,000 levels',
        `{"user":{"id":17,"name":"x","roles":[],"deep":${'['.repeat(5000)}${']'.repeat(5000)}}}`,
      ],
      [
        'a profile of 100,000 levels',
        `{"user":{"id":17,"name":"x","roles":[],"deep":${'['.repeat(100_000)}${']'.repeat(100_000)}}}`,
      ],
      ['JSON that is cut', '{"user":{"id":17'],
    ])('has %s: nobody is logged in, it is an outage, and not counted', async (_, members) => {
      answers(members);
      const before = Array.from({ length: 12 }, () => 'POST /api/login');
      const failed: RawAnswer[] = [];
      for (const _each of before) failed.push(await scene.logIn());
      await scene.expectRefused(failed, '503 login_unavailable', /./, before);
      for (const answer of failed) expect(answer.field('set-cookie')).toBeUndefined();
      scene.upstream.reset();
      expect((await scene.logIn()).status).toBe(200);
    });

    it('names tenants of all kinds: only those that are tenants count', async () => {
      answers({
        companies: [
          'acme',
          '../globex',
          '__proto__',
          'globex,acme',
          'GLOBEX',
          'x'.repeat(10_000).slice(0, 250),
          'constructor',
        ],
      });
      const login = await scene.logIn({ client_id: 'team-app' });
      const view = JSON.parse(login.body.toString()) as { tenants: string[] };
      expect(view.tenants.filter((id) => !['acme', 'constructor'].includes(id))).toEqual([]);
    });

    it('is of 304, of HTML, or of a whole other kind: it is a no or an outage, never a yes', async () => {
      for (const [answer, told] of [
        [rawAnswer(200, '<html>', ['Content-Type: text/html']), '503 login_unavailable'],
        [rawAnswer(200, '', []), '503 login_unavailable'],
        [rawAnswer(500, 'no'), '503 login_unavailable'],
        [rawAnswer(429, 'no'), '503 login_unavailable'],
        [rawAnswer(302, '', ['Location: /home']), '401 credential_invalid'],
        [rawAnswer(204, ''), '401 credential_invalid'],
        [jsonAnswer(200, { user: null }), '401 credential_invalid'],
        [jsonAnswer(200, { user: { id: false } }), '401 credential_invalid'],
      ] as const) {
        scene.upstream.answers('POST /api/login', answer);
        await scene.expectRefused(await scene.logIn({ username: 'gina' }), told, /./, LOGIN);
      }
      scene.upstream.reset();
      expect((await scene.send('GET /api/me', { fields: [bearer('x')] })).status).toBe(401);
    });
  });
});
