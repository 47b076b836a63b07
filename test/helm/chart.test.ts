import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { configJsonSchema } from '../../src/config/json-schema.ts';
import { prepareDeploymentTools } from '../support/deployment-tools.ts';
import {
  CHART,
  example,
  features,
  missingTools,
  pathOf,
  runTool,
  template,
  valuesOf,
  withFile,
} from '../support/helm-chart.ts';
import { type Members } from '../support/kubernetes-objects.ts';

const tools = await prepareDeploymentTools();
const noHelm = missingTools(tools, ['helm']);
const noValidation = missingTools(tools, ['helm', 'kubeconform', 'schemas']);

const schema = JSON.parse(readFileSync(path.join(CHART, 'values.schema.json'), 'utf8')) as Members;

/** Every schema of an object in it, with its place. */
function objectSchemas(
  value: unknown,
  place: string,
): readonly { readonly place: string; readonly schema: Members }[] {
  if (typeof value !== 'object' || value === null) return [];
  const members = value as Members;
  const here = 'properties' in members && members['type'] === 'object' ? [{ place, schema: members }] : [];
  return [
    ...here,
    ...Object.entries(members).flatMap(([key, member]) => objectSchemas(member, `${place}/${key}`)),
  ];
}

function validate(manifest: string): { readonly status: number | null; readonly stdout: string } {
  const schemas = pathOf(tools.schemas);
  const { status, stdout } = withFile(manifest, (file) =>
    runTool(tools.kubeconform, [
      '-strict',
      '-summary',
      '-schema-location',
      `${schemas}/core/{{.ResourceKind}}{{.KindSuffix}}.json`,
      '-schema-location',
      `${schemas}/crd/{{.Group}}/{{.ResourceKind}}_{{.ResourceAPIVersion}}.json`,
      file,
    ]),
  );
  return { status, stdout };
}

describe('the schema of the values', () => {
  test('is closed: an object with named members takes no others', () => {
    const objects = objectSchemas(schema, '');
    expect(objects.length).toBeGreaterThan(40);
    expect(
      objects.filter(({ schema }) => schema['additionalProperties'] !== false).map(({ place }) => place),
    ).toEqual([]);
  });

  test('leaves open only what Kubernetes or an operator names', () => {
    const open = Object.entries(schema['properties'] as Readonly<Record<string, Members>>)
      .filter(([, member]) => member['type'] === 'object' && !('properties' in member))
      .map(([name]) => name);
    expect(open.sort()).toEqual(['affinity', 'env', 'global']);
  });

  test('knows the top-level keys of the configuration', () => {
    const { config } = schema['properties'] as { readonly config: { readonly properties: Members } };
    expect(Object.keys(config.properties).sort()).toEqual(
      Object.keys(configJsonSchema().properties ?? {}).sort(),
    );
  });
});

describe.skipIf(noHelm !== '')(`helm ${noHelm}`, () => {
  test('lints the bare chart', () => {
    expect(runTool(tools.helm, ['lint', '--strict', CHART])).toMatchObject({ status: 0 });
  });

  test.each(features())('lints and renders %s', (feature) => {
    const { status, stdout } = runTool(tools.helm, [
      'lint',
      '--strict',
      CHART,
      '--values',
      valuesOf(feature),
    ]);
    expect({ status, stdout }).toEqual({ status: 0, stdout: expect.not.stringMatching(/WARNING|ERROR/) });
    expect(template(tools.helm, feature)).toMatchObject({ status: 0 });
  });

  test.each([
    { replica: 3 },
    { image: { repo: 'gatehouse' } },
    { config: { route: [] } },
    { networkPolicy: { egress: { redis: { form: [] } } } },
    { secrets: { env: [{ name: 'A', secret: 'b', key: 'c', optional: true }] } },
    { secrets: { files: [{ secret: 'a', configMap: 'b' }] } },
    { mode: 'proxy' },
  ])('refuses %j by the schema', (members) => {
    const { status, stderr } = template(tools.helm, 'embedded', members);
    expect(status).not.toBe(0);
    expect(stderr).toContain("values don't meet the specifications of the schema");
  });
});

describe.skipIf(noValidation !== '')(
  `strict validation by the schemas of Kubernetes and of the custom resources ${noValidation}`,
  () => {
    test.each(features())('%s', (feature) => {
      const { stdout } = template(tools.helm, feature);
      expect(validate(stdout)).toEqual({
        status: 0,
        stdout: expect.stringMatching(/Invalid: 0, Errors: 0, Skipped: 0/),
      });
    });

    test.each(['sidecar', 'ingress-nginx'])('the example %s', (name) => {
      expect(example(name).length).toBeGreaterThan(0);
      const text = readFileSync(path.join(CHART, 'examples', `${name}.yaml`), 'utf8');
      expect(validate(text)).toEqual({
        status: 0,
        stdout: expect.stringMatching(/Invalid: 0, Errors: 0, Skipped: 0/),
      });
    });

    test.each([
      ['redis', 'readOnlyRootFilesystem:', 'readOnlyRootFileSystem:'],
      ['monitoring', 'interval: 15s', 'interval: soon'],
      ['forward-auth-traefik', 'trustForwardHeader:', 'trustForwardHeaders:'],
      ['forward-auth-envoy-gateway', 'statusOnError: 503', 'statusOnError: 200'],
      ['forward-auth-istio', 'action: CUSTOM', 'action: ASK'],
      ['entry', 'hostnames:', 'hosts:'],
    ])('sees %s with %s as %s', (feature = '', from = '', to = '') => {
      const { stdout } = template(tools.helm, feature);
      expect(stdout).toContain(from);
      expect(validate(stdout.replaceAll(from, to))).toMatchObject({ status: 1 });
    });
  },
);
