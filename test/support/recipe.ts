import { readFileSync } from 'node:fs';
import path from 'node:path';

const RECIPES = path.resolve(import.meta.dirname, '../../deploy/recipes');

/**
 * A file of deploy/recipes, such as `envoy/http.yaml`, with its example addresses replaced by those of a test. Each must be in it: what the
 * test does not point to its own servers would run against none.
 */
export function readRecipe(name: string, replacements: Readonly<Record<string, string>>): string {
  let text = readFileSync(path.join(RECIPES, name), 'utf8');
  for (const [example, actual] of Object.entries(replacements)) {
    if (!text.includes(example)) throw new Error(`${name} has no "${example}"`);
    text = text.replaceAll(example, actual);
  }
  return text;
}
