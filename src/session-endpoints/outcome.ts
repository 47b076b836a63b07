import { type Denial, denial } from '../authorization/denial.ts';
import type { Client } from '../clients/client.ts';
import type { EndpointRecord } from '../endpoints/endpoint.ts';
import type { Json } from '../principals/principal.ts';
import type { Session } from '../sessions/session.ts';

/** What an endpoint for browser sessions has decided, before it is put into words. */
export type Outcome = Answered | Refused;

export interface Answered {
  readonly kind: 'answered';
  /** Absent: 204. */
  readonly body?: Readonly<Record<string, Json | undefined>>;
  /** Values of Set-Cookie. */
  readonly cookies?: readonly string[];
  /** Whose pages may read the answer. Absent: those of any client. */
  readonly client?: Client | undefined;
  readonly record?: Pick<EndpointRecord, 'principal' | 'tenant' | 'reason'>;
}

export interface Refused {
  readonly kind: 'refused';
  readonly denial: Denial;
  readonly cookies?: readonly string[];
  readonly client?: Client | undefined;
  /** Whose credential it was, once its possession was proven. */
  readonly session?: Session;
  readonly tenant?: EndpointRecord['tenant'];
}

export function refused(
  code: Denial['code'],
  reason: string,
  details: Pick<Refused, 'client' | 'session' | 'tenant' | 'cookies'> &
    Pick<Denial, 'principal' | 'retryAfterSeconds'> = {},
): Refused {
  const { principal, retryAfterSeconds, ...rest } = details;
  return {
    kind: 'refused',
    denial: denial(code, reason, {
      ...(principal !== undefined && { principal }),
      ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
    }),
    ...rest,
  };
}
