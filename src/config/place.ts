import type { JsonSchema } from './json-schema.ts';
import type { ConfigPath } from './problem.ts';

/** The schemas that may apply at a path; several where alternatives exist, none where nothing may be. */
export function schemasAt(root: JsonSchema, path: ConfigPath): readonly JsonSchema[] {
  let schemas = alternatives(root);
  for (const step of path)
    schemas = schemas.flatMap((schema) => stepInto(schema, step)).flatMap(alternatives);
  return schemas;
}

/** Names of the keys that a map at this path may have. */
export function knownKeysAt(root: JsonSchema, path: ConfigPath): readonly string[] {
  return [...new Set(schemasAt(root, path).flatMap((schema) => Object.keys(schema.properties ?? {})))];
}

/** Whether a scalar at this path is, or may have been meant as, something that must not be printed. */
export function isSecretAt(root: JsonSchema, path: ConfigPath): boolean {
  return schemasAt(root, path).some(holdsSecret);
}

function alternatives(schema: JsonSchema): readonly JsonSchema[] {
  const inner = (schema.anyOf ?? []).flatMap(alternatives);
  return inner.length === 0 ? [schema] : [schema, ...inner];
}

function stepInto(schema: JsonSchema, step: string | number): readonly JsonSchema[] {
  if (typeof step === 'number') return schema.items === undefined ? [] : [schema.items];
  const properties = schema.properties ?? {};
  const property = Object.hasOwn(properties, step) ? properties[step] : undefined;
  if (property !== undefined) return [property];
  return typeof schema.additionalProperties === 'object' ? [schema.additionalProperties] : [];
}

/** A secret written where the map or list around it belongs is a secret all the same. */
function holdsSecret(schema: JsonSchema): boolean {
  if (schema.writeOnly === true) return true;
  const inner = [...Object.values(schema.properties ?? {}), ...(schema.anyOf ?? [])];
  if (schema.items !== undefined) inner.push(schema.items);
  if (typeof schema.additionalProperties === 'object') inner.push(schema.additionalProperties);
  return inner.some(holdsSecret);
}
