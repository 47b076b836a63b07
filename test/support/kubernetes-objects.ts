import { parseAllDocuments } from 'yaml';

export type Members = Readonly<Record<string, unknown>>;

/** An object of Kubernetes, as far as tests look into each. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: Members;
  readonly data: Readonly<Record<string, string>>;
}

export function objectsIn(text: string): readonly KubernetesObject[] {
  return parseAllDocuments(text).flatMap((document) => {
    const object = document.toJS() as KubernetesObject | null;
    return object === null ? [] : [object];
  });
}

/** The one object of this kind (and name). */
export function only(objects: readonly KubernetesObject[], kind: string, name?: string): KubernetesObject {
  const found = objects.filter(
    (object) => object.kind === kind && (name === undefined || object.metadata.name === name),
  );
  const [object] = found;
  if (object === undefined || found.length > 1) throw new Error(`${found.length} of ${kind} ${name ?? ''}`);
  return object;
}

export interface Container {
  readonly args: readonly string[];
  readonly securityContext: Members;
  readonly env?: readonly Members[];
  readonly envFrom?: readonly Members[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly startupProbe: Probe;
  readonly readinessProbe: Probe;
  readonly livenessProbe: Probe;
  readonly lifecycle?: Members;
  readonly volumeMounts: readonly {
    readonly name: string;
    readonly mountPath: string;
    readonly subPath?: string;
  }[];
}

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
}

export interface DeploymentSpec {
  readonly replicas?: number;
  readonly strategy: Members;
  readonly selector: { readonly matchLabels: Readonly<Record<string, string>> };
  readonly template: {
    readonly metadata: {
      readonly labels: Readonly<Record<string, string>>;
      readonly annotations: Readonly<Record<string, string>>;
    };
    readonly spec: {
      readonly automountServiceAccountToken: boolean;
      readonly serviceAccountName?: string;
      readonly terminationGracePeriodSeconds: number;
      readonly securityContext: Members;
      readonly initContainers?: readonly (Container & Members)[];
      readonly containers: readonly Container[];
      readonly volumes: readonly Members[];
      readonly topologySpreadConstraints?: readonly Members[];
    };
  };
}

export function specOf(objects: readonly KubernetesObject[], kind: string, name?: string): Members {
  return only(objects, kind, name).spec;
}

export function deploymentOf(objects: readonly KubernetesObject[]): DeploymentSpec {
  return specOf(objects, 'Deployment') as unknown as DeploymentSpec;
}

export function podOf(objects: readonly KubernetesObject[]) {
  const { spec } = deploymentOf(objects).template;
  const [container] = spec.containers;
  if (container === undefined) throw new Error('no container');
  return { ...spec, container };
}
