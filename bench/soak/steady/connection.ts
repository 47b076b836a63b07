import { connect, type Socket } from 'node:net';
import { outcomeOf } from '../actors/ask.ts';
import type { Outcome } from '../judge/rules.ts';

/** A keep-alive connection that is opened anew whenever the gateway closes it. */
export interface SteadyConnection {
  /** One at a time. */
  send(request: Buffer): void;
  close(): void;
}

const HEAD_END = '\r\n\r\n';
const CLOSES = /\r\nconnection: *close\r\n/i;

/** `onAnswer` is called once for each request, with `cut` when the connection ended in place of an answer. */
export function openSteadyConnection(port: number, onAnswer: (outcome: Outcome) => void): SteadyConnection {
  let socket: Socket | undefined;
  let isWaiting = false;
  let received = '';

  function settle(outcome: Outcome): void {
    if (!isWaiting) return;
    isWaiting = false;
    // Whoever goes on sending there has no answer (RFC 9112 §9.6).
    if (CLOSES.test(received)) {
      socket?.destroy();
      socket = undefined;
    }
    received = '';
    onAnswer(outcome);
  }

  function open(): Socket {
    const opened = connect({ host: '127.0.0.1', port, noDelay: true });
    opened.setEncoding('latin1').on('data', (text: string) => {
      received += text;
      const outcome = outcomeIn(received);
      if (outcome !== undefined) settle(outcome);
    });
    // Told by its end.
    opened.on('error', () => {});
    opened.once('close', () => {
      if (socket !== opened) return;
      socket = undefined;
      settle('cut');
    });
    return opened;
  }

  return {
    send(request) {
      isWaiting = true;
      socket ??= open();
      socket.write(request);
    },
    close() {
      isWaiting = false;
      socket?.destroy();
    },
  };
}

/** `undefined` until the whole answer is there. Answers without Content-Length are not understood. */
export function outcomeIn(received: string): Outcome | undefined {
  const headEnd = received.indexOf(HEAD_END);
  if (headEnd === -1) return undefined;
  const head = received.slice(0, headEnd);
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  if (length === undefined) return 'without Content-Length';
  const body = received.slice(headEnd + HEAD_END.length);
  if (body.length < Number(length)) return undefined;
  return body.length > Number(length) ? 'more than one answer' : outcomeOf(Number(head.slice(9, 12)), body);
}
