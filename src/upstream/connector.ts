import { isIP } from 'node:net';
import { createSecureContext, type SecureContext } from 'node:tls';
import { buildConnector } from 'undici';
import { isRefusedAddress } from '../base/refused-address.ts';
import { checkAlternativeNames } from '../base/server-identity.ts';
import { AddressRefused, guardedLookup, type ResolveName } from './address-guard.ts';
import type { SocketReads } from './wire/open-socket.ts';

/** TLS towards targets, PEM. The certificate is always verified; `ca` undefined: the system's authorities. */
export interface TlsMaterial {
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

/** Throws where OpenSSL does: a certificate that does not parse, a key that is not its own. */
export function secureContextOf({ ca, cert, key }: TlsMaterial): SecureContext {
  return createSecureContext({
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    minVersion: 'TLSv1.2',
  });
}

export interface ConnectorOptions {
  /** Host of the target's URL, without brackets. */
  readonly hostname: string;
  readonly serverName: string | undefined;
  readonly secureContext: SecureContext;
  readonly timeoutMilliseconds: number;
  readonly resolveName: ResolveName | undefined;
}

/**
 * Connects to one target. The name that is verified belongs to the target, never to a request.
 *
 * @param reads where plain sockets put what comes; undefined: they are streams
 */
export function createConnector(
  options: ConnectorOptions,
  reads: SocketReads | undefined,
): buildConnector.connector {
  const { hostname, secureContext, timeoutMilliseconds } = options;
  const isAddress = isIP(hostname) !== 0;
  const serverName = options.serverName ?? (isAddress ? '' : hostname);
  const connect = buildConnector({
    allowH2: false,
    timeout: timeoutMilliseconds,
    lookup: guardedLookup(options.resolveName),
    secureContext,
    rejectUnauthorized: true,
    checkServerIdentity: checkAlternativeNames,
    minVersion: 'TLSv1.2',
    ...(reads !== undefined && { onread: reads }),
  });
  return (request, done) => {
    // An address is connected to without a look-up, so the guard there would not see it.
    if (isAddress && isRefusedAddress(hostname)) return done(new AddressRefused(hostname), null);
    return connect({ ...request, servername: serverName }, done);
  };
}
