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
 * Texts that are a credential by their looks: our own tokens and keys, anything with the form of a JWS, and what
 * follows an authentication scheme. Linear: no part can match in two ways.
 */
const CREDENTIAL_TEXT =
  /gh[a-z]_[A-Za-z0-9_]{16,}|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?|\b(Bearer|Basic|ApiKey|DPoP) +[A-Za-z0-9._~+/=-]{8,}/gi;

/** The same text without what looks like a credential. */
export function redactText(text: string): string {
  return text.replace(CREDENTIAL_TEXT, (_match, scheme: string | undefined) =>
    scheme === undefined ? REDACTED : `${scheme} ${REDACTED}`,
  );
}

/** The path of a request target; a query may carry credentials of other systems, so it is never logged. */
export function withoutQuery(target: string): string {
  const end = target.search(/[?#]/);
  return end === -1 ? target : target.slice(0, end);
}
