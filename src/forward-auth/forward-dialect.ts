import { err, ok } from '../base/result.ts';
import { onlyField, readMethod, readScheme, requiredField } from './checked-request.ts';
import { type Dialect, plainAllowance, plainRefusal } from './dialect.ts';

/** `/authz/forward`: Traefik ForwardAuth, Caddy forward_auth, HAProxy auth-request; the original is in X-Forwarded-*. */
export const forwardDialect: Dialect = {
  name: 'forward',
  read(received) {
    const method = requiredField(received, 'x-forwarded-method');
    if (!method.ok) return method;
    const target = requiredField(received, 'x-forwarded-uri');
    if (!target.ok) return target;
    const host = requiredField(received, 'x-forwarded-host');
    if (!host.ok) return host;
    const proto = onlyField(received, 'x-forwarded-proto');
    if (!proto.ok) return proto;
    const forwardedFor = onlyField(received, 'x-forwarded-for');
    if (!forwardedFor.ok) return forwardedFor;
    const read = readMethod(method.value);
    if (!read.ok) return read;
    // Traefik says ws and wss of WebSockets.
    const scheme = readScheme(proto.value?.replace(/^ws(s?)$/i, 'http$1'));
    if (!scheme.ok) return err(scheme.error);
    return ok({
      method: read.value,
      target: target.value,
      host: host.value,
      scheme: scheme.value,
      forwardedFor: forwardedFor.value,
      fields: received.rawHeaders,
    });
  },
  allow: plainAllowance,
  refuse: plainRefusal,
};
