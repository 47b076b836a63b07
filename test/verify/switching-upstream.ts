/** An upstream that switches whatever handshake with the key of `HANDSHAKE` comes, and says nothing after that. Says its port on standard error. */
import { type AddressInfo, createServer } from 'node:net';

const SWITCH =
  'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ICX+Yqv66kxgM0FcWaLWlFLwTAI=\r\n\r\n';

const server = createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => {});
  socket.once('data', () => {
    socket.write(SWITCH);
    // Whatever else comes is a goodbye.
    socket.on('data', () => void socket.end());
  });
});
server.listen({ port: 0, host: '127.0.0.1', backlog: 1024 }, () => {
  process.stderr.write(`upstream :${(server.address() as AddressInfo).port}\n`);
});
