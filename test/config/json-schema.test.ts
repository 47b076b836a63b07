import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { configJsonSchema } from '../../src/config/json-schema.ts';
import { referenceEntries } from '../../src/config/reference.ts';

const examples = path.resolve(import.meta.dirname, '../../docs/examples');

describe('the JSON Schema of the configuration', () => {
  const schema = configJsonSchema();

  test('says its draft, its identity and its title', () => {
    expect(schema).toMatchObject({
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      $id: 'urn:gatehouse:config',
      title: 'Gatehouse configuration',
    });
  });

  test('asks for nothing that has a default', () => {
    expect(schema.required).toEqual(['upstreams', 'routes']);
  });

  test.each(['minimal.yaml', 'full.yaml'])('accepts the example %s, as an editor would', (name) => {
    const example: unknown = parse(readFileSync(path.join(examples, name), 'utf8'));
    const asEditors = z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]);
    expect(asEditors.safeParse(example).error?.issues).toBeUndefined();
    expect(asEditors.safeParse({ ...(example as object), upstreamz: {} }).success).toBe(false);
  });
});

describe('the reference', () => {
  test('explains every key', () => {
    const entries = referenceEntries();
    expect(entries.length).toBeGreaterThan(120);
    expect(entries.filter(({ meaning, type }) => meaning === '' || type === '')).toEqual([]);
  });
});
