import type { FastifyInstance } from 'fastify';
import type { ReloadReport, StatusReport } from '../admin/admin-context.ts';
import { type Clock, systemClock } from '../base/clock.ts';
import { StoreUnavailable } from '../base/outage.ts';
import { readVersion } from '../base/version.ts';
import { loadConfig } from '../config/load.ts';
import { formatWarning } from '../config/problem.ts';
import type { ListenPlace } from '../config/schema/scalars.ts';
import { type FileWatch, watchFiles } from '../config/watch.ts';
import { clearSocket, listenOptions, openSocket, portOf } from '../gateway/listen.ts';
import type { LogOutput } from '../telemetry/log.ts';
import { createOpsListener } from '../telemetry/ops-listener.ts';
import { createReadiness } from '../telemetry/readiness.ts';
import { createAdministration } from './administration.ts';
import { type Foundation, openFoundation } from './foundation.ts';
import { ConfigRefused, type LoadedConfig, type ReloadCause, startGenerations } from './generations.ts';
import { startHousekeeping } from './housekeeping.ts';
import { announceThisProcess } from './own-presence.ts';
import { addReadinessChecks, addWorkerChecks } from './readiness-checks.ts';
import { createReloads } from './reloads.ts';
import { clearRequestSockets, openRequestPath, type RequestPath, type ServingPath } from './request-path.ts';
import { readTlsMaterial } from './tls-files.ts';
import type { RequestPorts } from './worker-messages.ts';
import { createWorkerPool, workerCount } from './worker-pool.ts';

export interface GatewayOptions {
  readonly file: string;
  readonly env: NodeJS.ProcessEnv;
  /** Opens the log once the level is known. `isShared`: other processes write to it too. */
  readonly openLog: (level: LogLevel, isShared: boolean) => LogOutput;
  readonly clock?: Clock;
}

type LogLevel = LoadedConfig['settings']['logging']['level'];

/** A gateway that serves. */
export interface Gateway extends RequestPorts {
  readonly adminPort: number;
  readonly opsPort: number;
  /** Where the first admin token is, if the gateway keeps one. */
  readonly adminTokenFile: string | undefined;
  readonly revision: () => string;
  /** In all processes. Never throws. */
  reload(): Promise<ReloadReport>;
  /** Readiness fails first, requests in flight finish within the configured time, stores close. Idempotent. */
  stop(): Promise<void>;
}

/**
 * The composition root: opens everything in order and closes it in reverse. Throws `ConfigRefused`, or an Error with a
 * sentence for the operator, and then leaves nothing open. With several workers it starts this program anew for each of
 * them, which then take the requests; everything else stays here.
 */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const loaded = loadConfig(options.file, { env: options.env });
  if (!loaded.ok) throw new ConfigRefused(loaded.problems);
  const output = options.openLog(loaded.settings.logging.level, workerCount(loaded.settings.workers) > 1);
  const { log } = output;
  const flush = () => output.flush();
  for (const warning of loaded.warnings)
    log.warn({ warning: formatWarning(warning) }, 'configuration warning');
  const clock = options.clock ?? systemClock;
  const foundation = await openFoundation(loaded.settings, log, clock);
  const closers: (() => Promise<unknown> | void)[] = [() => foundation.close()];
  try {
    return await openOn(foundation, loaded, options, closers, flush);
  } catch (error) {
    for (const closer of closers.reverse()) await closer();
    flush();
    throw error;
  }
}

