/** What a regular expression consists of, as far as its running time depends on it. */
export type Tree =
  /** One letter of these; the last place stands for all letters past Latin-1. */
  | { readonly kind: 'letter'; readonly letters: readonly boolean[] }
  | { readonly kind: 'sequence'; readonly parts: readonly Tree[] }
  | { readonly kind: 'choice'; readonly parts: readonly Tree[] }
  /** `most` is Infinity where there is no bound. */
  | { readonly kind: 'repeat'; readonly part: Tree; readonly least: number; readonly most: number }
  | { readonly kind: 'look'; readonly part: Tree }
  /** `^`, which nothing but the beginning passes. */
  | { readonly kind: 'start' }
  /** `$`, which can fail behind anything. */
  | { readonly kind: 'end' };

const LETTERS = 257;

/** Parses the source of a regular expression. Throws on what it does not know: back references above all, which no bound holds for. */
export function parseExpression(source: string, flags: string): Tree {
  let at = 0;

  function choice(): Tree {
    const parts = [sequence()];
    while (source[at] === '|') {
      at += 1;
      parts.push(sequence());
    }
    return parts.length === 1 ? (parts[0] ?? NOTHING) : { kind: 'choice', parts };
  }

  function sequence(): Tree {
    const parts: Tree[] = [];
    while (at < source.length && source[at] !== '|' && source[at] !== ')') parts.push(repeated(atom()));
    return { kind: 'sequence', parts };
  }

  function repeated(part: Tree): Tree {
    const mark = /^(?:[*+?]|\{(\d+)(,?)(\d*)\})/.exec(source.slice(at));
    if (mark === null) return part;
    at += mark[0].length;
    if (source[at] === '?') at += 1;
    const [text, least, comma, most] = mark;
    if (text === '*') return { kind: 'repeat', part, least: 0, most: Number.POSITIVE_INFINITY };
    if (text === '+') return { kind: 'repeat', part, least: 1, most: Number.POSITIVE_INFINITY };
    if (text === '?') return { kind: 'repeat', part, least: 0, most: 1 };
    const bound = comma === '' ? Number(least) : most === '' ? Number.POSITIVE_INFINITY : Number(most);
    return { kind: 'repeat', part, least: Number(least), most: bound };
  }

  function atom(): Tree {
    const letter = source[at] ?? '';
    if (letter === '(') return group();
    if (letter === '[') return characterClass();
    at += 1;
    if (letter === '^') return { kind: 'start' };
    if (letter === '$') return { kind: 'end' };
    if (letter === '.') return letters((code) => flags.includes('s') || (code !== 0x0a && code !== 0x0d));
    if (letter === '\\' && /[bB]/.test(source[at] ?? '')) {
      at += 1;
      return { kind: 'look', part: NOTHING };
    }
    if (letter === '\\') return { kind: 'letter', letters: escape() };
    return letters((code) => code === letter.charCodeAt(0));
  }

  function group(): Tree {
    const opening = /^\((?:\?(?::|<?[=!]|<\w+>))?/.exec(source.slice(at))?.[0] ?? '(';
    at += opening.length;
    const part = choice();
    at += 1;
    return /[=!]$/.test(opening) ? { kind: 'look', part } : part;
  }

  function characterClass(): Tree {
    at += 1;
    const isNegated = source[at] === '^';
    if (isNegated) at += 1;
    const found = Array.from({ length: LETTERS }, () => false);
    while (source[at] !== ']') {
      const first = one();
      if (source[at] === '-' && source[at + 1] !== ']') {
        at += 1;
        const last = one();
        for (let code = first.indexOf(true); code <= last.lastIndexOf(true); code += 1) found[code] = true;
      } else for (const [code, isIn] of first.entries()) if (isIn) found[code] = true;
    }
    at += 1;
    return letters((code) => found[code] !== isNegated);
  }

  function one(): readonly boolean[] {
    const letter = source[at] ?? '';
    at += 1;
    return letter === '\\' ? escape(true) : only(letter.charCodeAt(0));
  }

  function escape(isInClass = false): readonly boolean[] {
    const letter = source[at] ?? '';
    at += 1;
    const known = CLASSES[letter.toLowerCase()];
    if (known !== undefined && /[dsw]/i.test(letter))
      return table((code) => known.test(String.fromCharCode(code)) === (letter === letter.toLowerCase()));
    if (letter === 'p' || letter === 'P') {
      const property = /^\{[^}]+\}/.exec(source.slice(at))?.[0] ?? '';
      at += property.length;
      // Outside of Latin-1 some letters have it and some have not: it may be either.
      const pattern = new RegExp(`\\${letter}${property}`, 'u');
      return table((code) => code === LETTERS - 1 || pattern.test(String.fromCharCode(code)));
    }
    if (letter === 'x' || letter === 'u') {
      const hex =
        /^(?:\{[0-9a-f]+\}|[0-9a-f]{2,4})/i.exec(source.slice(at, letter === 'x' ? at + 2 : at + 4))?.[0] ??
        '';
      at += hex.length;
      return only(Number.parseInt(hex.replace(/[{}]/g, ''), 16));
    }
    if (/[1-9k]/.test(letter) && !isInClass) throw new Error('a back reference');
    return only((CONTROLS[letter] ?? letter).charCodeAt(0));
  }

  function letters(isIn: (code: number) => boolean): Tree {
    const chosen = table(isIn);
    if (!flags.includes('i')) return { kind: 'letter', letters: chosen };
    const folded = table(
      (code) =>
        chosen[code] === true ||
        chosen[String.fromCharCode(code).toLowerCase().charCodeAt(0)] === true ||
        chosen[String.fromCharCode(code).toUpperCase().charCodeAt(0)] === true,
    );
    return { kind: 'letter', letters: folded };
  }

  const tree = choice();
  if (at < source.length) throw new Error(`cannot read ${source.slice(at)}`);
  return tree;
}

const NOTHING: Tree = { kind: 'sequence', parts: [] };
const CLASSES: Readonly<Record<string, RegExp>> = { d: /\d/, s: /\s/, w: /\w/ };
const CONTROLS: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', f: '\f', v: '\v', '0': '\0' };

function table(isIn: (code: number) => boolean): readonly boolean[] {
  return Array.from({ length: LETTERS }, (_, code) => isIn(code));
}

function only(code: number): readonly boolean[] {
  return table((each) => each === Math.min(code, LETTERS - 1));
}
