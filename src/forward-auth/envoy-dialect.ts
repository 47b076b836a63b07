import type { IncomingMessage } from 'node:http';
import { err, ok } from '../base/result.ts';
import { onlyField, readMethod, readScheme, requiredField } from './checked-request.ts';
import { type Allowance, type CheckAnswer, type Dialect, plainRefusal } from './dialect.ts';

/** What Envoy puts before the path of what it asks about: `path_prefix` of its configuration. */
export const ENVOY_PREFIX = '/authz/envoy';

/** By which Envoy is told over HTTP what to take out of the request. */
export const REMOVAL_FIELD = 'x-envoy-auth-headers-to-remove';

/** Every field is set, and what is to be absent is also removed: Envoy does both in this order, and lets live what it is not told of. */
export function envoyAllowance({ fields, absent }: Allowance): CheckAnswer {
  return { status: 200, fields: [REMOVAL_FIELD, absent.join(',').toLowerCase(), ...fields], body: '' };
}

/** `/authz/envoy/…`: ext_authz over HTTP, Istio, Envoy Gateway. The request line and Host are the original's. */
export const envoyDialect: Dialect = {
  name: 'envoy',
  read(received: IncomingMessage) {
    const method = readMethod(received.method ?? '');
    if (!method.ok) return method;
    const host = requiredField(received, 'host');
    if (!host.ok) return host;
    const proto = onlyField(received, 'x-forwarded-proto');
    if (!proto.ok) return proto;
    const forwardedFor = onlyField(received, 'x-forwarded-for');
    if (!forwardedFor.ok) return forwardedFor;
    const scheme = readScheme(proto.value);
    if (!scheme.ok) return err(scheme.error);
    const target = (received.url ?? '').slice(ENVOY_PREFIX.length);
    return ok({
      method: method.value,
      target: target === '' ? '/' : target,
      host: host.value,
      scheme: scheme.value,
      forwardedFor: forwardedFor.value,
      fields: received.rawHeaders,
    });
  },
  allow: envoyAllowance,
  refuse: plainRefusal,
};
