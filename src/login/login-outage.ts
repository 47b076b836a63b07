import { Outage } from '../base/outage.ts';
import { AskFailed } from '../upstream/ask.ts';

/** Whatever kept the upstream from saying yes or no, as the one outage that a bridge throws. Faults of the gateway stay what they are. */
export function asLoginOutage(error: unknown): unknown {
  if (error instanceof AskFailed)
    return new Outage('login_unavailable', `the upstream did not answer: ${error.message}`, { cause: error });
  if (error instanceof Outage && error.code === 'identity_unavailable')
    return new Outage('login_unavailable', error.message, { cause: error });
  return error;
}
