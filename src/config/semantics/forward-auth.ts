import type { ConfigPath } from '../problem.ts';
import type { Report } from '../report.ts';
import type { Settings } from '../schema/config.ts';

/** What a gateway that is only asked about requests cannot do is refused when it is configured, not left undone. */
export function checkForwardAuth(settings: Settings, report: Report): void {
  const { forwardAuth } = settings.listen;
  if (forwardAuth === undefined) return;
  const path = ['listen', 'forwardAuth'];
  const isOpen = [forwardAuth.address, ...(forwardAuth.grpc === undefined ? [] : [forwardAuth.grpc])].some(
    (place) => !('socket' in place),
  );
  if (isOpen && forwardAuth.peers === undefined)
    report.problem(path, {
      found: 'no "peers"',
      expected:
        'the addresses of the proxies that may ask: anyone else could say what the original request was',
      at: 'key',
    });
  for (const [index, block] of (forwardAuth.peers ?? []).entries())
    if (block.endsWith('/0'))
      report.problem([...path, 'peers', index], { expected: 'the addresses of the proxies, not everybody' });
  for (const [name, { credentials }] of Object.entries(settings.upstreams))
    if (credentials.cookies !== undefined)
      refuse(
        report,
        ['upstreams', name, 'credentials', 'cookies'],
        'whose answers set cookies that nobody would keep',
      );
  for (const [index, route] of settings.routes.entries()) {
    const place = ['routes', index];
    if (route.limits.body !== undefined)
      refuse(report, [...place, 'limits', 'body'], 'which reads no body: the proxy in front has to limit it');
    if (route.websocket !== undefined)
      refuse(report, [...place, 'websocket'], 'which cannot close what another proxy has opened');
    if (route.cors !== undefined)
      refuse(
        report,
        [...place, 'cors'],
        'which answers no client: the proxy in front has to answer preflights',
      );
  }
}

function refuse(report: Report, path: ConfigPath, why: string): void {
  report.problem(path, {
    found: `"${String(path.at(-1))}" with listen.forwardAuth, ${why}`,
    expected: 'no such key, or a gateway of its own for forward-auth',
    at: 'key',
  });
}
