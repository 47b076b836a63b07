import type { Socket } from 'node:net';

/** How often connections are looked at within `idleMilliseconds`. */
const LOOKS = 4;

/** What a connection had sent when it was last seen to move. */
interface Mark {
  readonly sent: number;
  readonly at: number;
}

/**
 * Cuts connections whose client takes nothing of what waits for it for `idleMilliseconds`; 0: never. Looked at now and
 * then, all at once, so that those who read cost nothing. Returns how to stop.
 */
export function watchUnread(
  sockets: ReadonlySet<Socket>,
  idleMilliseconds: number,
  cut: (socket: Socket) => void,
): () => void {
  if (idleMilliseconds === 0) return () => {};
  const marks = new WeakMap<Socket, Mark>();

  function look(): void {
    const now = performance.now();
    for (const socket of sockets) {
      const waiting = socket.writableLength;
      const mark = marks.get(socket);
      if (waiting === 0) {
        if (mark !== undefined) marks.delete(socket);
        continue;
      }
      const sent = socket.bytesWritten - waiting;
      if (mark?.sent !== sent) marks.set(socket, { sent, at: now });
      else if (now - mark.at >= idleMilliseconds) cut(socket);
    }
  }

  const timer = setInterval(look, Math.max(10, Math.ceil(idleMilliseconds / LOOKS)));
  timer.unref();
  return () => clearInterval(timer);
}
