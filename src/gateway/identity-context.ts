import type { IdentityContext } from '../assertion/identity.ts';
import type { EpochMilliseconds } from '../base/clock.ts';
import { isRepeated, type ReceivedFields, SLOTS } from '../http/received-fields.ts';
import type { Admitted } from './admit.ts';

/** A request as the upstream will get it. */
type SentMessage = Pick<IdentityContext, 'method' | 'authority' | 'path' | 'query'>;

/** What the upstream may be told about an admitted request that is sent as this message. */
export function identityContextOf(
  { principal, clientPrincipal, tenant, route }: Admitted,
  received: ReceivedFields,
  { method, authority, path, query }: SentMessage,
  now: EpochMilliseconds,
): IdentityContext {
  return {
    principal,
    clientPrincipal,
    tenant,
    lendsTenantCredentials: route.lendsTenantCredentials,
    now,
    method,
    authority,
    path,
    query,
    contentDigest: isRepeated(received, SLOTS.contentDigest)
      ? undefined
      : received.values[SLOTS.contentDigest],
  };
}
