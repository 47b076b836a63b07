import type { IncomingMessage } from 'node:http';
import { err, ok } from '../base/result.ts';
import { onlyField, readMethod, readScheme, requiredField } from './checked-request.ts';
import { type Dialect, plainRefusal } from './dialect.ts';

/** What Envoy puts before the path of what it asks about: `path_prefix` of its configuration. */
export const ENVOY_PREFIX = '/authz/envoy';

/**
 * `/authz/envoy/…`: ext_authz over HTTP, Istio, Envoy Gateway. The request line and Host are the original's. Credentials are
 * named, since Envoy lets live what it is not told to remove; what it is told to set and to remove, it removes.
 */
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
  allow({ fields, emptied }) {
    const set = fields.filter((_, index) => !emptied.includes(fields[index - (index % 2)] ?? ''));
    return {
      status: 200,
      fields: ['x-envoy-auth-headers-to-remove', emptied.join(',').toLowerCase(), ...set],
      body: '',
    };
  },
  refuse: plainRefusal,
};
