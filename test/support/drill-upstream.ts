import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** An upstream that answers 200 to all, knows every password, and sets a cookie at a login. */
export async function startDrillUpstream(
  host: string,
): Promise<{ readonly origin: string; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      if (request.url !== '/api/login') {
        response.end('ok');
        return;
      }
      const { user } = JSON.parse(Buffer.concat(chunks).toString()) as { user: string };
      response.writeHead(200, { 'content-type': 'application/json', 'set-cookie': 'auth=1; Path=/' });
      response.end(JSON.stringify({ user: { id: user, name: user, roles: [] } }));
    });
  }).listen(0, host);
  await once(server, 'listening');
  return {
    origin: `http://${host}:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
