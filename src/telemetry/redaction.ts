/**
 * Members that carry a credential wherever a caller may put them. pino compiles the paths once; they reach three
 * levels deep, which is what a logged request with `headers` needs.
 */
const SECRET_MEMBERS = [
  'authorization',
  'cookie',
  'key',
  'password',
  'pepper',
  'secret',
  'token',
  '["proxy-authorization"]',
  '["set-cookie"]',
  '["x-api-key"]',
] as const;

export const REDACTED = '[redacted]';

export const REDACTED_PATHS: readonly string[] = SECRET_MEMBERS.flatMap((member) => {
  const step = member.startsWith('[') ? member : `.${member}`;
  return [member, `*${step}`, `*.*${step}`];
});

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
