import type { Secret } from '../base/secret.ts';

/** What a request presents. */
export type Credential = ApiKeyCredential | BearerCredential | SessionCredential | TicketCredential;

export interface ApiKeyCredential {
  readonly kind: 'apiKey';
  readonly value: Secret;
}

export interface BearerCredential {
  readonly kind: 'bearer';
  readonly value: Secret;
}

/** The value of a session cookie of ours. */
export interface SessionCredential {
  readonly kind: 'session';
  readonly value: Secret;
}

/** A single-use ticket in the query, for what cannot send a field. */
export interface TicketCredential {
  readonly kind: 'ticket';
  readonly value: Secret;
  /** Value of a session cookie that came along, since browsers send cookies unasked: it has to be of the same session. */
  readonly cookie?: Secret;
}

export type CredentialKind = Credential['kind'];

/** What names a user beside an API key that names the client. */
export type UserCredential = BearerCredential | SessionCredential;

/** The credentials of one request: one, or a declared pair in which the key identifies the client and the other the user. */
export type PresentedCredentials =
  | { readonly kind: 'single'; readonly credential: Credential }
  | { readonly kind: 'pair'; readonly client: ApiKeyCredential; readonly user: UserCredential };

/** The alternatives of a route's `accept`. */
export const ACCEPTED_CREDENTIALS = [
  'apiKey',
  'bearer',
  'session',
  'ticket',
  'apiKey+bearer',
  'apiKey+session',
] as const;

/** One alternative of a route's `accept`. */
export type AcceptedCredentials = (typeof ACCEPTED_CREDENTIALS)[number];
