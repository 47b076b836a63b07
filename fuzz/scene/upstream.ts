import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { type Message, readRequest } from '../read/request.ts';

/** What an upstream answers to one request, byte for byte. Texts are Latin-1. */
export interface Script {
  /** Written one by one, with a moment between them. */
  readonly segments: readonly string[];
  /** What happens to the connection then. */
  readonly ending: 'keep' | 'end' | 'reset';
  /** From then on the connection speaks no HTTP. */
  readonly switches: boolean;
}

/** One request that arrived. */
export interface Arrival {
  readonly message: Message;
  readonly script: Script;
}

export interface FuzzUpstream {
  readonly origin: string;
  /** What arrived since the last call. A request whose body does not come whole arrives when its connection ends. */
  take(): Arrivals;
  close(): Promise<void>;
}

export interface Arrivals {
  readonly requests: readonly Arrival[];
  /** Bytes that no two servers need read alike, each with the reason. */
  readonly unclear: readonly string[];
}

/** A server that records what comes, reads it strictly, and answers by script. */
export async function startUpstream(scriptFor: (message: Message) => Script): Promise<FuzzUpstream> {
  let requests: Arrival[] = [];
  let unclear: string[] = [];
  const sockets = new Set<Socket>();

  function accept(socket: Socket): void {
    let rest = '';
    let isSwitched = false;
    let isAnswering = false;
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      sockets.delete(socket);
      if (rest === '' || isSwitched) return;
      const read = readRequest(rest, 0);
      // A body that broke off is one that the gateway began and did not end.
      if (read.kind === 'begun') requests.push({ message: read.message, script: NO_ANSWER });
    });
    socket.on('data', (bytes: Buffer) => {
      if (isSwitched) return;
      rest += bytes.toString('latin1');
      void advance();
    });
    async function advance(): Promise<void> {
      while (rest !== '' && !isSwitched && !isAnswering) {
        const read = readRequest(rest, 0);
        if (read.kind === 'partial') return;
        if (read.kind === 'begun' && read.unclear === undefined) return;
        if (read.kind !== 'whole') {
          unclear.push(`${read.kind === 'begun' ? read.unclear : read.reason} in ${JSON.stringify(rest)}`);
          rest = '';
          socket.destroy();
          return;
        }
        rest = rest.slice(read.end);
        const script = scriptFor(read.message);
        requests.push({ message: read.message, script });
        isSwitched = script.switches;
        isAnswering = true;
        await play(script, socket);
        isAnswering = false;
      }
    }
  }

  const server = createServer(accept);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    take() {
      const taken = { requests, unclear };
      requests = [];
      unclear = [];
      return taken;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

const NO_ANSWER: Script = { segments: [], ending: 'keep', switches: false };

async function play({ segments, ending }: Script, socket: Socket): Promise<void> {
  for (const [index, segment] of segments.entries()) {
    if (index > 0) await pause(1);
    if (socket.writable) socket.write(segment, 'latin1');
  }
  if (ending === 'end') socket.end();
  if (ending === 'reset') socket.resetAndDestroy();
}
