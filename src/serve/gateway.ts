import type { FastifyInstance } from 'fastify';
import type { StatusReport } from '../admin/admin-context.ts';
import { type Clock, systemClock } from '../base/clock.ts';
import { StoreUnavailable } from '../base/outage.ts';
import { readVersion } from '../base/version.ts';
import { loadConfig } from '../config/load.ts';
import { formatWarning } from '../config/problem.ts';
import type { ListenPlace } from '../config/schema/scalars.ts';
import { type FileWatch, watchFiles } from '../config/watch.ts';
import { clearSocket, listenOptions, openSocket, portOf } from '../gateway/listen.ts';
import { type Listener, openListener } from '../gateway/listener.ts';
import { createLiveConnections } from '../gateway/live-connections.ts';
import { createWellKnown } from '../gateway/well-known.ts';
import type { LogOutput } from '../telemetry/log.ts';
import { createOpsListener } from '../telemetry/ops-listener.ts';
import { createReadiness } from '../telemetry/readiness.ts';
import { createAdministration } from './administration.ts';
import { openForwardAuth } from './forward-auth.ts';
import { type Foundation, openFoundation } from './foundation.ts';
import { ConfigRefused, type Generations, type LoadedConfig, startGenerations } from './generations.ts';
import { startHousekeeping } from './housekeeping.ts';
import { addReadinessChecks } from './readiness-checks.ts';
import { announceReplica, createReplicaId } from './replica-presence.ts';
import { readTlsMaterial } from './tls-files.ts';

export interface GatewayOptions {
  readonly file: string;
  readonly env: NodeJS.ProcessEnv;
  /** Opens the log once the level is known. */
  readonly openLog: (level: LogLevel) => LogOutput;
  readonly clock?: Clock;
}

type LogLevel = LoadedConfig['settings']['logging']['level'];

/** A gateway that serves. */
export interface Gateway {
  readonly publicPort: number;
  readonly adminPort: number;
  readonly opsPort: number;
  /** Undefined: it is not configured. */
  readonly forwardAuthPort: number | undefined;
  readonly forwardAuthGrpcPort: number | undefined;
  /** Where the first admin token is, if the gateway keeps one. */
  readonly adminTokenFile: string | undefined;
  readonly revision: () => string;
  readonly reload: Generations['reload'];
  /** Readiness fails first, requests in flight finish within the configured time, stores close. Idempotent. */
  stop(): Promise<void>;
}

/**
 * The composition root: opens everything in order and closes it in reverse. Throws `ConfigRefused`, or an Error with a
 * sentence for the operator, and then leaves nothing open.
 */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const loaded = loadConfig(options.file, { env: options.env });
  if (!loaded.ok) throw new ConfigRefused(loaded.problems);
  const output = options.openLog(loaded.settings.logging.level);
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
  let listener: Listener | undefined;
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
      if (material !== undefined) listener?.setTls(material);
    },
  });
  closers.push(() => generations.close());
  metrics.gauge('cached_credentials', () => generations.current().authentication.status().cachedCredentials);

  const readiness = createReadiness();
  addReadinessChecks(readiness, foundation, generations);
  const ops = createOpsListener({ metrics, readiness, log });
  closers.push(() => ops.close());
  const opsPort = await listenWith(ops, settings.listen.ops);

  const id = createReplicaId();
  const version = readVersion();
  const presence = announceReplica({
    registry: foundation.stores.replicas,
    report: () => ({
      id,
      version,
      revision: generations.current().revision,
      startedAt,
      lagMilliseconds: foundation.revocations.lag(clock()),
    }),
    log,
  });
  closers.push(() => presence.end());
  const housekeeping = startHousekeeping(foundation);
  closers.push(() => housekeeping.end());

  const administration = await createAdministration(foundation, generations, status, settings);
  closers.push(() => administration.app.close());
  const adminPort = await listenWith(administration.app, settings.listen.admin);

  const live = createLiveConnections({ ...foundation, currentRuntime: () => generations.current() });
  closers.push(() => live.close());
  listener = await openListener({
    address: settings.listen.public.address,
    limits: settings.limits,
    tls,
    currentRuntime: () => generations.current(),
    wellKnown: createWellKnown(foundation.keyring),
    context: { ...foundation, live },
  });
  const { port: publicPort } = listener;
  const forwardAuth = await openForwardAuth(settings, {
    currentRuntime: () => generations.current(),
    recorder: foundation,
    clock,
  });
  closers.push(() => forwardAuth?.close());
  const publicListener = listener;
  watcher = watchFiles(loaded.files, () => void generations.reload());
  // What changed between the first load and the start of the watch.
  await generations.reload();
  closers.push(() => watcher?.close());

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
      version,
      startedAt,
      configuration: {
        file: options.file,
        revision: runtime.revision,
        loadedAt: generations.loadedAt(),
        errors: generations.problems(),
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
    const { delay, drain } = generations.current().settings.shutdown;
    if (delay > 0) await new Promise((resolve) => setTimeout(resolve, delay));
    live.shutDown();
    const cut = await publicListener.close(drain);
    if (cut > 0)
      log.warn({ connections: cut }, 'connections were cut, since their requests did not finish in time');
    for (const closer of closers.reverse()) await closer();
    log.info('stopped');
    flush();
  }

  return {
    publicPort,
    adminPort,
    opsPort,
    forwardAuthPort: forwardAuth?.port,
    forwardAuthGrpcPort: forwardAuth?.grpcPort,
    adminTokenFile: administration.tokenFile,
    revision: () => generations.current().revision,
    reload: () => generations.reload(),
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
