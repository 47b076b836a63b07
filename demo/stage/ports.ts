/** Where the parts of the demo listen: on the ports of demo/gatehouse.yaml, or on others where these are taken. */
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';

export interface Ports {
  readonly gateway: number;
  readonly admin: number;
  readonly ops: number;
  readonly legacy: number;
  readonly issuer: number;
  /** Of the web app. */
  readonly pages: number;
}

/** As demo/gatehouse.yaml has them. */
export const USUAL_PORTS: Ports = {
  gateway: 8080,
  admin: 8081,
  ops: 9464,
  legacy: 3000,
  issuer: 4000,
  pages: 3080,
};

const TRIES = 100;

/** The port, or `undefined` when it is taken. Port 0 takes a free one. */
async function probe(host: string, port: number): Promise<number | undefined> {
  const server = createServer();
  try {
    server.listen({ host, port });
    await once(server, 'listening');
  } catch (error) {
    // A machine without IPv6 has nobody there either.
    const isTaken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
    return isTaken ? undefined : port;
  }
  const address = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return address.port;
}

/** Both loopbacks must be free: clients that ask for a name try ::1 too, and would reach somebody else there. */
async function isFree(port: number): Promise<boolean> {
  return (await probe('127.0.0.1', port)) !== undefined && (await probe('::1', port)) !== undefined;
}

async function freePort(wanted: number, taken: ReadonlySet<number>): Promise<number> {
  for (let tries = 0; tries < TRIES; tries += 1) {
    const port = wanted === 0 ? await probe('127.0.0.1', 0) : wanted + tries;
    if (port !== undefined && !taken.has(port) && (await isFree(port))) return port;
  }
  throw new Error(`no port from ${wanted} to ${wanted + TRIES - 1} is free`);
}

/** `usual`: the ports of the file, or the next free ones. `any`: whatever the system gives, so that runs do not meet. */
export async function choosePorts(preference: 'usual' | 'any'): Promise<Ports> {
  const taken = new Set<number>();
  async function choose(usual: number): Promise<number> {
    const port = await freePort(preference === 'usual' ? usual : 0, taken);
    taken.add(port);
    return port;
  }
  return {
    gateway: await choose(USUAL_PORTS.gateway),
    admin: await choose(USUAL_PORTS.admin),
    ops: await choose(USUAL_PORTS.ops),
    legacy: await choose(USUAL_PORTS.legacy),
    issuer: await choose(USUAL_PORTS.issuer),
    pages: await choose(USUAL_PORTS.pages),
  };
}
