import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** Stands between a client and a server, and spoils what is between them. */
export interface TcpRelay {
  readonly port: number;
  /** Port of 127.0.0.1 that new connections go to. */
  target: number;
  /** Milliseconds by which each chunk is late, either way. */
  delay: number;
  /** Ends every connection, and refuses others until `mend`. */
  cut(): void;
  mend(): void;
  close(): Promise<void>;
}

export async function startTcpRelay(target: number): Promise<TcpRelay> {
  const sockets = new Set<Socket>();
  let isCut = false;
  const server = createServer({ noDelay: true }, (client) => {
    if (isCut) {
      client.destroy();
      return;
    }
    const upstream = connect({ port: relay.target, host: '127.0.0.1', noDelay: true });
    pass(client, upstream);
    pass(upstream, client);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  function pass(from: Socket, to: Socket): void {
    sockets.add(from);
    let passed = Promise.resolve();
    from.on('data', (chunk: Buffer) => {
      const late = relay.delay === 0 ? passed : delay(relay.delay);
      // In order, also where the delay ends.
      passed = Promise.all([passed, late]).then(() => void (to.destroyed || to.write(chunk)));
    });
    from.on('error', () => to.destroy());
    from.on('close', () => {
      sockets.delete(from);
      to.destroy();
    });
  }

  function endAll(): void {
    for (const socket of sockets) socket.destroy();
  }

  const relay: TcpRelay = {
    port: (server.address() as AddressInfo).port,
    target,
    delay: 0,
    cut() {
      isCut = true;
      endAll();
    },
    mend() {
      isCut = false;
    },
    async close() {
      endAll();
      server.close();
      await once(server, 'close');
    },
  };
  return relay;
}
