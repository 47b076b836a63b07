/**
 * An outage: the gateway cannot know, so it neither admits nor refuses. Answered 503 with `Retry-After`,
 * never 401 or 403. `message` is for the log; it names no secret, and none of it reaches the client.
 */
export class Outage extends Error {
  readonly code: OutageCode;

  constructor(code: OutageCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'Outage';
    this.code = code;
  }
}

/** `store_unavailable`: our store; `issuer_unavailable`: keys or introspection of an issuer; `identity_unavailable`: no assertion could be made; `login_unavailable`: the upstream did not say whether a password is right. */
export type OutageCode =
  | 'store_unavailable'
  | 'issuer_unavailable'
  | 'identity_unavailable'
  | 'login_unavailable';

/** Thrown by every store port when it cannot know. */
export class StoreUnavailable extends Outage {
  constructor(message: string, options?: ErrorOptions) {
    super('store_unavailable', message, options);
    this.name = 'StoreUnavailable';
  }
}
