import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { parse } from 'yaml';
import { type LegacyApi, startLegacyApi } from '../../demo/legacy-api/server.ts';
import { CONFIGURATION, demoEnvironment } from '../../demo/stage/configuration.ts';
import { startWebApp } from '../../demo/web-app/server.ts';
import { type ConfigObject, startTestGateway, type TestGateway } from '../support/gateway.ts';

/** What the demo serves to users: its configuration, legacy API and web app, without its issuer. */
export interface DemoGateway {
  readonly gateway: TestGateway;
  readonly legacy: LegacyApi;
  /** Requests for the pages of the web app. */
  readonly pageRequests: readonly IncomingMessage[];
  stop(): Promise<void>;
}

interface DemoConfig extends Readonly<Record<string, unknown>> {
  readonly tenants: Readonly<Record<string, ConfigObject>>;
  readonly upstreams: Readonly<Record<string, ConfigObject>>;
  readonly sessions: ConfigObject;
}

/** `sessions` are merged into those of the demo; `changes` replace whole members. */
export async function startDemoGateway(
  sessions: ConfigObject = {},
  changes: ConfigObject = {},
): Promise<DemoGateway> {
  const closers: (() => Promise<void>)[] = [];
  async function stop(): Promise<void> {
    for (const close of closers.splice(0).toReversed()) await close();
  }
  try {
    const legacy = await startLegacyApi({ port: 0 });
    closers.push(legacy.close);
    const pageRequests: IncomingMessage[] = [];
    const webApp = await startWebApp({ port: 0, onReceived: (request) => pageRequests.push(request) });
    closers.push(webApp.close);
    const targets = { legacy: legacy.url, pages: webApp.url };
    const config = configOf(targets, sessions, changes);
    const gateway = await startTestGateway(config, { env: demoEnvironment() });
    closers.push(() => gateway.stop());
    return { gateway, legacy, pageRequests, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** demo/gatehouse.yaml with targets that listen, and without what asks the issuer. */
function configOf(
  targets: Readonly<Record<string, string>>,
  sessions: ConfigObject,
  changes: ConfigObject,
): ConfigObject {
  const { listen: _, issuers: __, ...demo } = parse(readFileSync(CONFIGURATION, 'utf8')) as DemoConfig;
  const tenants = mapped(demo.tenants, ({ issuers: ___, ...tenant }) => tenant);
  const upstreams = mapped(demo.upstreams, (upstream, name) => ({ ...upstream, targets: [targets[name]] }));
  return {
    ...demo,
    tenants,
    upstreams,
    sessions: { ...demo.sessions, ...sessions },
    logging: { level: 'trace', requests: 'all' },
    ...changes,
  };
}

function mapped<T>(
  members: Readonly<Record<string, T>>,
  change: (member: T, name: string) => ConfigObject,
): Readonly<Record<string, ConfigObject>> {
  return Object.fromEntries(Object.entries(members).map(([name, member]) => [name, change(member, name)]));
}
