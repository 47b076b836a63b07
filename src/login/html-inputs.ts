/** UTF-16 units; what comes behind is not looked at. */
const LONGEST_PAGE = 256 * 1024;
const TAG_NAME = /[a-z][^\s/>]*/iy;
/** Nothing in there is an element. */
const OPAQUE: ReadonlySet<string> = new Set(['script', 'style', 'textarea', 'title']);
const ATTRIBUTE = /([^\s"'<>/=]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>][^\s>]*)))?/g;

/**
 * The value of the first input element of this name in an HTML page, as a browser would send it; `undefined` = there is none. It reads what
 * login pages are made of, not all of HTML, in one walk over the page.
 */
export function inputValue(html: string, name: string): string | undefined {
  const page = html.slice(0, LONGEST_PAGE);
  const folded = page.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
  let at = page.indexOf('<');
  while (at !== -1) {
    const isComment = page.startsWith('<!--', at);
    const tag = isComment ? '' : tagNameAt(page, at + 1);
    // An end tag, or a sign in the text.
    const isPassed = !isComment && tag === '';
    const end = isPassed ? at + 1 : isComment ? endOf(page, '-->', at + 4) : endOfTag(page, at);
    // Unclosed: all the rest belongs to it.
    if (end === -1) return undefined;
    if (tag === 'input') {
      const found = readAttributes(page.slice(at + 1 + tag.length, end - 1));
      if (found.get('name') === name) return found.get('value') ?? '';
    }
    const next = OPAQUE.has(tag) ? endOf(folded, `</${tag}`, end) : end;
    if (next === -1) return undefined;
    at = page.indexOf('<', next);
  }
  return undefined;
}

/** Empty: it is no start tag. */
function tagNameAt(page: string, at: number): string {
  TAG_NAME.lastIndex = at;
  return TAG_NAME.exec(page)?.[0].toLowerCase() ?? '';
}

/** Behind the text; -1: it is not there. */
function endOf(page: string, text: string, from: number): number {
  const at = page.indexOf(text, from);
  return at === -1 ? -1 : at + text.length;
}

/** Behind the `>` of the tag that begins here. Quotes hide one only where a value begins with them. */
function endOfTag(page: string, start: number): number {
  let isValueNext = false;
  for (let index = start + 1; index < page.length; index += 1) {
    const character = page.charAt(index);
    if (character === '>') return index + 1;
    if (isValueNext && (character === '"' || character === "'")) {
      index = page.indexOf(character, index + 1);
      if (index === -1) return -1;
    }
    if (character.trim() !== '') isValueNext = character === '=';
  }
  return -1;
}

/** Of an attribute that is given twice, the first one counts (HTML §13.2.5.33). */
function readAttributes(text: string): ReadonlyMap<string, string> {
  const attributes = new Map<string, string>();
  for (const [, name = '', double, single, bare] of text.matchAll(ATTRIBUTE)) {
    const key = name.toLowerCase();
    if (!attributes.has(key)) attributes.set(key, decodeEntities(double ?? single ?? bare ?? ''));
  }
  return attributes;
}

const NAMED_ENTITIES: Readonly<Record<string, string>> = {
  amp: '&',
  apos: "'",
  gt: '>',
  lt: '<',
  nbsp: '\u00a0',
  quot: '"',
};

/** Numbers, and the names that encoders of attributes use. */
function decodeEntities(text: string): string {
  return text.replace(/&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|([a-z]{2,4}));/gi, (written, hex, decimal, name) => {
    if (typeof name === 'string') return NAMED_ENTITIES[name.toLowerCase()] ?? written;
    const code = typeof hex === 'string' ? Number.parseInt(hex, 16) : Number(decimal);
    return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : '\ufffd';
  });
}