async function openOn(
  foundation: Foundation,
  loaded: LoadedConfig,
  options: GatewayOptions,
  closers: (() => Promise<unknown> | void)[],
  flush: () => void,
): Promise<Gateway> {
  const { log, metrics, clock } = foundation;
  const { settings } = loaded;
  const startedAt = clock();
  let path: RequestPath | undefined;
  let watcher: FileWatch | undefined;
  const tls = await readTlsMaterial(options.file, settings.listen.public);
  const generations = await startGenerations({
    file: options.file,
    env: options.env,
    foundation,
    first: loaded,
    onFiles: (files) => watcher?.follow(files),
    async onSwap(next) {
      const material = await readTlsMaterial(options.file, next.settings.listen.public);
      if (material !== undefined) path?.setTls(material);
    },
  });
  closers.push(() => generations.close());
  metrics.gauge('cached_credentials', () => generations.current().authentication.status().cachedCredentials);

  const size = workerCount(settings.workers);
  const pool =
    size === 1
      ? undefined
      : createWorkerPool({ size, metrics, log, revision: () => generations.current().revision });
  const reloads = createReloads(reload);
  closers.push(() => reloads.close());
  const readiness = createReadiness();
  addReadinessChecks(readiness, foundation, generations);
  if (pool !== undefined) addWorkerChecks(readiness, pool);
  const ops = createOpsListener({ metrics: pool?.metrics ?? metrics, readiness, log });
  closers.push(() => ops.close());
  const opsPort = await listenWith(ops, settings.listen.ops);

  const presence = announceThisProcess(foundation, generations, startedAt);
  closers.push(() => presence.end());
  const housekeeping = startHousekeeping(foundation);
  closers.push(() => housekeeping.end());

  const observations = () => pool?.observations() ?? Promise.resolve(foundation.observations.list());
  const administration = await createAdministration(
    foundation,
    generations,
    { status, reload: () => reloads.reload('asked'), observations },
    settings,
  );
  closers.push(() => administration.app.close());
  const adminPort = await listenWith(administration.app, settings.listen.admin);

  await clearRequestSockets(settings.listen);
  const serving: ServingPath = await (pool === undefined ? openHere() : pool.start());
  closers.push(() => serving.close({ delay: 0, drain: 0 }));
  watcher = watchFiles(loaded.files, () => void reloads.reload('noticed'));
  // What changed between the first load and the start of the watch.
  await reloads.reload('noticed');
  closers.push(() => watcher?.close());

  async function openHere(): Promise<ServingPath> {
    path = await openRequestPath({ settings, tls, foundation, generations });
    return path;
  }

  async function reload(cause: ReloadCause): Promise<ReloadReport> {
    const report = await generations.reload(cause);
    return pool === undefined ? report : pool.reload(report);
  }

  async function status(): Promise<StatusReport> {
    const runtime = generations.current();
    const [{ checks }, replicas, encryptionKeys] = await Promise.all([
      readiness.report(),
      presence.list(),
      foundation.keyring.encryptionKeyUses().catch((error: unknown) => {
        if (error instanceof StoreUnavailable) return undefined;
        throw error;
      }),
    ]);
    return {
      version: readVersion(),
      startedAt,
      configuration: {
        file: options.file,
        revision: runtime.revision,
        loadedAt: generations.loadedAt(),
        errors: [...generations.problems(), ...(pool?.problems() ?? [])],
      },
      replicas,
      ...(encryptionKeys !== undefined && { encryptionKeys }),
      checks,
    };
  }

  let stopping: Promise<void> | undefined;
  async function stop(): Promise<void> {
    log.info('shutting down');
    readiness.drain();
    watcher?.close();
    reloads.close();
    await serving.close(generations.current().settings.shutdown);
    for (const closer of closers.reverse()) await closer();
    log.info('stopped');
    flush();
  }

  return {
    ...serving.ports,
    adminPort,
    opsPort,
    adminTokenFile: administration.tokenFile,
    revision: () => generations.current().revision,
    reload: () => reloads.reload('asked'),
    stop: () => (stopping ??= stop()),
  };
}

/** As `listenOn`, for what is a framework's. */
async function listenWith(
  app: Pick<FastifyInstance, 'listen' | 'server'>,
  place: ListenPlace,
): Promise<number> {
  await clearSocket(place);
  await app.listen(listenOptions(place));
  await openSocket(place);
  return portOf(app.server);
}
