/** Field by which a page shows that it is allowed to set fields: a form cannot, and a page elsewhere needs our leave first. */
export const CSRF_FIELD = 'gatehouse-csrf';

/** What is known of a request that a browser may have been made to send. Of a repeated field: the empty text. */
export interface CsrfFacts {
  readonly method: string;
  /** Value of `Gatehouse-CSRF`. */
  readonly csrfField: string | undefined;
  /** Value of `Sec-Fetch-Site`. Whatever sends any `Sec-Fetch-*` field sends this one. */
  readonly secFetchSite: string | undefined;
  readonly origin: string | undefined;
  /** `scheme://authority` of the gateway as the client sees it. */
  readonly ownOrigin: string;
  /** Other origins whose pages may use the credential, exactly. */
  readonly listedOrigins: ReadonlySet<string>;
  /** The session is that of an old client, which is no browser and knows nothing of the field. */
  readonly isLegacy: boolean;
  /** HTML forms of the gateway's own origin are taken as meant; forms cannot set the field. Absent: they are not. */
  readonly takesForms?: boolean;
}

/** Methods that change nothing (RFC 9110 §9.2.1). TRACE is never admitted. */
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Why a request with a cookie, or a login, is not taken as meant by its user; `undefined`: it is. Unsafe methods need the field, and
 * that the page is one of ours: by what the browser says of the site, or by its origin.
 */
export function csrfObjection(facts: CsrfFacts): string | undefined {
  const { method, csrfField, secFetchSite, origin, ownOrigin, listedOrigins, isLegacy } = facts;
  if (SAFE.has(method)) return undefined;
  if (isLegacy && origin === undefined && secFetchSite === undefined) return undefined;
  if (facts.takesForms === true && csrfField === undefined)
    return secFetchSite === 'same-origin' || (secFetchSite === undefined && origin === ownOrigin)
      ? undefined
      : "the form is not known to be of a page of the gateway's own origin";
  if (csrfField === undefined || csrfField === '') return 'Gatehouse-CSRF is missing, empty or repeated';
  if (secFetchSite === 'same-origin') return undefined;
  if (origin === undefined) return 'neither Sec-Fetch-Site: same-origin nor Origin';
  // Of a page without an origin of its own, such as a sandboxed frame: it could be anybody's.
  if (origin === '' || origin === 'null') return 'Origin is null, empty or repeated';
  if (origin === ownOrigin || listedOrigins.has(origin)) return undefined;
  return 'Origin is neither our own nor listed';
}
