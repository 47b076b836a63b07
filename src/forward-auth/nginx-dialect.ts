import { type Denial, denial } from '../authorization/denial.ts';
import { err, ok, type Result } from '../base/result.ts';
import { onlyField, readMethod, requiredField } from './checked-request.ts';
import { type Dialect, plainAllowance } from './dialect.ts';

/**
 * `/authz/nginx`: auth_request, ingress-nginx. The operator's configuration says what the original was, in X-Original-URL and
 * X-Original-Method, and nothing else is believed, since nginx passes the client's own X-Forwarded-Uri on. nginx understands 401
 * and 403 as refusals and turns any other status into 500, so that the true one is in X-Auth-Status.
 */
export const nginxDialect: Dialect = {
  name: 'nginx',
  read(received) {
    const url = requiredField(received, 'x-original-url');
    if (!url.ok) return url;
    const method = requiredField(received, 'x-original-method');
    if (!method.ok) return method;
    const read = readMethod(method.value);
    if (!read.ok) return read;
    const forwardedFor = onlyField(received, 'x-forwarded-for');
    if (!forwardedFor.ok) return forwardedFor;
    const parts = splitUrl(url.value);
    if (!parts.ok) return parts;
    return ok({
      method: read.value,
      ...parts.value,
      forwardedFor: forwardedFor.value,
      fields: received.rawHeaders,
    });
  },
  allow: plainAllowance,
  refuse({ status, fields }) {
    const understood = status === 401 || status >= 500 ? status : 403;
    return { status: understood, fields: ['X-Auth-Status', String(status), ...fields], body: '' };
  },
};

/** `scheme://host/path`, cut and not normalised: what a URL parser would mend is to be judged. */
function splitUrl(
  url: string,
): Result<{ readonly scheme: 'http' | 'https'; readonly host: string; readonly target: string }, Denial> {
  const match = /^(https?):\/\/([^/?#]*)(.*)$/s.exec(url);
  const [, scheme, host = '', target = ''] = match ?? [];
  if (scheme !== 'http' && scheme !== 'https')
    return err(denial('request_malformed', 'X-Original-URL is no absolute http or https URL'));
  return ok({ scheme, host, target: target.startsWith('/') ? target : `/${target}` });
}
