import { hash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { loadConfig } from '../../src/config/load.ts';
import { formatProblem } from '../../src/config/problem.ts';
import { createCertificateAuthority } from '../support/certificates.ts';
import { prepareDeploymentTools } from '../support/deployment-tools.ts';
import { example, features, missingTools, render } from '../support/helm-chart.ts';
import { deploymentOf, type KubernetesObject, type Members, only } from '../support/kubernetes-objects.ts';

const tools = await prepareDeploymentTools();
const noHelm = missingTools(tools, ['helm']);
const root = path.resolve(import.meta.dirname, '../..');

const SECRETS = '/run/secrets/gatehouse';

/** Every variable is set, to a value that any secret may have. */
const env: Readonly<Record<string, string>> = new Proxy(
  {},
  { get: (_, name) => (name === 'REDIS_URL' ? 'rediss://redis:6379' : hash('sha256', String(name))) },
);

let authority: ReturnType<typeof createCertificateAuthority>;
let certificate: ReturnType<typeof authority.issue>;
beforeAll(() => {
  authority = createCertificateAuthority();
  certificate = authority.issue('gatehouse', ['DNS:api.example.com']);
});
afterAll(() => authority.remove());

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-helm-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** As a pod would load it, with its mounted secrets in a folder of the test. */
function problemsOf(text: string): readonly string[] {
  const secrets = path.join(folder, 'secrets');
  mkdirSync(secrets);
  for (const [, name = ''] of text.matchAll(/\/run\/secrets\/gatehouse\/([\w.-]+)/g))
    writeFileSync(path.join(secrets, name), contentOf(name));
  const file = path.join(folder, 'gatehouse.yaml');
  writeFileSync(file, text.replaceAll(SECRETS, secrets));
  const loaded = loadConfig(file, { env });
  return loaded.ok ? [] : loaded.problems.map(formatProblem);
}

function contentOf(name: string): string {
  if (name.endsWith('.crt')) return certificate.cert;
  return name.endsWith('.key') ? certificate.key : hash('sha256', name);
}

function configurationIn(objects: readonly KubernetesObject[], name = 'gw-gatehouse'): string {
  return only(objects, 'ConfigMap', name).data['gatehouse.yaml'] ?? '';
}

function restartDigest(objects: readonly KubernetesObject[]): string | undefined {
  return deploymentOf(objects).template.metadata.annotations['gatehouse/restart-digest'];
}

test('the configuration of the sidecar loads', () => {
  expect(problemsOf(configurationIn(example('sidecar'), 'orders-gatehouse'))).toEqual([]);
});

describe.skipIf(noHelm !== '')(`the rendered configuration ${noHelm}`, () => {
  test.each(features().filter((feature) => feature !== 'existing-config'))('of %s loads', (feature) => {
    expect(problemsOf(configurationIn(render(tools.helm, feature)))).toEqual([]);
  });

  test('says what was written, braces, references, dates and large numbers as they were', () => {
    const written = parse(readFileSync(path.join(root, 'docs/examples/full.yaml'), 'utf8')) as Members;
    const config = {
      ...written,
      audit: { keep: 1_000_000_000 },
      tenants: { t: { name: '{{ .Release.Name }}' } },
    };
    const text = configurationIn(render(tools.helm, undefined, { config }));
    expect(parse(text)).toEqual(config);
    expect(text).toContain('{tenant.credentials.legacyKey}');
    expect(text).toContain('${env:GATEHOUSE_ENCRYPTION_KEY}');
  });

  test('rolls no pod when it changes, unless a restart is what applies the change', () => {
    const config = parse(configurationIn(render(tools.helm, 'embedded'))) as Members;
    const digestWith = (changed: Members) =>
      restartDigest(render(tools.helm, undefined, { config: { ...config, ...changed } }));
    const before = digestWith({});
    expect(before).toMatch(/^[0-9a-f]{64}$/);
    for (const changed of [
      { routes: [] },
      { tenants: {} },
      { limits: { body: '1MiB' } },
      { logging: { level: 'debug' } },
      { audit: { requests: 'all' } },
    ])
      expect(digestWith(changed), JSON.stringify(changed)).toBe(before);
    for (const changed of [
      { listen: { admin: '127.0.0.1:9081' } },
      { store: { embedded: { path: './data/other.db' } } },
      { encryptionKeys: [{ id: 'k2', key: '${env:K2}' }] },
      { assertionKeys: { rotateEvery: '7d' } },
      { admin: { tokens: [] } },
      { limits: { keepAlive: '5s' } },
      { limits: { http2Streams: 50 } },
      { limits: { queueDelay: '200ms' } },
      { audit: { keep: 5000 } },
      { workers: 1 },
    ])
      expect(digestWith(changed), JSON.stringify(changed)).not.toBe(before);
  });

  test('of a ConfigMap that is there already never rolls a pod', () => {
    const objects = render(tools.helm, 'existing-config');
    expect(objects.filter(({ kind }) => kind === 'ConfigMap')).toEqual([]);
    expect(deploymentOf(objects).template.metadata.annotations).toEqual({
      'kubectl.kubernetes.io/default-container': 'gatehouse',
    });
  });
});
