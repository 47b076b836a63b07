import type { Ledger } from '../judge/ledger.ts';
import type { Asker, Outcome } from '../judge/rules.ts';
import type { SoakedGateway } from '../places/gateway.ts';
import { ask, type Question, type Reply } from './ask.ts';

/** Where the actors act. */
export interface Stage {
  /** Takes the steady load. */
  readonly plain: SoakedGateway;
  /** A second replica on the same Redis, with TLS and HTTP/2. */
  readonly tls: SoakedGateway;
  readonly ledger: Ledger;
  /** A key that stays good. */
  readonly key: string;
}

/** One of those who keep the gateways busy. */
export interface Actor {
  readonly name: string;
  /** Between two acts. */
  readonly everyMs: number;
  /** Ends by itself, within seconds. Throws only what is a fault of the soak. */
  act(stage: Stage, turn: number): Promise<void>;
}

export async function askAndNote(stage: Stage, asker: Asker, question: Question): Promise<Reply> {
  const reply = await ask(question);
  stage.ledger.note({ asker, ...reply });
  return reply;
}

/** To the port of a gateway's public listener. */
export function publicPlace({ ports, ca }: SoakedGateway): Pick<Question, 'port' | 'ca'> {
  return { port: ports.public, ca };
}

export function withKey(key: string): Readonly<Record<string, string>> {
  return { 'X-Api-Key': key };
}

/** Asks the administration; the outcome has the status alone. */
export async function administer(
  { ledger }: Pick<Stage, 'ledger'>,
  { ports, adminToken }: SoakedGateway,
  path: string,
  body: unknown,
): Promise<Reply> {
  const authorization = `Bearer ${adminToken}`;
  const question = { port: ports.admin, method: 'POST', path, headers: { authorization } };
  const reply = await ask({ ...question, ...(body !== undefined && { body: JSON.stringify(body) }) });
  const outcome: Outcome = reply.outcome.split(' ', 1)[0] ?? '';
  ledger.note({ ...reply, asker: 'administration', outcome });
  return { ...reply, outcome };
}
