export const REDACTED = '[redacted]';

/** Members that hold a credential wherever a caller may put them; compared in lower case. */
const SECRET_MEMBERS: ReadonlySet<string> = new Set([
  'authorization',
  'cookie',
  'key',
  'password',
  'pepper',
  'proxy-authorization',
  'secret',
  'set-cookie',
  'token',
  'x-api-key',
]);
/** A logged request with `headers` needs three. */
const MEMBER_DEPTH = 4;

/**
 * The same members with credentials replaced, down to `MEMBER_DEPTH`. Objects with a class of their own are left to
 * their serializers. Copies only what it must: pino's own redaction by wildcard paths copies every line, which costs
 * over a hundred microseconds.
 */
export function redactMembers(members: Record<string, unknown>): Record<string, unknown> {
  return redactObject(members, MEMBER_DEPTH);
}

function redactObject(members: Record<string, unknown>, depth: number): Record<string, unknown> {
  let copy: Record<string, unknown> | undefined;
  for (const name of Object.keys(members)) {
    const value = members[name];
    const safe = SECRET_MEMBERS.has(name.toLowerCase()) ? REDACTED : redactValue(value, depth - 1);
    if (safe === value) continue;
    copy ??= { ...members };
    copy[name] = safe;
  }
  return copy ?? members;
}

function redactValue(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null || depth === 0) return value;
  if (Array.isArray(value)) return value.map((item) => redactValue(item, depth - 1));
  const prototype: unknown = Object.getPrototypeOf(value);
  const isPlain = prototype === Object.prototype || prototype === null;
  return isPlain ? redactObject(value as Record<string, unknown>, depth) : value;
}

/**
 * A run of characters that our own keys and tokens and a JWS consist of, long enough to be one; or what follows an
 * authentication scheme. Linear: a run is taken whole, and what fails does so within a bounded number of steps.
 */
const SUSPECT = /[\w.-]{20,}|\b(Bearer|Basic|ApiKey|DPoP) +[\w.~+/=-]{8,}/gi;
/** What every credential of `SUSPECT` has in it; most texts have none of it, and that is told ten times faster. */
const MARK = /gh[a-z]_|eyJ|(?:bearer|basic|apikey|dpop) /i;
const OWN_CREDENTIAL = /gh[a-z]_\w{16}/i;

/** The same text without what looks like a credential: our own keys and tokens, anything with the form of a JWS. */
export function redactText(text: string): string {
  if (!MARK.test(text)) return text;
  return text.replace(SUSPECT, (suspect, scheme: string | undefined) => {
    if (scheme !== undefined) return `${scheme} ${REDACTED}`;
    const start = credentialStart(suspect);
    return start === -1 ? suspect : suspect.slice(0, start) + REDACTED;
  });
}

/** A JWS begins with `{"` in base64url, and has a dot after its header. -1: nothing. */
function credentialStart(run: string): number {
  const own = run.search(OWN_CREDENTIAL);
  if (own !== -1) return own;
  const header = run.indexOf('eyJ');
  return header !== -1 && run.includes('.', header) ? header : -1;
}

/** The path of a request target; a query may carry credentials of other systems, so it is never logged. */
export function withoutQuery(target: string): string {
  const end = target.search(/[?#]/);
  return end === -1 ? target : target.slice(0, end);
}
