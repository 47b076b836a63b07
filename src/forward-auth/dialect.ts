import type { IncomingMessage } from 'node:http';
import type { Denial } from '../authorization/denial.ts';
import type { Result } from '../base/result.ts';
import type { CheckedRequest } from './checked-request.ts';

/** What is answered to the proxy in front. */
export interface CheckAnswer {
  readonly status: number;
  /** Name, value …, without framing. */
  readonly fields: readonly string[];
  readonly body: string;
}

/** What an admitted request is to carry. */
export interface Allowance {
  /** Name, value … of every identity and credential field, whatever the request: empty where it is to have no value. */
  readonly fields: readonly string[];
  /**
   * Names of those among them that a request through us would not carry at all, for proxies that can take fields out. What is empty and not
   * here is sent empty: a request signature covers it.
   */
  readonly absent: readonly string[];
}

/** A refusal or an outage, as it would be answered to the client itself. */
export interface CheckRefusal {
  readonly status: number;
  /** Name, value …: challenges, Retry-After, Allow, decision id. */
  readonly fields: readonly string[];
  readonly contentType: string;
  readonly body: string;
}

/** How one kind of proxy asks, and what it understands as an answer. */
export interface Dialect {
  readonly name: string;
  /** What cannot be read is refused, never guessed from other fields. */
  read(received: IncomingMessage): Result<CheckedRequest, Denial>;
  allow(allowance: Allowance): CheckAnswer;
  refuse(refusal: CheckRefusal): CheckAnswer;
}

/** Exactly 200, with an empty body: some proxies take no other 2xx. */
export function plainAllowance({ fields }: Allowance): CheckAnswer {
  return { status: 200, fields, body: '' };
}

/** The answer that the client would have got from us. */
export function plainRefusal({ status, fields, contentType, body }: CheckRefusal): CheckAnswer {
  return { status, fields: ['Content-Type', contentType, ...fields], body };
}
