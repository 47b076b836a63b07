/** What is skipped as a whole: nothing in there is an element. Unclosed, it goes to the end. */
const OPAQUE = /<!--[\s\S]*?(?:-->|$)|<(script|style|textarea|title)\b[\s\S]*?(?:<\/\1|$)/gi;
/** UTF-16 units; what comes behind is not looked at. */
const LONGEST_PAGE = 256 * 1024;
const INPUT = /<input(?=[\s/>])((?:[^>"']|"[^"]*"|'[^']*')*)>/gi;
const ATTRIBUTE = /([^\s"'<>/=]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'=<>`]+)))?/g;

/**
 * The value of the first input element of this name in an HTML page, as a browser would send it; `undefined` = there is none. It reads what
 * login pages are made of, not all of HTML.
 */
export function inputValue(html: string, name: string): string | undefined {
  for (const [, attributes = ''] of html.slice(0, LONGEST_PAGE).replace(OPAQUE, ' ').matchAll(INPUT)) {
    const found = readAttributes(attributes);
    if (found.get('name') === name) return found.get('value') ?? '';
  }
  return undefined;
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
