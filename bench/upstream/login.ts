/**
 * An upstream with a login, as a process of its own: any password is right, the user is who it says, and two cookies are set.
 * Reports its port over IPC, and ends when that closes.
 */
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const { user } = JSON.parse(Buffer.concat(chunks).toString() || '{"user":""}') as { user: string };
    const body = JSON.stringify({ user: { id: user, name: 'Anna Ackermann', roles: ['clerk', 'auditor'] } });
    response.writeHead(200, {
      'Content-Type': 'application/json',
      'Content-Length': Buffer.byteLength(body),
      'Set-Cookie': [
        `ASP.NET_SessionId=${randomBytes(12).toString('hex')}; Path=/; HttpOnly`,
        `auth=${randomBytes(32).toString('hex')}; Path=/; HttpOnly`,
      ],
    });
    response.end(body);
  });
});

process.on('disconnect', () => process.exit(0));
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
