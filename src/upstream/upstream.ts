import type { IncomingMessage, ServerResponse } from 'node:http';
import type { DenyCode } from '../http/deny-codes.ts';
import type { TenantId } from '../tenants/tenant.ts';

/** One request on its way to an upstream. Everything is decided; nothing here reads what the client asked for but its body. */
export interface ForwardedRequest {
  readonly method: string;
  /** Path and query as sent, base path included. */
  readonly target: string;
  /** Name, value, name, value …; complete but for Host and framing, which come from the fields below. */
  readonly fields: string[];
  /** Value of Host. `undefined`: the authority of the chosen target. */
  readonly host: string | undefined;
  readonly body: RequestBody;
  /** Tenants may have targets of their own. */
  readonly tenant: TenantId | undefined;
  /** `X-Forwarded-Proto` and authority of the client's request, for rewriting Location. */
  readonly publicOrigin: string;
  readonly timeouts: { readonly headers: number; readonly idle: number };
}

export type RequestBody =
  | { readonly kind: 'none' }
  /** Content-Length was given and is within the limit. */
  | { readonly kind: 'sized'; readonly length: number; readonly idleMilliseconds: number }
  /** Chunked: counted as it passes. */
  | { readonly kind: 'chunked'; readonly limit: number; readonly idleMilliseconds: number };

export type ForwardOutcome =
  /** The answer was passed to its end. */
  | { readonly kind: 'answered'; readonly status: number; readonly target: string }
  /** The client left; the upstream's request was aborted. */
  | { readonly kind: 'clientGone'; readonly status: number | undefined }
  /**
   * Nothing of an answer was sent to the client: the caller answers with `code`. `reason` is for the log only.
   */
  | { readonly kind: 'failed'; readonly code: DenyCode; readonly reason: string }
  /** The head was sent already, then it broke: the client's connection was destroyed so that it sees the truncation. */
  | { readonly kind: 'truncated'; readonly status: number; readonly reason: string };

/** A named upstream with its targets, compiled from the configuration. */
export interface Upstream {
  readonly name: string;
  /**
   * The authority that the upstream will see for a tenant, when `host: upstream`; chosen before dispatch so that
   * identity fields can be bound to it. Picks a target (healthy ones first); throws nothing.
   */
  choose(tenant: TenantId | undefined): Target;
  /** Streams request and answer. Calls `finished` exactly once; throws nothing. */
  forward(request: ForwardedRequest, target: Target, received: IncomingMessage, response: ServerResponse, finished: (outcome: ForwardOutcome) => void): void;
}

export interface Target {
  readonly origin: string;
  /** host[:port] as it goes into Host. */
  readonly authority: string;
  readonly isHealthy: boolean;
}
