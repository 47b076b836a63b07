/** JSON schemas for kubeconform, each whole in one file and closed to unknown keys. */
import { globSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseAllDocuments } from 'yaml';

type Schema = Readonly<Record<string, unknown>>;

/** Kinds of Kubernetes itself that the chart and the examples use, as kubeconform names their files. */
const CORE_KINDS = [
  'configmap-v1',
  'deployment-apps-v1',
  'horizontalpodautoscaler-autoscaling-v2',
  'ingress-networking-v1',
  'networkpolicy-networking-v1',
  'persistentvolumeclaim-v1',
  'poddisruptionbudget-policy-v1',
  'service-v1',
  'serviceaccount-v1',
];

const CRD_FILES = [
  'charts/gateway-helm/charts/crds/crds/generated/gateway.envoyproxy.io_securitypolicies.yaml',
  'example/prometheus-operator-crd/monitoring.coreos.com_{podmonitors,prometheusrules,servicemonitors}.yaml',
  'docs/content/reference/dynamic-configuration/kubernetes-crd-definition-v1.yml',
  'kubernetes/customresourcedefinitions.gen.yaml',
  'config/crd/standard/gateway.networking.k8s.io_{httproutes,referencegrants}.yaml',
];

/** From the folder of kubernetes-validate, whose schemas share one file of definitions, to `target/NAME.json`. */
export async function writeCoreSchemas(source: string, target: string): Promise<void> {
  await mkdir(target, { recursive: true });
  const shared = JSON.parse(await readFile(path.join(source, '_definitions.json'), 'utf8')) as {
    readonly $defs: Readonly<Record<string, Schema>>;
  };
  for (const kind of CORE_KINDS) {
    const text = await readFile(path.join(source, `${kind}.json`), 'utf8');
    const schema = text.replaceAll('/api/_definitions.json#', '#');
    const whole = { ...(JSON.parse(schema) as Schema), $defs: reachable(schema, shared.$defs) };
    await writeFile(path.join(target, `${kind}.json`), JSON.stringify(whole));
  }
}

function reachable(
  schema: string,
  definitions: Readonly<Record<string, Schema>>,
): Readonly<Record<string, Schema>> {
  const found: Record<string, Schema> = {};
  const open = [schema];
  for (let text = open.pop(); text !== undefined; text = open.pop()) {
    for (const [, name = ''] of text.matchAll(/"\$ref":\s*"#\/\$defs\/([^"]+)"/g)) {
      const definition = definitions[name];
      if (definition === undefined || Object.hasOwn(found, name)) continue;
      found[name] = definition;
      open.push(JSON.stringify(definition));
    }
  }
  return found;
}

interface CustomResourceDefinition {
  readonly kind: string;
  readonly spec: {
    readonly group: string;
    readonly names: { readonly kind: string };
    readonly versions: readonly {
      readonly name: string;
      readonly schema?: { readonly openAPIV3Schema: Schema };
    }[];
  };
}

/** From the sources of those who define them to `target/GROUP/KIND_VERSION.json`. */
export async function writeCustomSchemas(folders: readonly string[], target: string): Promise<void> {
  const files = folders.flatMap((folder) =>
    globSync(CRD_FILES, { cwd: folder }).map((file) => path.join(folder, file)),
  );
  for (const file of files) {
    for (const document of parseAllDocuments(await readFile(file, 'utf8'))) {
      const crd = document.toJS() as CustomResourceDefinition | null;
      if (crd?.kind !== 'CustomResourceDefinition') continue;
      const folder = path.join(target, crd.spec.group);
      await mkdir(folder, { recursive: true });
      for (const { name, schema } of crd.spec.versions) {
        if (schema === undefined) continue;
        const place = path.join(folder, `${crd.spec.names.kind.toLowerCase()}_${name}.json`);
        await writeFile(place, JSON.stringify(whole(schema.openAPIV3Schema)));
      }
    }
  }
}

/** What every object has, some definitions leave out. */
function whole(schema: Schema): Schema {
  const text = { type: 'string' };
  const properties = {
    apiVersion: text,
    kind: text,
    metadata: { type: 'object' },
    ...asSchema(schema['properties']),
  };
  return asSchema(closed({ ...schema, properties }));
}

function asSchema(value: unknown): Schema {
  if (typeof value !== 'object' || value === null) throw new Error('a schema is an object');
  return value as Schema;
}

/** An object with named properties takes no others, as the API server's strict validation has it. */
function closed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closed);
  if (typeof value !== 'object' || value === null) return value;
  const schema = Object.fromEntries(Object.entries(value).map(([key, member]) => [key, closed(member)]));
  const isOpen =
    schema['type'] !== 'object' ||
    schema['properties'] === undefined ||
    'additionalProperties' in schema ||
    schema['x-kubernetes-preserve-unknown-fields'] === true;
  return isOpen ? schema : { ...schema, additionalProperties: false };
}
