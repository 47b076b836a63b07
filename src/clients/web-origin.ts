/** Scheme, host and port, nothing else; so never `null`, which every sandboxed page sends. */
export const WEB_ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[^\s/?#@\\,*]+$/;

/** Whether a text that has the form of an origin is one as browsers write it: lower-case, without the default port. */
export function isOriginAsSent(value: string): boolean {
  return !/^https?:/.test(value) || (URL.canParse(value) && new URL(value).origin === value);
}
