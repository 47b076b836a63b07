import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { formatProblem } from '../../src/config/problem.ts';
import { type CertificateAuthority, createCertificateAuthority } from '../support/certificates.ts';

let authority: CertificateAuthority;
let folder: string;

beforeAll(() => {
  authority = createCertificateAuthority();
  folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-config-'));
  for (const name of ['one', 'two']) {
    const { cert, key } = authority.issue(name, [`DNS:${name}.example`]);
    writeFileSync(at(`${name}.pem`), cert);
    writeFileSync(at(`${name}.key`), key);
  }
  writeFileSync(at('ca.pem'), authority.ca);
});
afterAll(() => {
  authority.remove();
  rmSync(folder, { recursive: true, force: true });
});

const at = (name: string) => path.join(folder, name);

function load(cert: string, key: string) {
  const file = at('gatehouse.yaml');
  writeFileSync(
    file,
    `listen: { public: { address: "127.0.0.1:0", tls: { cert: ${cert}, key: ${key} } } }
upstreams: { orders: { targets: ["https://orders:8443"], tls: { ca: ca.pem, cert: two.pem, key: two.key } } }
routes: [{ id: a, match: { path: /a }, public: true, upstream: orders }]
`,
  );
  return loadConfig(file, { env: {} });
}

describe('certificates and keys', () => {
  test('load with absolute paths, and are among the files to watch', () => {
    const result = load('one.pem', 'one.key');
    if (!result.ok) throw new Error(result.problems.map(formatProblem).join('\n'));
    expect(result.settings.listen.public.tls).toEqual({ cert: at('one.pem'), key: at('one.key') });
    expect(result.files).toEqual(
      ['gatehouse.yaml', 'one.pem', 'one.key', 'ca.pem', 'two.pem', 'two.key'].map(at),
    );
  });

  test('of another pair are refused', () => {
    const result = load('one.pem', 'two.key');
    expect(
      result.ok ? [] : result.problems.map(({ path, found, expected }) => ({ path, found, expected })),
    ).toEqual([
      {
        path: 'listen.public.tls.key',
        found: '"two.key"',
        expected: 'the private key of the first certificate in cert',
      },
    ]);
  });
});
