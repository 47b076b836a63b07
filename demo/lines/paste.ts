/** How a line is written for a POSIX shell. */
import type { Command, DemoRequest } from './demo-line.ts';

export interface Surroundings {
  readonly gatewayPort: number;
  /**
   * `name`: clients find acme.localhost on the loopback by themselves, as curl does. `field`: they do not, so the address
   * is in the URL and the name in the Host field.
   */
  readonly addressing: 'name' | 'field';
}

/** Prints the SHA-256 of what it reads, in hex, and the name `-`. */
export const DIGEST_COMMAND = process.platform === 'darwin' ? 'shasum -a 256' : 'sha256sum';

/** Safe as one word of a shell, whatever is in it. */
export function quote(text: string): string {
  return /^[\w./:@=+,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

export function pasteable(command: Command, surroundings: Surroundings): string {
  return command.kind === 'gatehouse'
    ? ['gatehouse', ...command.args.map(quote)].join(' ')
    : curl(command.request, surroundings);
}

function curl(request: DemoRequest, { gatewayPort, addressing }: Surroundings): string {
  const { method, host, path, fields, body, shows } = request;
  const flags = { answer: '-si', stream: '-siN', digest: '-sf' }[shows];
  const sent = addressing === 'name' ? fields : [['Host', `${host}:${gatewayPort}`] as const, ...fields];
  const authority = `${addressing === 'name' ? host : '127.0.0.1'}:${gatewayPort}`;
  const words = [
    'curl',
    flags,
    ...(method === 'GET' || body !== undefined ? [] : ['-X', method]),
    ...sent.flatMap(([name, value]) => ['-H', quote(`${name}: ${value}`)]),
    ...(body === undefined
      ? []
      : ['--data-binary', quote(body.kind === 'text' ? body.text : `@${body.file}`)]),
    quote(`http://${authority}${path}`),
    ...(shows === 'digest' ? [`| ${DIGEST_COMMAND}`] : []),
  ];
  return words.join(' ');
}

/** Gives the shell the word `gatehouse`, pointed at the running one. */
export function gatehouseFunction(node: string, admin: readonly string[]): string {
  return `gatehouse() { ${[node, ...admin].map(quote).join(' ')} "$@"; }`;
}
