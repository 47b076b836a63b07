import type { Client } from '../clients/client.ts';
import type { EndpointCall } from '../endpoints/endpoint.ts';
import { CSRF_FIELD, csrfObjection } from '../http/csrf.ts';

/** Why a call is not taken as meant by the user of a browser; `undefined`: it is. Pages of the client's origins may call. */
export function objectionTo(
  call: EndpointCall,
  client: Pick<Client, 'origins'> | undefined,
): string | undefined {
  const valueOf = (name: string): string | undefined => (call.isRepeated(name) ? '' : call.field(name));
  return csrfObjection({
    method: call.method,
    csrfField: valueOf(CSRF_FIELD),
    secFetchSite: valueOf('sec-fetch-site'),
    origin: valueOf('origin'),
    ownOrigin: call.origin,
    listedOrigins: new Set(client?.origins),
    isLegacy: false,
  });
}
