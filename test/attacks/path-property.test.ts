import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { type AttackedGateway, requestOf, startAttackedGateway } from '../support/attacked-gateway.ts';

let attacked: AttackedGateway;
beforeAll(async () => {
  attacked = await startAttackedGateway((config) => ({ ...config, audit: { requests: 'denied' } }));
});
afterAll(() => attacked.close());
beforeEach(() => attacked.forget());

/** What paths are made of, and everything that some server reads as something else than it is. */
const PIECES = [
  '/ / / // \\ . .. ... ; ;x=1 ..; ? # % %% * @ :',
  '%2e %2E %2f %2F %5c %5C %00 %0d%0a %20 %23 %3f %3b %25 %252e %252f',
  '%c0%af %c0%ae %e0%80%af %ef%bc%8f %u002f %2 %zz \x00 \x7f \xe9 \xaf \t',
  'public api admin x t acme globex %61dmin %70ublic http://evil.test .well-known',
].flatMap((line) => line.split(' '));
const target = fc
  .tuple(
    fc.constantFrom('/', '/public/', '/api/', '/public', '/t/acme/', ''),
    fc.array(fc.constantFrom(...PIECES), { minLength: 1, maxLength: 8 }),
  )
  .map(([start, rest]) => start + rest.join(''));

/** The path as the most forgiving server reads it: decoded until nothing is left, `\` for `/`, path parameters off, dots resolved. */
function readForgivingly(path: string): string {
  let text = path;
  for (let round = 0; round < 4; round += 1)
    text = text
      .replaceAll(/%u00([0-9a-f]{2})/gi, '%$1')
      .replaceAll(/%c0%a([ef])/gi, '%2$1')
      .replaceAll(/%e0%80%a([ef])/gi, '%2$1')
      .replaceAll(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  const resolved: string[] = [];
  for (const segment of (text.split(/[\0?#]/)[0] ?? '').replaceAll('\\', '/').split('/')) {
    const name = segment.split(';')[0] ?? '';
    if (name === '..') resolved.pop();
    else if (name !== '' && name !== '.') resolved.push(name);
  }
  return `/${resolved.join('/')}`;
}

async function sentFor(
  line: string,
  fields: readonly string[],
): Promise<{ status: number; sent: readonly string[] }> {
  attacked.upstream.requests.length = 0;
  const { status } = await attacked.gateway.raw(requestOf(line, fields));
  return { status, sent: attacked.upstream.requests.map(({ startLine }) => startLine) };
}

it('P01 to P14 whatever the target: without a credential, nothing that some server takes for a protected path leaves', {
  timeout: 30_000,
}, async () => {
  let admitted = 0;
  await fc.assert(
    fc.asyncProperty(target, async (text) => {
      const { status, sent } = await sentFor(`GET ${text}`, []);
      expect([200, 400, 401, 403, 404]).toContain(status);
      expect(sent.length).toBe(status === 200 ? 1 : 0);
      if (status !== 200) return;
      admitted += 1;
      expect(sent).toEqual([`GET ${text} HTTP/1.1`]);
      expect(readForgivingly(text.split('?')[0] ?? '')).toMatch(/^\/(public|signed)(\/|$)/);
    }),
    { numRuns: 1500 },
  );
  expect(admitted).toBeGreaterThan(20);
  await attacked.expectAlive();
});

it('P01 to P14 whatever the target: with a key, nothing that some server takes for the path of administrators or of another tenant leaves', {
  timeout: 30_000,
}, async () => {
  let admitted = 0;
  const fields = [`X-API-Key: ${attacked.acme.key}`];
  await fc.assert(
    fc.asyncProperty(target, async (text) => {
      const { status, sent } = await sentFor(`GET ${text}`, fields);
      expect([200, 400, 401, 403, 404]).toContain(status);
      expect(sent.length).toBe(status === 200 ? 1 : 0);
      if (status !== 200) return;
      admitted += 1;
      expect(sent).toEqual([`GET ${text} HTTP/1.1`]);
      expect(readForgivingly(text.split('?')[0] ?? '')).not.toMatch(/^\/(api\/admin\/?$|t\/globex(\/|$))/);
    }),
    { numRuns: 1500 },
  );
  expect(admitted).toBeGreaterThan(50);
  await attacked.expectAlive();
});
