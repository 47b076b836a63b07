import type { Secret } from '../base/secret.ts';

/** What a request presents. The kinds are the alternatives of a route's `accept`. */
export type Credential = ApiKeyCredential | BearerCredential;

export interface ApiKeyCredential {
  readonly kind: 'apiKey';
  readonly value: Secret;
}

export interface BearerCredential {
  readonly kind: 'bearer';
  readonly value: Secret;
}

export type CredentialKind = Credential['kind'];

/**
 * The credentials of one request: one, or a declared pair in which the key identifies the client and the
 * bearer the user.
 */
export type PresentedCredentials =
  | { readonly kind: 'single'; readonly credential: Credential }
  | { readonly kind: 'pair'; readonly client: ApiKeyCredential; readonly user: BearerCredential };

/** One alternative of a route's `accept`. */
export type AcceptedCredentials = CredentialKind | 'apiKey+bearer';
