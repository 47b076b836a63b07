/** Everything that the demo needs, started in order: legacy API, issuer, web app, Gatehouse, credentials. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startIssuer } from '../issuer/server.ts';
import type { ReceivedRequest } from '../legacy-api/received.ts';
import { startLegacyApi } from '../legacy-api/server.ts';
import { startWebApp } from '../web-app/server.ts';
import { type DemoEnvironment, demoEnvironment, writeConfiguration } from './configuration.ts';
import { type DemoCredentials, issueCredentials } from './credentials.ts';
import { adminArguments, serveGatehouse } from './gatehouse-process.ts';
import { choosePorts, type Ports } from './ports.ts';
import { logInUsers, type UserCredentials } from './user-credentials.ts';

export interface Stage {
  readonly ports: Ports;
  /** Temporary; removed by `close`. */
  readonly folder: string;
  readonly env: DemoEnvironment;
  readonly credentials: DemoCredentials;
  readonly users: UserCredentials;
  /** The arguments of node before any command that talks to this gateway. */
  readonly admin: readonly string[];
  /** What reached the legacy API, health checks aside; oldest first, at most 100. */
  readonly received: () => readonly ReceivedRequest[];
  /** Ends when Gatehouse does. */
  readonly gatehouseExited: Promise<void>;
  readonly close: () => Promise<void>;
}

export interface StageOptions {
  readonly ports: 'usual' | 'any';
  readonly onReceived?: (request: ReceivedRequest) => void;
  /** Called with each line of the gateway's log. */
  readonly onLog?: (line: string) => void;
}

function isNoHealthCheck({ target }: ReceivedRequest): boolean {
  return target !== '/health';
}

/** Leaves nothing behind when it throws. */
export async function openStage({ ports: preference, onReceived, onLog }: StageOptions): Promise<Stage> {
  const folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-demo-'));
  const closers: (() => Promise<void> | void)[] = [() => rmSync(folder, { recursive: true, force: true })];
  async function close(): Promise<void> {
    for (const closer of closers.splice(0).reverse()) await closer();
  }
  try {
    const ports = await choosePorts(preference);
    const env = demoEnvironment();
    const legacyApi = await startLegacyApi({
      port: ports.legacy,
      onReceived: (request) => (isNoHealthCheck(request) ? onReceived?.(request) : undefined),
    });
    closers.push(legacyApi.close);
    const issuer = await startIssuer({ port: ports.issuer });
    closers.push(issuer.close);
    const webApp = await startWebApp({ port: ports.pages });
    closers.push(webApp.close);
    const file = path.join(folder, 'gatehouse.yaml');
    writeConfiguration(file, ports);
    const gatehouse = await serveGatehouse({ folder, file, env, onLog: onLog ?? (() => undefined) });
    closers.push(gatehouse.stop);
    const admin = adminArguments(folder, ports.admin);
    const credentials = await issueCredentials(admin, issuer.tokenEndpoint);
    const users = await logInUsers(ports.gateway);
    return {
      ports,
      folder,
      env,
      credentials,
      users,
      admin,
      received: () => legacyApi.received().filter(isNoHealthCheck),
      gatehouseExited: gatehouse.exited,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
