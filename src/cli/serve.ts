import { startGateway } from '../serve/gateway.ts';
import { ConfigRefused } from '../serve/generations.ts';
import { createLog } from '../telemetry/log.ts';

/** `gatehouse serve`: runs until SIGTERM or SIGINT. Resolves with the exit code. */
export async function runServe(options: { readonly file: string }): Promise<number> {
  const stopped = Promise.withResolvers<number>();
  try {
    const gateway = await startGateway({
      file: options.file,
      env: process.env,
      openLog: (level) => createLog({ level }),
    });
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
    const addresses = `public :${gateway.publicPort}, admin :${gateway.adminPort}, ops :${gateway.opsPort}`;
    process.stderr.write(`gatehouse serves ${options.file} (revision ${gateway.revision()}): ${addresses}\n`);
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
