import { configJsonSchema, type JsonSchema } from './json-schema.ts';

/** One key of the configuration, as the reference lists it. */
export interface ReferenceEntry {
  /** `routes[].match.path`, `upstreams.NAME.targets` */
  readonly path: string;
  readonly type: string;
  /** As written in YAML's flow style; `undefined` = none. */
  readonly default: string | undefined;
  readonly isRequired: boolean;
  /** Belongs to one of several forms of the map around it. */
  readonly isAlternative: boolean;
  readonly meaning: string;
}

/** Every key, in the order of the schema: a key before those inside of it. */
export function referenceEntries(): readonly ReferenceEntry[] {
  return entriesOf(configJsonSchema(), '', false);
}

/** The configuration reference, in Markdown. */
export function configReference(): string {
  const entries = referenceEntries();
  const sections = Map.groupBy(entries, (entry) => topLevelOf(entry.path));
  const parts = [...sections].map(([name, inside]) => sectionOf(name, inside));
  return `${INTRODUCTION}\n${parts.join('\n')}`;
}

const INTRODUCTION = `# Configuration

<!-- Generated from the schema by \`npm run docs\`. Do not edit. -->

One YAML file. \`gatehouse check FILE\` says what is wrong with it, all at once, as
\`file:line:col path: found …, expected …\`; \`gatehouse schema\` prints its JSON Schema, from which editors complete.

- Unknown keys are errors, and so are duplicate keys, merge keys (\`<<\`), tags and keys that are not text.
- *secret*, *URL* and *text or reference* may hold \`\${env:NAME}\` (an environment variable) and \`\${file:PATH}\` (the content of
  a file, without one trailing newline). Nothing else may. A missing variable, an unreadable file and an empty value are errors.
- Paths of files are relative to the folder of the configuration.
- *duration*: \`500ms\`, \`30s\`, \`10m\`, \`12h\`, \`7d\`. *size*: \`512KiB\`, \`1MiB\`, \`10MB\`. *rate*: \`10/s\`, \`600/min\`, \`5000/h\`.
- The file, and every file that it names, is watched; a change is loaded without a restart, unless the key says otherwise. A file
  with an error changes nothing.
- NAME in a path stands for a name that you choose.
`;

function sectionOf(name: string, entries: readonly ReferenceEntry[]): string {
  const rows = entries.map(
    (entry) => `| \`${entry.path}\` | ${cell(entry.type)} | ${defaultCell(entry)} | ${cell(entry.meaning)} |`,
  );
  return [`## ${name}`, '', '| key | type | default | meaning |', '|---|---|---|---|', ...rows, ''].join(
    '\n',
  );
}

function defaultCell(entry: ReferenceEntry): string {
  if (entry.isRequired) return entry.isAlternative ? 'required in this form' : '**required**';
  return entry.default === undefined ? '' : `\`${cell(entry.default)}\``;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}

function topLevelOf(path: string): string {
  return path.split(/[.[]/)[0] ?? path;
}

function entriesOf(schema: JsonSchema, path: string, isAlternative: boolean): readonly ReferenceEntry[] {
  const prefix = path === '' ? '' : `${path}.`;
  const entryAndInside = (key: string, value: JsonSchema, isRequired: boolean) => [
    {
      path: `${prefix}${key}`,
      type: typeOf(value),
      default: defaultOf(value.default),
      isRequired,
      isAlternative,
      meaning: value.description ?? '',
    },
    ...entriesOf(value, `${prefix}${key}`, false),
  ];
  const entries = Object.entries(schema.properties ?? {}).flatMap(([key, value]) =>
    entryAndInside(key, value, schema.required?.includes(key) === true),
  );
  if (typeof schema.additionalProperties === 'object')
    entries.push(...entryAndInside('NAME', schema.additionalProperties, false));
  if (schema.items !== undefined) entries.push(...entriesOf(schema.items, `${path}[]`, false));
  for (const form of schema.anyOf ?? []) entries.push(...entriesOf(form, path, true));
  return entries;
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  object: 'map',
  boolean: '`true` or `false`',
  string: 'text',
};

function typeOf(schema: JsonSchema): string {
  if (schema.anyOf !== undefined) return [...new Set(schema.anyOf.map(typeOf))].join(' or ');
  if (schema.const !== undefined) return `\`${String(schema.const)}\``;
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${String(value)}\``).join(', ');
  if (schema.items !== undefined) return `list of ${typeOf(schema.items)}`;
  if (schema.title !== undefined) return schema.title;
  const types = typeof schema.type === 'string' ? [schema.type] : (schema.type ?? []);
  return types.map((type) => TYPE_WORDS[type] ?? type).join(' or ');
}

/** Flow style; the defaults of a map inside are those of its keys, so an empty map says nothing. */
function defaultOf(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (Array.isArray(value)) return `[${value.map(String).join(', ')}]`;
  return typeof value === 'object' ? undefined : `${value as string | number | boolean}`;
}
