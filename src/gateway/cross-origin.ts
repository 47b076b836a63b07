import type { ClientDirectory } from '../clients/client-directory.ts';
import { type CorsPolicy, crossOriginFields, isPreflight, preflightFields } from '../http/cors.ts';
import { type ReceivedFields, SLOTS } from '../http/received-fields.ts';
import type { Route } from '../routing/route.ts';
import { type AdmissionRequest, type DecisionFacts, findRoute } from './find-route.ts';
import type { Runtime } from './runtime.ts';

/** Fields of every answer of the route; `undefined`: it leaves them to the upstream. */
export function crossOriginOf(
  route: Pick<Route, 'cors'> | undefined,
  fields: ReceivedFields,
): readonly string[] | undefined {
  return route?.cors === undefined ? undefined : crossOriginFields(route.cors, fields.values[SLOTS.origin]);
}

/** Fields of refusals and outages of an endpoint of the gateway's own, whose other answers have fields of their own. */
export function crossOriginOfEndpoint(
  clients: Pick<ClientDirectory, 'isListedOrigin'>,
  fields: ReceivedFields,
): readonly string[] {
  const policy = { ...FOR_CLIENTS, lists: (origin: string) => clients.isListedOrigin(origin) };
  return crossOriginFields(policy, fields.values[SLOTS.origin]);
}

const FOR_CLIENTS = { credentials: true, methods: '', allowFields: '', exposeFields: '', maxAgeSeconds: 0 };

/**
 * A preflight of a route that has a policy, answered here without a look at any credential (Fetch standard §3.2.2: it has
 * none). Any other OPTIONS is a request like every other one.
 */
export function answerPreflight(
  request: AdmissionRequest,
  runtime: Runtime,
): { readonly facts: DecisionFacts; readonly fields: readonly string[] } | undefined {
  const origin = request.fields.values[SLOTS.origin];
  const method = request.fields.values[SLOTS.requestMethod];
  if (method === undefined || !isPreflight(request.method, origin, method)) return undefined;
  const routed = findRoute({ ...request, method }, runtime);
  const policy: CorsPolicy | undefined = routed.ok ? routed.value.route.cors : undefined;
  if (!routed.ok || policy === undefined) return undefined;
  return { facts: routed.value.facts, fields: preflightFields(policy, origin) };
}
