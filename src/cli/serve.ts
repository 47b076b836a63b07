import { type GatewayOptions, startGateway } from '../serve/gateway.ts';
import { ConfigRefused } from '../serve/generations.ts';
import { runWorker } from '../serve/run-worker.ts';
import { channelToPrimary } from '../serve/worker-processes.ts';
import { createLog } from '../telemetry/log.ts';

/** `gatehouse serve`: runs until SIGTERM or SIGINT. Resolves with the exit code. */
export async function runServe({ file }: { readonly file: string }): Promise<number> {
  const options: GatewayOptions = {
    file,
    env: process.env,
    openLog: (level, isShared) => createLog({ level, isShared }),
  };
  const primary = channelToPrimary();
  // The channel would keep the process alive.
  if (primary !== undefined) process.exit(await runWorker(options, primary));
  const stopped = Promise.withResolvers<number>();
  try {
    const gateway = await startGateway(options);
    process.on('SIGHUP', () => void gateway.reload());
    const stop = () => {
      gateway.stop().then(
        () => stopped.resolve(0),
        () => stopped.resolve(1),
      );
    };
    process.once('SIGTERM', stop);
    process.once('SIGINT', stop);
    // Whoever reads this may send a signal at once.
    const checks = gateway.forwardAuthPort === undefined ? '' : `, forward-auth :${gateway.forwardAuthPort}`;
    const addresses = `public :${gateway.publicPort}, admin :${gateway.adminPort}${checks}, ops :${gateway.opsPort}`;
    process.stderr.write(`gatehouse serves ${file} (revision ${gateway.revision()}): ${addresses}\n`);
    if (gateway.adminTokenFile !== undefined)
      process.stderr.write(`the admin token is in ${gateway.adminTokenFile}\n`);
  } catch (error) {
    const lines =
      error instanceof ConfigRefused
        ? error.problems.join('\n')
        : `gatehouse cannot start: ${messageOf(error)}`;
    process.stderr.write(`${lines}\n`);
    return 1;
  }
  return stopped.promise;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
