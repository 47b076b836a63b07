import type { Report } from '../report.ts';
import type { Settings } from '../schema/config.ts';
import type { ListenAddress } from '../schema/scalars.ts';
import { isLoopback } from './loopback.ts';

/** Listeners on different ports, trust in peers, and what should be unreachable from outside. */
export function checkListeners(settings: Settings, report: Report): void {
  const { listen } = settings;
  const publicPath =
    typeof report.written(['listen', 'public']) === 'object' ? ['public', 'address'] : ['public'];
  const listeners = [
    { path: ['listen', ...publicPath], address: listen.public.address },
    { path: ['listen', 'admin'], address: listen.admin },
    { path: ['listen', 'ops'], address: listen.ops },
  ];
  for (const [index, { path, address }] of listeners.entries()) {
    const clash = listeners.slice(0, index).some((earlier) => isSameSocket(earlier.address, address));
    if (clash)
      report.problem(path, {
        found: `port ${address.port}`,
        expected: 'a port that no other listener has',
      });
  }
  if (!isLoopback(listen.admin.host))
    report.warning(
      ['listen', 'admin'],
      'administration listens beyond this machine: keep clients away from it',
    );
  for (const [index, block] of settings.trustedProxies.entries())
    if (block.endsWith('/0'))
      report.warning(['trustedProxies', index], 'every peer may say which address it comes from');
}

function isSameSocket(a: ListenAddress, b: ListenAddress): boolean {
  if (a.port === 0 || a.port !== b.port) return false;
  return a.host === b.host || [a.host, b.host].some((host) => host === '0.0.0.0' || host === '::');
}
