import type { AnswerReceiver } from './answer-receiver.ts';
import { Connection, type ConnectionOwner } from './connection.ts';
import type { OpenSocket } from './open-socket.ts';
import { WireFault } from './wire-fault.ts';
import { headOf, type WireRequest } from './wire-request.ts';

interface Waiting {
  readonly head: string;
  readonly request: WireRequest;
}

/** A timer for longer would fire at once. */
const MOST_TIMER_MILLISECONDS = 2 ** 31 - 1;

/**
 * The connections to one target. The one that was used last is used next, so that those that are not needed go; what
 * finds none free and may open no further one waits, first come, first served.
 */
export class Pool implements ConnectionOwner {
  readonly #open: OpenSocket;
  readonly #most: number;
  readonly #connections = new Set<Connection>();
  readonly #idle: Connection[] = [];
  /** By who asked; each asks for one thing at a time. */
  readonly #waiting = new Map<AnswerReceiver, Waiting>();
  #opening = 0;
  #state: 'open' | 'closing' | 'destroyed' = 'open';
  readonly #closed = Promise.withResolvers<void>();
  #timer: NodeJS.Timeout | undefined;
  /** When it fires, by `performance.now()`. */
  #timerAt = Number.POSITIVE_INFINITY;

  /** `connections`: most at a time. */
  constructor(open: OpenSocket, connections: number) {
    this.#open = open;
    this.#most = connections;
  }

  /** The receiver is told of everything, and may be before this returns. */
  dispatch(request: WireRequest, receiver: AnswerReceiver): void {
    let head: string;
    try {
      if (this.#state !== 'open') throw new WireFault('stopped', 'the pool is closed');
      head = headOf(request);
    } catch (error) {
      receiver.failed(error);
      return;
    }
    const connection = this.#takeIdle();
    if (connection === undefined) {
      this.#waiting.set(receiver, { head, request });
      this.#grow();
    } else if (!connection.begin(head, request, receiver)) {
      this.#idle.push(connection);
    }
  }

  /** Who waits for a connection does so no more. */
  forget(receiver: AnswerReceiver): void {
    if (this.#waiting.delete(receiver)) this.#finishIfDone();
  }

  /** Takes no further requests. Resolves when those that there are have ended. */
  close(): Promise<void> {
    if (this.#state === 'open') this.#state = 'closing';
    for (const connection of this.#idle.splice(0)) connection.close(stopped());
    this.#finishIfDone();
    return this.#closed.promise;
  }

  /** Ends all requests. */
  destroy(): void {
    this.#state = 'destroyed';
    const waiting = [...this.#waiting.keys()];
    this.#waiting.clear();
    for (const receiver of waiting) receiver.failed(stopped());
    for (const connection of this.#connections) connection.close(stopped());
    this.#finishIfDone();
  }

  released(connection: Connection): void {
    if (this.#waiting.size > 0) {
      for (const [receiver, { head, request }] of this.#waiting) {
        this.#waiting.delete(receiver);
        if (connection.begin(head, request, receiver)) return;
      }
    }
    if (this.#state === 'open') this.#idle.push(connection);
    else connection.close(stopped());
  }

  left(connection: Connection): void {
    this.#connections.delete(connection);
    const index = this.#idle.indexOf(connection);
    if (index !== -1) this.#idle.splice(index, 1);
    this.#grow();
    this.#finishIfDone();
  }

  watch(at: number): void {
    if (at >= this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = at;
    const milliseconds = Math.ceil(at - performance.now());
    this.#timer = setTimeout(this.#expire, Math.min(Math.max(1, milliseconds), MOST_TIMER_MILLISECONDS));
    this.#timer.unref();
  }

  /** One timer for all deadlines: it fires when the earliest may be over, which most have moved on from by then. */
  readonly #expire = (): void => {
    this.#timerAt = Number.POSITIVE_INFINITY;
    const now = performance.now();
    let next = Number.POSITIVE_INFINITY;
    for (const connection of this.#connections) {
      if (connection.deadline <= now) connection.expire();
      else if (connection.deadline < next) next = connection.deadline;
    }
    if (next !== Number.POSITIVE_INFINITY) this.watch(next);
  };

  #takeIdle(): Connection | undefined {
    const connection = this.#idle.pop();
    if (connection === undefined || connection.deadline > performance.now()) return connection;
    // The timer is late, as after a long pause of the process.
    connection.close(stopped());
    return this.#takeIdle();
  }

  /** A new connection for each who waits, as far as there may be more. */
  #grow(): void {
    while (
      this.#state !== 'destroyed' &&
      this.#opening < this.#waiting.size &&
      this.#opening + this.#connections.size < this.#most
    ) {
      this.#opening += 1;
      this.#connect();
    }
  }

  #connect(): void {
    let connection: Connection | undefined;
    this.#open(
      (bytes, isLent) => connection?.receive(bytes, isLent),
      (socket, isStream) => {
        this.#opening -= 1;
        if (this.#state === 'destroyed') {
          socket.destroy();
        } else {
          connection = new Connection(socket, this, isStream);
          this.#connections.add(connection);
          connection.rest();
          this.released(connection);
        }
        this.#finishIfDone();
      },
      (error) => {
        this.#opening -= 1;
        this.#refuse(error);
        this.#finishIfDone();
      },
    );
  }

  /** Each attempt was made for one that waits; where others have been served meanwhile, it was for nobody. */
  #refuse(error: Error): void {
    const [receiver] = this.#waiting.keys();
    if (receiver !== undefined && this.#waiting.size > this.#opening) {
      this.#waiting.delete(receiver);
      receiver.failed(error);
    }
    this.#grow();
  }

  #finishIfDone(): void {
    if (this.#state === 'open' || this.#connections.size + this.#opening + this.#waiting.size > 0) return;
    clearTimeout(this.#timer);
    this.#closed.resolve();
  }
}

function stopped(): WireFault {
  return new WireFault('stopped', 'the pool was closed');
}
