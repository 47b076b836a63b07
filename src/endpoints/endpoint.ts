import type { EpochMilliseconds } from '../base/clock.ts';
import type { DenyCode } from '../http/deny-codes.ts';
import type { Principal } from '../principals/principal.ts';
import type { TenantId } from '../tenants/tenant.ts';

/** A request to the gateway itself (`/session`, `/oauth/token` …): Host, framing and peer are judged, the body is read. */
export interface EndpointCall {
  readonly method: string;
  /** Canonical path. */
  readonly path: string;
  /** Without `?`; empty if there is none. */
  readonly query: string;
  /** Normalised, without port. */
  readonly host: string;
  readonly scheme: 'http' | 'https';
  /** `scheme://authority` as the client sees it, for comparison with Origin. */
  readonly origin: string;
  /** Tenant that the host names. */
  readonly hostTenant: TenantId | undefined;
  /** Believed address of the client. */
  readonly peer: string;
  /** Value of a field by its lower-case name: of several, `isRepeated` says so and this is the first. */
  field(name: string): string | undefined;
  isRepeated(name: string): boolean;
  /** Name, value … of the fields that may be forwarded to an upstream (intercepted logins only need it). */
  readonly forwardable: readonly string[];
  readonly body: Buffer;
  readonly now: EpochMilliseconds;
  /** Names the decision; refusals quote it. */
  readonly decisionId: string;
}

/** What log, audit and metrics are told of a call. */
export interface EndpointRecord {
  readonly decision: 'admitted' | 'denied' | 'failed';
  /** `admitted`, or what it was refused with. */
  readonly code: 'admitted' | DenyCode;
  /** For people inside only; names no secret. */
  readonly reason?: string;
  readonly principal?: Pick<Principal, 'subject' | 'credentialId'>;
  readonly tenant?: TenantId;
}

export interface EndpointAnswer {
  readonly status: number;
  /** Name, value …, without Content-Length and Connection. */
  readonly fields: readonly string[];
  readonly body: string | Buffer;
  readonly record: EndpointRecord;
}

/** Something that the gateway answers itself. */
export interface Endpoint {
  /** Name in logs and metrics, as of a route: `oauth-token`, `session`. */
  readonly id: string;
  /** Any other is 405; HEAD comes with GET. */
  readonly methods: readonly string[];
  /** Bytes; a longer body is 413. */
  readonly bodyLimit: number;
  /** May throw an `Outage`, which is answered 503 with Retry-After. Anything else thrown is answered 500. */
  answer(call: EndpointCall): Promise<EndpointAnswer>;
}
