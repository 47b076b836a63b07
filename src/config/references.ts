import { err, ok } from '../base/result.ts';
import type { ConfigFiles } from './files.ts';
import type { ResolveReference } from './schema/scalars.ts';

const REFERENCE = /\$\{(env|file):([^{}]*)\}/g;
const ENV_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const MAXIMUM_SECRET_BYTES = 256 * 1024;
const SYNTAX = '${env:NAME} or ${file:PATH}';

/** Whether a text is references and nothing else: then it holds no secret itself and may be shown. */
export function isOnlyReferences(text: string): boolean {
  return text !== '' && text.replace(REFERENCE, '') === '';
}

/**
 * Resolves `${env:NAME}` and `${file:PATH}`. The error is what was expected; it names variables and files and never
 * a value. One trailing newline of a file is not part of the secret.
 */
export function createReferences(
  env: Readonly<Record<string, string | undefined>>,
  files: ConfigFiles,
): ResolveReference {
  function valueOf(kind: string, name: string) {
    return kind === 'env' ? environmentValue(name) : fileValue(name);
  }

  function environmentValue(name: string) {
    if (!ENV_NAME.test(name)) return err('${env:NAME} with a name of letters, digits and _');
    const value = env[name];
    if (value === undefined) return err(`the environment variable ${name} to be set`);
    if (value === '') return err(`the environment variable ${name} not to be empty`);
    files.note(`env ${name}`, value);
    return ok(value);
  }

  function fileValue(name: string) {
    if (name === '') return err('${file:PATH} with a path');
    const content = files.read(name, MAXIMUM_SECRET_BYTES);
    if (!content.ok) return err(`the file ${name} to be readable (${content.error})`);
    const text = content.value.toString('utf8');
    if (Buffer.compare(Buffer.from(text, 'utf8'), content.value) !== 0)
      return err(`the file ${name} to be UTF-8 text`);
    const value = text.replace(/\r?\n$/, '');
    return value === '' ? err(`the file ${name} not to be empty`) : ok(value);
  }

  return (text) => {
    // What only looks like a reference would be taken for the secret itself.
    const literal = text.replace(REFERENCE, '');
    if (/\$\{|\$\(/.test(literal)) return err(`a reference written as ${SYNTAX}`);
    let resolved = '';
    let copied = 0;
    for (const match of text.matchAll(REFERENCE)) {
      const value = valueOf(match[1] ?? '', match[2] ?? '');
      if (!value.ok) return value;
      resolved += text.slice(copied, match.index) + value.value;
      copied = match.index + match[0].length;
    }
    return ok(resolved + text.slice(copied));
  };
}
