/** Why an exchange with a target broke off. */
export type FaultKind =
  /** What came is no answer that may be read: RFC 9112 leaves room for two readings, or a bound is passed. */
  | 'malformed'
  /** The other side closed the connection before its answer was whole. */
  | 'closed'
  /** The answer, or the next bytes of it, did not come in time. */
  | 'late'
  /** The pool is closed, as happens when the gateway stops. */
  | 'stopped'
  /** The request is nothing that can be sent. */
  | 'unsendable';

export class WireFault extends Error {
  readonly kind: FaultKind;

  constructor(kind: FaultKind, message: string) {
    super(message);
    this.name = 'WireFault';
    this.kind = kind;
  }
}

export function malformed(message: string): WireFault {
  return new WireFault('malformed', message);
}
