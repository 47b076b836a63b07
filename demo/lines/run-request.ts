/** Does what a line says where there is no shell or no curl to run it as it is printed. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type IncomingMessage, request as open } from 'node:http';
import type { Stage } from '../stage/stage.ts';
import { sha256 } from './checks.ts';
import type { Command, DemoRequest } from './demo-line.ts';
import { type Ran, runProgram } from './run-line.ts';

function bodyOf({ body }: DemoRequest): Buffer | undefined {
  if (body === undefined) return undefined;
  return body.kind === 'text' ? Buffer.from(body.text) : readFileSync(body.file);
}

export async function runFromHere(
  command: Command,
  { ports, admin }: Pick<Stage, 'ports' | 'admin'>,
): Promise<Ran> {
  return command.kind === 'request'
    ? send(command.request, ports.gateway)
    : runProgram(process.execPath, [...admin, ...command.args]);
}

async function send(request: DemoRequest, gatewayPort: number): Promise<Ran> {
  const { method, host, path, fields, shows } = request;
  const sent = open({
    host: '127.0.0.1',
    port: gatewayPort,
    method,
    path,
    headers: ['Host', `${host}:${gatewayPort}`, ...fields.flat()],
  });
  sent.end(bodyOf(request));
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const output: { atMs: number; bytes: Buffer }[] = [];
  for await (const bytes of response as AsyncIterable<Buffer>)
    output.push({ atMs: performance.now(), bytes });
  const body = Buffer.concat(output.map(({ bytes }) => bytes));
  const endedAtMs = performance.now();
  if (shows === 'digest')
    return {
      exitCode: 0,
      answer: undefined,
      output: [{ atMs: endedAtMs, bytes: Buffer.from(`${sha256(body)}  -\n`) }],
      endedAtMs,
    };
  const received = response.rawHeaders.flatMap((name, index, raw) =>
    index % 2 === 0 ? [[name.toLowerCase(), raw[index + 1] ?? ''] as const] : [],
  );
  return {
    exitCode: 0,
    answer: { status: response.statusCode ?? 0, fields: received, body },
    output,
    endedAtMs,
  };
}
