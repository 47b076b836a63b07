import { z } from 'zod';
import { ok } from '../base/result.ts';
import { configSchema } from './schema/config.ts';

/** The members of JSON Schema that describe the configuration. */
export interface JsonSchema {
  readonly $schema?: string;
  readonly $id?: string;
  readonly title?: string;
  readonly description?: string;
  readonly type?: string | readonly string[];
  readonly default?: unknown;
  readonly const?: string | number | boolean;
  readonly enum?: readonly (string | number | boolean)[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | JsonSchema;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  /** The text in this place must never be printed. */
  readonly writeOnly?: boolean;
}

/** JSON Schema (draft 2020-12) of what an operator writes, for editors. */
export function configJsonSchema(): JsonSchema {
  const { $schema, ...schema } = z.toJSONSchema(
    configSchema((text) => ok(text)),
    { target: 'draft-2020-12', io: 'input' },
  );
  return {
    $schema,
    $id: 'urn:gatehouse:config',
    title: 'Gatehouse configuration',
    description: 'One YAML file: listeners, tenants, issuers, API keys, upstreams and routes.',
    ...schema,
  } as JsonSchema;
}
