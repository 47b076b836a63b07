import { err, ok, type Result } from '../base/result.ts';
import type { Json } from '../principals/principal.ts';

export type JsonObject = { readonly [name: string]: Json };

/** Deep enough for every claims set; shallow enough that nobody downstream recurses too far. */
const MAX_DEPTH = 32;

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Strings and punctuation of a text that is known to be JSON. */
const TOKENS = /"(?:[^"\\]+|\\.)*"|[{}[\],]/g;

/**
 * A JSON object from bytes, read so that no two parsers can disagree about it: valid UTF-8, and no member name twice in any object at any
 * level (RFC 8259 §4 leaves that open; RFC 7515 §4 and RFC 7519 §4 forbid it). The error says what is wrong and
 * quotes nothing.
 */
export function parseStrictJson(bytes: Uint8Array): Result<JsonObject, string> {
  let text: string;
  let value: unknown;
  try {
    text = UTF8.decode(bytes);
    value = JSON.parse(text);
  } catch {
    return err('is not JSON in UTF-8');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return err('is not a JSON object');
  const fault = faultOf(text);
  return fault === undefined ? ok(value as JsonObject) : err(fault);
}

function faultOf(text: string): string | undefined {
  // Names seen so far in each open object; `undefined` stands for an open array.
  const open: (Set<string> | undefined)[] = [];
  let isNameNext = false;
  for (const [token] of text.matchAll(TOKENS)) {
    switch (token) {
      case '{':
      case '[':
        if (open.length === MAX_DEPTH) return 'is nested too deeply';
        open.push(token === '{' ? new Set() : undefined);
        isNameNext = token === '{';
        break;
      case '}':
      case ']':
        open.pop();
        isNameNext = false;
        break;
      case ',':
        isNameNext = open.at(-1) !== undefined;
        break;
      default: {
        if (!isNameNext) break;
        isNameNext = false;
        const names = open.at(-1);
        // Unescaped first: "tenant" and "\u0074enant" are one name.
        const name = JSON.parse(token) as string;
        if (names?.has(name) === true) return 'has a member twice';
        names?.add(name);
      }
    }
  }
  return undefined;
}
