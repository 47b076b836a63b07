import type { Report } from '../report.ts';
import type { Settings } from '../schema/config.ts';
import type { ListenPlace } from '../schema/scalars.ts';
import { isLoopback } from './loopback.ts';

/** Listeners on different ports, trust in peers, and what should be unreachable from outside. */
export function checkListeners(settings: Settings, report: Report): void {
  const { listen } = settings;
  const publicPath =
    typeof report.written(['listen', 'public']) === 'object' ? ['public', 'address'] : ['public'];
  if (listen.public.http2 === true && listen.public.tls === undefined)
    report.problem(['listen', 'public', 'http2'], {
      found: 'true without tls',
      expected: 'tls, since clients choose HTTP/2 when they agree on TLS (ALPN)',
    });
  const { forwardAuth } = listen;
  const listeners = [
    { path: ['listen', ...publicPath], address: listen.public.address },
    { path: ['listen', 'admin'], address: listen.admin },
    { path: ['listen', 'ops'], address: listen.ops },
    ...(forwardAuth === undefined
      ? []
      : [{ path: ['listen', 'forwardAuth', 'address'], address: forwardAuth.address }]),
    ...(forwardAuth?.grpc === undefined
      ? []
      : [{ path: ['listen', 'forwardAuth', 'grpc'], address: forwardAuth.grpc }]),
  ];
  for (const [index, { path, address }] of listeners.entries()) {
    const clash = listeners.slice(0, index).some((earlier) => isSameSocket(earlier.address, address));
    if (clash)
      report.problem(path, {
        found: 'socket' in address ? 'a socket file' : `port ${address.port}`,
        expected: `a ${'socket' in address ? 'file' : 'port'} that no other listener has`,
      });
  }
  if (!('socket' in listen.admin) && !isLoopback(listen.admin.host))
    report.warning(
      ['listen', 'admin'],
      'administration listens beyond this machine: keep clients away from it',
    );
  for (const [index, block] of settings.trustedProxies.entries())
    if (block.endsWith('/0'))
      report.warning(['trustedProxies', index], 'every peer may say which address it comes from');
}

function isSameSocket(a: ListenPlace, b: ListenPlace): boolean {
  if ('socket' in a || 'socket' in b) return 'socket' in a && 'socket' in b && a.socket === b.socket;
  if (a.port === 0 || a.port !== b.port) return false;
  return a.host === b.host || [a.host, b.host].some((host) => host === '0.0.0.0' || host === '::');
}
