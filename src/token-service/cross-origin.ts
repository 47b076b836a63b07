import type { ClientDirectory } from '../clients/client-directory.ts';
import type { Endpoint, EndpointAnswer } from '../endpoints/endpoint.ts';
import { type CorsPolicy, crossOriginFields, isPreflight, preflightFields } from '../http/cors.ts';

const MAX_AGE_SECONDS = 600;

/**
 * An endpoint that pages of the origins that clients list may call. It looks at no cookie, so a page gets nothing that it could not
 * send from anywhere else.
 */
export function openToListedOrigins(
  endpoint: Endpoint,
  clients: Pick<ClientDirectory, 'isListedOrigin'>,
): Endpoint {
  const policy: CorsPolicy = {
    lists: (origin) => clients.isListedOrigin(origin),
    credentials: false,
    methods: endpoint.methods.join(', '),
    allowFields: 'Content-Type',
    exposeFields: 'Retry-After',
    maxAgeSeconds: MAX_AGE_SECONDS,
  };
  return {
    ...endpoint,
    methods: [...endpoint.methods, 'OPTIONS'],
    async answer(call) {
      const origin = call.field('origin');
      if (isPreflight(call.method, origin, call.field('access-control-request-method')))
        return withoutContent(preflightFields(policy, origin));
      if (call.method === 'OPTIONS')
        return withoutContent(['Allow', [...endpoint.methods, 'OPTIONS'].join(', ')]);
      const answer = await endpoint.answer(call);
      return { ...answer, fields: [...answer.fields, ...crossOriginFields(policy, origin)] };
    },
  };
}

function withoutContent(fields: readonly string[]): EndpointAnswer {
  return { status: 204, fields, body: '', record: { decision: 'admitted', code: 'admitted' } };
}
