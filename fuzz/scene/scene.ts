import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { hostileAnswer, soundAnswer } from '../generate/answer.ts';
import { type FuzzCase, MARKER } from '../generate/case.ts';
import { headOf } from '../generate/text.ts';
import { createRandom } from '../random.ts';
import { valuesOf } from '../read/grammar.ts';
import type { Message } from '../read/request.ts';
import { type Answer, readAnswer } from '../read/response.ts';
import { fuzzConfig } from './config.ts';
import { play } from './connection.ts';
import {
  clientOf,
  clientSecretOf,
  type KnownCredential,
  PASSWORD,
  prepareCredentials,
  SESSION_COOKIE,
  TENANTS,
} from './credentials.ts';
import { type Program, startProgram } from './program.ts';
import { type Arrivals, type FuzzUpstream, type Script, startUpstream } from './upstream.ts';

/** The gateway under attack, its upstreams, and what may pass. */
export interface Scene {
  readonly program: Program;
  readonly known: readonly [KnownCredential, ...KnownCredential[]];
  /** From now on a hostile upstream answers to these. */
  expect(cases: readonly FuzzCase[]): void;
  /** What arrived at either upstream since the last call. */
  takeArrivals(): Arrivals;
  close(): Promise<void>;
}

/** Starts everything; `entry` is what is run as the gateway. */
export async function openScene(entry: string): Promise<Scene> {
  const folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-fuzz-'));
  const upstreams: FuzzUpstream[] = [];
  let seeds = new Map<number, number>();
  try {
    const jwksFile = path.join(folder, 'jwks.json');
    const prepared = await prepareCredentials(jwksFile);
    writeFileSync(jwksFile, prepared.jwks);
    const sound = await startUpstream(answerInOrder);
    const hostile = await startUpstream((message) => answerBadly(message, seeds));
    upstreams.push(sound, hostile);
    const config = fuzzConfig(prepared, { sound: sound.origin, hostile: hostile.origin });
    const program = await startProgram(entry, folder, config);
    const more = await begin(program.ports.public).catch(async (error: unknown) => {
      await program.stop();
      throw error;
    });
    sound.take();
    const [first, ...others] = [...prepared.known, ...more];
    if (first === undefined) throw new Error('no credential is known');
    return {
      program,
      known: [first, ...others],
      expect(cases) {
        seeds = new Map(cases.map(({ id, answerSeed }) => [id, answerSeed]));
      },
      takeArrivals() {
        const taken = [sound.take(), hostile.take()];
        return {
          requests: taken.flatMap(({ requests }) => requests),
          unclear: taken.flatMap(({ unclear }) => unclear),
        };
      },
      async close() {
        await program.stop();
        await closeAll(upstreams, folder);
      },
    };
  } catch (error) {
    await closeAll(upstreams, folder);
    throw error;
  }
}

async function closeAll(upstreams: readonly FuzzUpstream[], folder: string): Promise<void> {
  await Promise.all(upstreams.map((upstream) => upstream.close()));
  rmSync(folder, { recursive: true, force: true });
}

function answerInOrder(message: Message): Script {
  if (message.target !== '/login') return soundAnswer(message);
  const body = '{"user":{"id":"anna"}}';
  const head = `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n`;
  return { segments: [`${head}Set-Cookie: kept=1\r\n\r\n${body}`], ending: 'keep', switches: false };
}

function answerBadly(message: Message, seeds: ReadonlyMap<number, number>): Script {
  const id = Number(MARKER.exec(message.target)?.[1] ?? -1);
  const label = Buffer.from(message.target, 'latin1').reduce((sum, byte) => (sum * 31 + byte) % 65_521, 7);
  return hostileAnswer(message, createRandom(seeds.get(id) ?? 0).fork(label));
}

/** Credentials that only the running gateway can give: tokens of its own, and sessions. */
async function begin(port: number): Promise<readonly KnownCredential[]> {
  const begun: KnownCredential[] = [];
  for (const tenant of TENANTS) {
    const basic = Buffer.from(`${clientOf(tenant)}:${clientSecretOf(tenant)}`).toString('base64');
    const token = await ask(port, 'POST /oauth/token', 'gw.test', 'grant_type=client_credentials', [
      `Authorization: Basic ${basic}`,
      'Content-Type: application/x-www-form-urlencoded',
    ]);
    const { access_token: value } = JSON.parse(token.body) as { readonly access_token: string };
    begun.push({ kind: 'bearer', tenant, value });
    const body = JSON.stringify({ client_id: 'web-app', username: 'anna', password: PASSWORD });
    const session = await ask(port, 'POST /session', `${tenant}.gw.test`, body, [
      'Content-Type: application/json',
      'Gatehouse-CSRF: 1',
      'Sec-Fetch-Site: same-origin',
    ]);
    const cookie = valuesOf(session.fields, 'set-cookie').find((each) =>
      each.startsWith(`${SESSION_COOKIE}=`),
    );
    if (cookie === undefined) throw new Error(`no session: ${session.status} ${session.body}`);
    begun.push({
      kind: 'session',
      tenant,
      value: cookie.slice(SESSION_COOKIE.length + 1).split(';', 1)[0] ?? '',
    });
  }
  return begun;
}

/** On a machine with other work to do a request can come too late for the gateway's short patience, or in a moment of too much load: then again. */
const TRIES = 50;
const AGAIN_MS = 100;

/** One request in order, on a connection of its own. Throws without a whole answer. */
export async function ask(
  port: number,
  line: string,
  host: string,
  body: string,
  fields: readonly string[],
): Promise<Answer> {
  for (let tries = 1; ; tries += 1) {
    const answer = await askOnce(port, line, host, body, fields);
    if ((answer.status !== 408 && answer.status !== 503) || tries === TRIES) return answer;
    await pause(AGAIN_MS);
  }
}

async function askOnce(
  port: number,
  line: string,
  host: string,
  body: string,
  fields: readonly string[],
): Promise<Answer> {
  const framing = body === '' ? [] : [`Content-Length: ${body.length}`];
  const text =
    headOf([`${line} HTTP/1.1`, `Host: ${host}`, 'Connection: close', ...fields, ...framing]) + body;
  const heard = await play(port, [{ kind: 'send', text }]);
  const read = readAnswer(heard.text, 0, 'GET');
  if (read.kind !== 'read')
    throw new Error(`no answer to ${line}: ${JSON.stringify(heard.text)} (${heard.ending})`);
  return read.answer;
}
