/** Reads what to open and what to verify as lines of JSON, and answers each with a line. */
'use strict';
const { createInterface } = require('node:readline');
const { assertionVerifier, signatureVerifier } = require('../../../deploy/verifiers/node/gatehouse-verifier.cjs');

const verifiers = new Map();
let seconds = 0;
const now = () => seconds;

function open({ name, kind, options }) {
  const seen = new Set();
  const useNonce = async (_, nonce) => !seen.has(nonce) && seen.add(nonce).has(nonce);
  const create = kind === 'assertion' ? assertionVerifier : signatureVerifier;
  verifiers.set(name, create({ ...options, now, ...(options.nonces && { useNonce }) }));
}

async function answer(line) {
  const command = JSON.parse(line);
  if (command.do === 'open') {
    open(command);
    return {};
  }
  seconds = command.now;
  const { method, target, fields, body } = command;
  const request = { method, url: target, rawHeaders: fields.flat() };
  const verdict = await verifiers.get(command.name)(request, body === null ? undefined : Buffer.from(body));
  return verdict.ok ? verdict : { ok: false, code: verdict.code, cause: String(verdict.cause) };
}

async function run() {
  for await (const line of createInterface({ input: process.stdin }))
    process.stdout.write(`${JSON.stringify(await answer(line))}\n`);
}

void run();
