import { randomBytes } from 'node:crypto';

const BATCH = 36 ** 6;
let prefix = '';
let next = BATCH;

/**
 * An id for one decision, unique over all replicas: 60 random bits per process and batch, then a counter. It only ties
 * a client's answer to our records, so it need not be hard to guess.
 */
export function nextDecisionId(): string {
  if (next >= BATCH) {
    prefix = BigInt(`0x${randomBytes(8).toString('hex')}`)
      .toString(36)
      .slice(0, 11)
      .padStart(11, '0');
    next = 0;
  }
  const id = `${prefix}${next.toString(36).padStart(6, '0')}`;
  next += 1;
  return id;
}
