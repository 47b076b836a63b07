import type { Logger } from 'pino';
import type { Clock } from '../base/clock.ts';
import type { IssuerSettings, Settings } from '../config/schema/config.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { createIntrospection } from './introspection.ts';
import type { Issuer } from './issuer.ts';
import { createIssuerHttp, type IssuerHttp } from './issuer-http.ts';
import { createIssuerKeys, type IssuerKeys, type IssuerKeysStatus } from './issuer-keys.ts';
import { createKeySource } from './key-source.ts';

interface IssuerParts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** The issuers of one configuration generation, each with its connections. */
export interface OpenIssuers {
  readonly list: readonly Issuer[];
  status(): readonly { readonly name: string; readonly keys?: IssuerKeysStatus }[];
  close(): Promise<void>;
}

/**
 * `onKeyRemoved` is told each key that left a key set, by the id that `IssuerKeys` names it. Throws, with nothing left open, where two entries have
 * the same issuer or an authority file cannot be read.
 */
export function openIssuers(
  settings: Settings['issuers'],
  parts: IssuerParts,
  onKeyRemoved: (id: string) => void,
): OpenIssuers {
  refuseTwins(settings);
  // All that can throw comes first; a connection that nobody used yet holds nothing.
  const connected = Object.entries(settings).map(([name, entry]) => ({
    name,
    entry,
    http: createIssuerHttp({ caFile: entry.tls?.ca }),
  }));
  const list = connected.map(({ name, entry, http }): Issuer => {
    const { introspection } = entry;
    return {
      name,
      settings: entry,
      keys: openKeys(name, entry, http, parts, onKeyRemoved),
      introspection:
        introspection && createIntrospection(name, introspection, http, parts.log, parts.metrics),
    };
  });
  return {
    list,
    status: () =>
      list.map(({ name, keys }) => ({ name, ...(keys !== undefined && { keys: keys.status() }) })),
    async close() {
      for (const { keys } of list) keys?.close();
      await Promise.all(connected.map(({ http }) => http.close()));
    },
  };
}

/** `iss` is all that says which rules a token is under. */
function refuseTwins(settings: Settings['issuers']): void {
  const names = new Map<string, string>();
  for (const [name, { issuer }] of Object.entries(settings)) {
    const other = names.get(issuer);
    if (other !== undefined) throw new Error(`issuers ${other} and ${name} are the same: ${issuer}`);
    names.set(issuer, name);
  }
}

function openKeys(
  name: string,
  settings: IssuerSettings,
  http: IssuerHttp,
  parts: IssuerParts,
  onRemoved: (id: string) => void,
): IssuerKeys | undefined {
  const { keys } = settings;
  if (keys === undefined) return undefined;
  return createIssuerKeys({
    name,
    source: createKeySource({ issuer: settings.issuer, keys }, http),
    settings,
    clock: parts.clock,
    log: parts.log,
    metrics: parts.metrics,
    onRemoved,
  });
}
