export interface Literal {
  readonly source: string;
  readonly flags: string;
}

/** After these a slash begins a regular expression; behind a value it divides. */
const BEFORE = /(?:^|[([{,;:=!&|?+<>~^%*-]|\b(?:return|typeof|case|of|in|throw|await))\s*$/;

/** Every regular expression that stands in a TypeScript text, outside of comments and strings. Of template literals, what is in `${…}` is read. */
export function regularExpressionsIn(text: string): readonly Literal[] {
  const found: Literal[] = [];
  /** Braces that are open in the current substitution of each template literal. */
  const templates: number[] = [];
  const start = text.startsWith('#!') ? endOf(text, '\n', 0) : 0;
  for (let at = start; at < text.length; ) {
    const two = text.slice(at, at + 2);
    const letter = text[at] ?? '';
    if (two === '//') at = endOf(text, '\n', at);
    else if (two === '/*') at = endOf(text, '*/', at + 2);
    else if (letter === "'" || letter === '"') at = endOfString(text, at + 1, letter);
    else if (letter === '`' || (letter === '}' && templates.at(-1) === 0)) {
      if (letter === '}') templates.pop();
      at = endOfString(text, at + 1, '`', '${');
      if (text.slice(at - 2, at) === '${') templates.push(0);
    } else if (letter === '/' && BEFORE.test(text.slice(Math.max(0, at - 200), at))) {
      const end = endOfExpression(text, at + 1);
      const flags = /^[a-z]*/.exec(text.slice(end))?.[0] ?? '';
      found.push({ source: text.slice(at + 1, end - 1), flags });
      at = end + flags.length;
    } else {
      const open = templates.length - 1;
      if (letter === '{' && open >= 0) templates[open] = (templates[open] ?? 0) + 1;
      if (letter === '}' && open >= 0) templates[open] = (templates[open] ?? 0) - 1;
      at += 1;
    }
  }
  return found;
}

function endOf(text: string, mark: string, from: number): number {
  const end = text.indexOf(mark, from);
  return end === -1 ? text.length : end + mark.length;
}

function endOfString(text: string, from: number, quote: string, other = quote): number {
  for (let at = from; at < text.length; at += 1) {
    if (text[at] === '\\') at += 1;
    else if (text.startsWith(quote, at)) return at + quote.length;
    else if (text.startsWith(other, at)) return at + other.length;
  }
  return text.length;
}

function endOfExpression(text: string, from: number): number {
  let isInClass = false;
  for (let at = from; at < text.length; at += 1) {
    if (text[at] === '\\') at += 1;
    else if (text[at] === '[') isInClass = true;
    else if (text[at] === ']') isInClass = false;
    else if (text[at] === '/' && !isInClass) return at + 1;
  }
  return text.length;
}
