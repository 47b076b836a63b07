/** `<port> <upstream url>`: how each process of ours is started. */
export interface ProcessArguments {
  readonly port: number;
  readonly upstream: string;
}

export function processArguments(): ProcessArguments {
  const [port, upstream] = process.argv.slice(2);
  if (port === undefined || upstream === undefined) throw new Error('usage: <port> <upstream url>');
  return { port: Number(port), upstream };
}

/** Connections that a target may open to the upstream: as many as clients have to it, and room to spare. */
export const UPSTREAM_CONNECTIONS = 128;
