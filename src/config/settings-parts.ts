import { Secret } from '../base/secret.ts';
import type { ConfigPath } from './problem.ts';
import type { Settings } from './schema/config.ts';
import { valueAt } from './value-at.ts';

/** A piece of settings on its way to another thread: small enough to be read without holding up requests. */
export interface SettingsPart {
  /** Of the settings. A list or map of many entries comes in several parts. */
  readonly key: string;
  readonly content: unknown;
  /** What a `Secret` holds is lost on the way, on purpose; here it is, by its place in the content. */
  readonly secrets: readonly { readonly path: ConfigPath; readonly value: string }[];
}

const MOST_ENTRIES = 250;

export function partsOf(settings: Settings): readonly SettingsPart[] {
  return Object.entries(settings).flatMap(([key, value]) =>
    slicesOf(value).map((content) => ({ key, content, secrets: [...secretsIn(content, [])] })),
  );
}

/** The settings again, once all parts are added in their order. */
export function addPart(settings: Record<string, unknown>, { key, content, secrets }: SettingsPart): void {
  for (const { path, value } of secrets) {
    const parent = valueAt(content, path.slice(0, -1)) as Record<string | number, unknown>;
    parent[path.at(-1) ?? ''] = new Secret(value);
  }
  const earlier = settings[key];
  if (Array.isArray(earlier) && Array.isArray(content)) earlier.push(...content);
  else if (isMap(earlier) && isMap(content)) Object.assign(earlier, content);
  else settings[key] = content;
}

function slicesOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return sliced(value);
  return isMap(value) ? sliced(Object.entries(value)).map((entries) => Object.fromEntries(entries)) : [value];
}

function sliced<T>(entries: readonly T[]): readonly (readonly T[])[] {
  if (entries.length <= MOST_ENTRIES) return [entries];
  return [entries.slice(0, MOST_ENTRIES), ...sliced(entries.slice(MOST_ENTRIES))];
}

function* secretsIn(value: unknown, path: ConfigPath): Generator<SettingsPart['secrets'][number]> {
  if (value instanceof Secret) yield { path, value: value.reveal() };
  else if (typeof value === 'object' && value !== null)
    for (const [name, member] of Object.entries(value)) yield* secretsIn(member, [...path, name]);
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Secret);
}
