import type { Duplex } from 'node:stream';
import type { DenyCode } from '../http/deny-codes.ts';
import type { TenantId } from '../tenants/tenant.ts';
import type { PaceRules } from './body-pace.ts';
import type { ClientResponse, ReceivedMessage } from './client-side.ts';

/** One request on its way to an upstream. Everything is decided; nothing here reads what the client asked for but its body. */
export interface ForwardedRequest {
  readonly method: string;
  /** Path and query as sent, base path included. */
  readonly target: string;
  /**
   * The fields to send to this target: name, value, name, value …, complete with Host, without message framing.
   * Called once per attempt, since identity may be bound to the authority. Throws `Outage` if the identity cannot be
   * made: then nothing is sent (outcome `failed`, code of the outage).
   */
  readonly fieldsFor: (target: Target) => string[];
  readonly body: RequestBody;
  /** Tenants may have targets of their own. */
  readonly tenant: TenantId | undefined;
  /** `X-Forwarded-Proto` and authority of the client's request, for rewriting Location. */
  readonly publicOrigin: string;
  /** Prefix that the route took from the path, empty if none; it is put back into Location. */
  readonly strippedPrefix: string;
  /**
   * Milliseconds; 0 = none. `headers`: from the end of the request to the head of the answer. `idle`: longest pause
   * within the answer's body, of the upstream as it sends and of the client as it reads.
   */
  readonly timeouts: { readonly headers: number; readonly idle: number };
  /** The request is the handshake of a WebSocket, whose answer has this Sec-WebSocket-Accept. Absent: an ordinary request. */
  readonly webSocketAccept: string | undefined;
  /**
   * Names of the fields that the answer depends on although no cache could know, as a value of Vary. With it, an answer
   * that says nothing of caches is said to be private. Undefined: whoever asks gets the same.
   */
  readonly variesBy: string | undefined;
  /** Fields (name, value …) in place of the Access-Control-* fields of the answer; `undefined`: those pass. */
  readonly crossOrigin: readonly string[] | undefined;
  /** Fields (name, value …) in place of RateLimit and RateLimit-Policy of the answer; absent: those pass. */
  readonly rateLimit?: readonly string[] | undefined;
  /** Undefined: Set-Cookie passes like any other field. */
  readonly answerCookies: AnswerCookies | undefined;
  /**
   * Called when the head of a `text/event-stream` was sent to the client. `end` ends it on both sides, in order; the outcome is `ended`.
   */
  readonly eventStreamBegan?: (end: () => void) => void;
}

/** What becomes of the cookies that an answer sets. */
export interface AnswerCookies {
  /**
   * Called once with the head of the answer; `setCookies`: the value of each Set-Cookie, in order. Gives those that the client gets, and
   * what the head has to wait for, if anything (it must not reject).
   */
  receive(
    status: number,
    location: string | undefined,
    setCookies: readonly string[],
  ): { readonly passed: readonly string[]; readonly settled?: Promise<void> };
}

export type RequestBody =
  | { readonly kind: 'none' }
  /** Content-Length was given and is within the limit. */
  | ({ readonly kind: 'sized'; readonly length: number } & PaceRules)
  /** Chunked: counted as it passes. */
  | ({ readonly kind: 'chunked'; readonly limit: number } & PaceRules);

export type ForwardOutcome =
  /** The answer was passed to its end. */
  | { readonly kind: 'answered'; readonly status: number; readonly target: string }
  /** The upstream took the handshake. `fields`: those of the 101, which is still to be sent; both sockets are the caller's now. */
  | { readonly kind: 'switched'; readonly fields: readonly string[]; readonly socket: Duplex }
  /** An event stream that `end` was called for. */
  | { readonly kind: 'ended'; readonly status: number }
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
  /** The tenant's own targets, or everybody's. At least one. */
  targetsOf(tenant: TenantId | undefined): readonly Target[];
  /**
   * Picks a target of the tenant (healthy ones first), streams request and answer. Calls `finished` exactly once,
   * which must not throw; throws nothing itself. After `failed`, what is left of the request's body is unread: if
   * `received.complete` is false, answer with `Connection: close` after `lingerBeforeClose(received)`.
   */
  forward(
    request: ForwardedRequest,
    received: ReceivedMessage,
    response: ClientResponse,
    finished: (outcome: ForwardOutcome) => void,
  ): void;
  /**
   * A request of the gateway's own, answered whole. Sent again only where the upstream cannot have seen it. Redirects are answers.
   * Throws `AskFailed`, and what `fieldsFor` throws.
   */
  ask(request: OwnRequest): Promise<OwnAnswer>;
}

export interface OwnRequest {
  readonly method: string;
  /** Path and query, without the base path. */
  readonly target: string;
  /** As of a forwarded request. */
  readonly fieldsFor: (target: Target) => string[];
  readonly body?: Buffer;
  readonly tenant: TenantId | undefined;
  /** From now to the end of the answer. */
  readonly timeoutMilliseconds: number;
  /** Most bytes of the answer's body. */
  readonly answerLimit: number;
  /** With it, Location is rewritten for a client that sees this origin, as in answers to forwarded requests. */
  readonly publicOrigin?: string;
}

export interface OwnAnswer {
  readonly status: number;
  /** Name, value … without hop-by-hop fields; each Set-Cookie apart. Latin-1. */
  readonly fields: readonly string[];
  readonly body: Buffer;
}

export interface Target {
  readonly origin: string;
  /** host[:port], lower-case, without the default port: as it goes into Host. */
  readonly authority: string;
  readonly isHealthy: boolean;
}
