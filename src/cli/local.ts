import type { Command } from 'commander';
import type { ExplainedRequest, Explanation } from '../gateway/explain.ts';
import { describeExplanation } from './explanation.ts';
import { CliFailure, usageFailure } from './failure.ts';
import type { OutputFormat } from './output.ts';
import { collect, openSession } from './session.ts';

const DEFAULT_FILE = 'gatehouse.yaml';

interface FileOptions {
  readonly config: string;
}

/** Commands that run in this process. What they need is loaded when they are called, so that the others start fast. */
export function registerLocal(program: Command): void {
  program
    .command('serve')
    .description('run the gateway until SIGTERM')
    .option('-c, --config <file>', 'configuration file', DEFAULT_FILE)
    .action(async ({ config }: FileOptions) => {
      const { runServe } = await import('./serve.ts');
      endWith(await runServe({ file: config }));
    });

  program
    .command('check [file]')
    .description('check a configuration file and list everything that is wrong with it')
    .action(async (file: string | undefined, _options: object, command: Command) => {
      const { runCheck } = await import('./check.ts');
      endWith(runCheck({ file: file ?? DEFAULT_FILE, output: outputOf(command) }, process));
    });

  program
    .command('schema')
    .description('print the JSON Schema of the configuration file, for editors')
    .action(async () => {
      const { runSchema } = await import('./schema.ts');
      endWith(runSchema(process));
    });

  program
    .command('explain <method> <url>')
    .description('show what the gateway would do with a request, and why; nothing is sent')
    .option('-H, --header <field>', 'a header field, "Name: value"', collect)
    .option('--peer <address>', 'address of the client')
    .option('-c, --config <file>', 'explain by this file alone, without a running gateway and its store')
    .action(explainRequest);
}

interface ExplainOptions {
  readonly header?: readonly string[];
  readonly peer?: string;
  readonly config?: string;
}

async function explainRequest(
  method: string,
  url: string,
  options: ExplainOptions,
  command: Command,
): Promise<void> {
  if (!/^https?:\/\//i.test(url)) throw usageFailure('The URL must begin with http:// or https://.');
  const request: ExplainedRequest = {
    method,
    url,
    fields: (options.header ?? []).map(parseField),
    ...(options.peer !== undefined && { peer: options.peer }),
  };
  const { client, print } = openSession(command);
  const explanation =
    options.config === undefined
      ? await client.post<Explanation>('/v1/explain', request)
      : await explainAlone(options.config, request);
  print(explanation, describeExplanation);
}

async function explainAlone(file: string, request: ExplainedRequest): Promise<Explanation> {
  const [{ explainByFile }, { createLog }, { ConfigRefused }] = await Promise.all([
    import('../serve/explain.ts'),
    import('../telemetry/log.ts'),
    import('../serve/generations.ts'),
  ]);
  try {
    return await explainByFile(file, request, createLog({ level: 'silent' }).log);
  } catch (error) {
    if (error instanceof ConfigRefused)
      throw new CliFailure('the configuration is refused', 1, error.problems);
    throw error;
  }
}

function parseField(text: string): readonly [string, string] {
  const colon = text.indexOf(':');
  if (colon < 1) throw usageFailure('A header field is written "Name: value".');
  return [text.slice(0, colon), text.slice(colon + 1).trim()];
}

function outputOf(command: Command): OutputFormat {
  return command.optsWithGlobals<{ output: OutputFormat }>().output;
}

/** The command has said itself what went wrong. */
function endWith(exitCode: number): void {
  if (exitCode !== 0) process.exitCode = exitCode;
}
