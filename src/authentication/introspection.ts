import type { Logger } from 'pino';
import { Outage } from '../base/outage.ts';
import type { IssuerSettings } from '../config/schema/config.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { IssuerHttp } from './issuer-http.ts';
import type { JsonObject } from './strict-json.ts';

/** Asks an issuer about an opaque token (RFC 7662). */
export interface Introspection {
  /** Only tokens that begin with it are sent there; absent: any. */
  readonly prefix: string | undefined;
  /** What the issuer says of the token. Throws `Outage` when it does not say anything that can be believed. */
  ask(token: string): Promise<JsonObject>;
}

export function createIntrospection(
  name: string,
  settings: NonNullable<IssuerSettings['introspection']>,
  http: IssuerHttp,
  log: Logger,
  metrics: Metrics,
): Introspection {
  const authorization = basicAuthorization(settings.clientId, settings.clientSecret.reveal());
  return {
    prefix: settings.prefix,
    async ask(token) {
      const form = new URLSearchParams({ token, token_type_hint: 'access_token' });
      try {
        const answer = await http.postForm(settings.endpoint, authorization, form);
        // REQUIRED and boolean (RFC 7662 §2.2): whatever else stands there vouches for nothing.
        metrics.introspection(name, answer['active'] === true ? 'active' : 'inactive');
        return answer;
      } catch (error) {
        metrics.introspection(name, 'failed');
        const fault = error instanceof Error ? error.message : 'unknown fault';
        log.warn({ issuer: name, fault }, 'introspection failed');
        throw new Outage('issuer_unavailable', `issuer ${name}: introspection failed`);
      }
    },
  };
}

/** Id and secret are form-encoded before they are joined (RFC 6749 §2.3.1), so that a colon in an id stays in the id. */
function basicAuthorization(id: string, secret: string): string {
  const encoded = [id, secret].map((part) => new URLSearchParams({ part }).toString().slice('part='.length));
  return `Basic ${Buffer.from(encoded.join(':')).toString('base64')}`;
}
