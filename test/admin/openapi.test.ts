import { afterEach, expect, test } from 'vitest';
import { aTenant } from '../contract/fixtures.ts';
import { type RunningAdmin, startAdmin, VIEWER_TOKEN } from './running-admin.ts';

let admin: RunningAdmin | undefined;
afterEach(async () => {
  await admin?.close();
  admin = undefined;
});

interface Operation {
  readonly operationId?: string;
  readonly summary?: string;
  readonly description?: string;
  readonly responses: Readonly<Record<string, { readonly $ref?: string; readonly content?: object }>>;
}

interface ApiDocument {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly security: readonly object[];
  readonly components: Readonly<Record<string, Readonly<Record<string, object>>>>;
}

async function readDocument(): Promise<ApiDocument> {
  admin = await startAdmin({ configuredTenants: [aTenant('acme')] });
  const { status, json } = await admin.call('GET', '/openapi.json', { token: VIEWER_TOKEN });
  expect(status).toBe(200);
  return json as ApiDocument;
}

function operationsOf({ paths }: ApiDocument): readonly (readonly [string, Operation])[] {
  return Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).map(
      ([method, operation]) => [`${method.toUpperCase()} ${path}`, operation] as const,
    ),
  );
}

test('the document is OpenAPI 3.1, and every operation has a name of its own, its role and the shape of each answer', async () => {
  const document = await readDocument();
  expect(document.openapi).toBe('3.1.0');
  expect(document.security).toEqual([{ adminToken: [] }]);
  expect(document.components['securitySchemes']).toMatchObject({
    adminToken: { type: 'http', scheme: 'bearer' },
  });
  const operations = operationsOf(document);
  expect(operations.length).toBeGreaterThan(20);
  const names = operations.map(([, { operationId }]) => operationId);
  expect(new Set(names).size).toBe(operations.length);
  expect(names).not.toContain(undefined);
  for (const [where, { summary, description, responses }] of operations) {
    expect(summary, where).toBeTypeOf('string');
    expect(description, where).toMatch(/^Needs the role (viewer|operator|admin)\.$/);
    expect(Object.keys(responses), where).toEqual(expect.arrayContaining(['401', '403', '503']));
    for (const [status, response] of Object.entries(responses)) {
      if (Number(status) >= 400) expect(response.$ref, where).toBe(`#/components/responses/Problem${status}`);
      else if (status !== '204') expect(Object.keys(response.content ?? {}), where).toHaveLength(1);
    }
  }
  for (const response of Object.values(document.components['responses'] ?? {}))
    expect(response).toMatchObject({
      content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
    });
});

test('every reference of the document leads somewhere', async () => {
  const document = await readDocument();
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/(\w+)\/(\w+)"/g)];
  expect(references.length).toBeGreaterThan(100);
  for (const [, kind = '', name = ''] of references) expect(document.components[kind]).toHaveProperty(name);
});

test('every route of the listener is in the document, and what is not in it is not there', async () => {
  const document = await readDocument();
  const written = operationsOf(document).map(([where]) => where);
  expect(new Set(admin?.routes().map((route) => route.replaceAll(/:(\w+)/g, '{$1}')))).toEqual(
    new Set(written),
  );
});
