import { describe, expect, test } from 'vitest';
import { prepareDeploymentTools } from '../support/deployment-tools.ts';
import { example, features, missingTools, render } from '../support/helm-chart.ts';
import {
  type Container,
  type DeploymentSpec,
  deploymentOf,
  only,
  podOf,
  specOf,
} from '../support/kubernetes-objects.ts';

const tools = await prepareDeploymentTools();
const noHelm = missingTools(tools, ['helm']);

/** The restricted Pod Security Standard, and what it leaves open. */
function expectRestricted(pod: DeploymentSpec['template']['spec'], container: Container): void {
  expect(pod.securityContext).toMatchObject({
    runAsNonRoot: true,
    seccompProfile: { type: 'RuntimeDefault' },
  });
  expect(pod.automountServiceAccountToken).toBe(false);
  expect(container.securityContext).toMatchObject({
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  });
  for (const member of ['hostNetwork', 'hostPID', 'hostIPC']) expect(pod).not.toHaveProperty(member);
  const kinds = pod.volumes.map((volume) =>
    Object.keys(volume)
      .filter((key) => key !== 'name')
      .join(),
  );
  expect(['configMap', 'emptyDir', 'projected', 'persistentVolumeClaim']).toEqual(
    expect.arrayContaining(kinds),
  );
}

describe('the example of a sidecar', () => {
  const objects = example('sidecar');
  const { initContainers = [], containers, ...pod } = deploymentOf(objects).template.spec;
  const [sidecar] = initContainers;
  const [application] = containers;

  test('keeps both containers within the restricted standard', () => {
    for (const container of [sidecar, application]) {
      if (container === undefined) throw new Error('no container');
      expectRestricted({ ...pod, containers }, container);
    }
  });

  test('is a native one, and the application starts when it is ready', () => {
    expect(sidecar).toMatchObject({
      restartPolicy: 'Always',
      startupProbe: { httpGet: { path: '/readyz' } },
    });
  });

  test('leads to Gatehouse, which alone reaches the loopback of the application', () => {
    expect(application?.ports).toBeUndefined();
    expect(application?.args).toEqual(['--listen', '127.0.0.1:3000']);
    expect(specOf(objects, 'Service')).toMatchObject({ ports: [{ port: 80, targetPort: 'http' }] });
    expect(sidecar?.ports).toContainEqual({ name: 'http', containerPort: 8080 });
  });
});

describe.skipIf(noHelm !== '')(`rendered pods ${noHelm}`, () => {
  describe.each(features())('of %s', (feature) => {
    const objects = noHelm === '' ? render(tools.helm, feature) : [];

    test('run under the restricted Pod Security Standard, as user 1000, without a token', () => {
      const pod = podOf(objects);
      expectRestricted(pod, pod.container);
      expect(pod.securityContext).toMatchObject({ runAsUser: 1000, runAsGroup: 1000, fsGroup: 1000 });
      const accounts = objects.filter(({ kind }) => kind === 'ServiceAccount');
      expect(accounts.map((account) => account)).toEqual(
        accounts.map(() => expect.objectContaining({ automountServiceAccountToken: false })),
      );
    });

    test('are probed on the ops listener', () => {
      const { container } = podOf(objects);
      expect(container.ports).toContainEqual({ name: 'ops', containerPort: 9464 });
      expect(container.startupProbe.httpGet).toEqual({ path: '/livez', port: 'ops' });
      expect(container.readinessProbe.httpGet).toEqual({ path: '/readyz', port: 'ops' });
      expect(container.livenessProbe.httpGet).toEqual({ path: '/livez', port: 'ops' });
    });

    test('mount the configuration as a folder', () => {
      const { container } = podOf(objects);
      expect(container.args).toEqual(['serve', '--config', '/etc/gatehouse/gatehouse.yaml']);
      const [mount] = container.volumeMounts.filter(({ name }) => name === 'config');
      expect(mount).toEqual({ name: 'config', mountPath: '/etc/gatehouse', readOnly: true });
    });

    test('select the pods of this release by labels that no version changes', () => {
      const { selector, template } = deploymentOf(objects);
      expect(selector.matchLabels).toEqual({
        'app.kubernetes.io/name': 'gatehouse',
        'app.kubernetes.io/instance': 'gw',
      });
      expect(template.metadata.labels).toMatchObject(selector.matchLabels);
      for (const service of objects.filter(({ kind }) => kind === 'Service'))
        expect(service.spec).toMatchObject({ selector: selector.matchLabels });
    });

    test('contain no Secret, and lead nobody to the administration listener', () => {
      expect(objects.filter(({ kind }) => kind === 'Secret')).toEqual([]);
      for (const { kind, spec } of objects)
        if (kind === 'Service' || kind === 'Ingress') expect(JSON.stringify(spec)).not.toContain('8081');
    });
  });

  test('the embedded store has a volume of its own, and its file is never open twice', () => {
    const objects = render(tools.helm, 'embedded');
    const { strategy, replicas } = deploymentOf(objects);
    expect({ strategy, replicas }).toEqual({ strategy: { type: 'Recreate' }, replicas: 1 });
    const pod = podOf(objects);
    expect(pod.container.volumeMounts).toContainEqual({ name: 'data', mountPath: '/var/lib/gatehouse' });
    expect(pod.volumes).toContainEqual({
      name: 'data',
      persistentVolumeClaim: { claimName: 'gw-gatehouse' },
    });
    expect(pod.securityContext).toMatchObject({ fsGroupChangePolicy: 'OnRootMismatch' });
    const claim = only(objects, 'PersistentVolumeClaim');
    expect(claim.metadata.annotations).toEqual({ 'helm.sh/resource-policy': 'keep' });
    expect(claim.spec).toMatchObject({
      storageClassName: 'fast',
      resources: { requests: { storage: '5Gi' } },
    });
    expect(objects.filter(({ kind }) => kind === 'PodDisruptionBudget')).toEqual([]);
  });

  test('a claim that is there already is used', () => {
    const objects = render(tools.helm, 'pod-monitor');
    expect(podOf(objects).volumes).toContainEqual({
      name: 'data',
      persistentVolumeClaim: { claimName: 'gatehouse-data' },
    });
    expect(objects.filter(({ kind }) => kind === 'PersistentVolumeClaim')).toEqual([]);
  });

  test('replicas on Redis are replaced one by one, evicted one by one, and spread', () => {
    const objects = render(tools.helm, 'redis');
    const { strategy, replicas, selector } = deploymentOf(objects);
    expect(replicas).toBe(3);
    expect(strategy).toEqual({ type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } });
    expect(specOf(objects, 'PodDisruptionBudget')).toEqual({
      maxUnavailable: 1,
      unhealthyPodEvictionPolicy: 'AlwaysAllow',
      selector,
    });
    const pod = podOf(objects);
    expect(pod.topologySpreadConstraints).toEqual(
      ['topology.kubernetes.io/zone', 'kubernetes.io/hostname'].map((topologyKey) => ({
        maxSkew: 1,
        topologyKey,
        whenUnsatisfiable: 'ScheduleAnyway',
        labelSelector: selector,
        matchLabelKeys: ['pod-template-hash'],
      })),
    );
    expect(pod.volumes.map(({ name }) => name)).not.toContain('data');
  });

  test('a pod has the time that its requests may take: preStop, delay, drain, and ten seconds', () => {
    const pod = podOf(render(tools.helm, 'redis'));
    expect(pod.container.lifecycle).toEqual({ preStop: { sleep: { seconds: 5 } } });
    expect(pod.terminationGracePeriodSeconds).toBe(5 + 2 + 60 + 10);
    expect(podOf(render(tools.helm, 'embedded')).terminationGracePeriodSeconds).toBe(5 + 0 + 30 + 10);
    const quick = podOf(render(tools.helm, 'embedded', { preStopSeconds: 0 }));
    expect(quick.container.lifecycle).toBeUndefined();
    expect(quick.terminationGracePeriodSeconds).toBe(40);
  });

  test('secrets come from Secrets, as variables and as files', () => {
    const { container, volumes } = podOf(render(tools.helm, 'redis'));
    expect(container.env).toContainEqual({
      name: 'GATEHOUSE_ENCRYPTION_KEY',
      valueFrom: { secretKeyRef: { name: 'gatehouse', key: 'encryption-key' } },
    });
    expect(container.envFrom).toEqual([{ secretRef: { name: 'gatehouse-tenants' } }]);
    expect(container.volumeMounts).toContainEqual({
      name: 'secrets',
      mountPath: '/run/secrets/gatehouse',
      readOnly: true,
    });
    expect(volumes).toContainEqual({
      name: 'secrets',
      projected: {
        defaultMode: 0o440,
        sources: [
          {
            secret: {
              name: 'gatehouse',
              items: ['admin-token', 'pepper', 'acme-legacy-key'].map((key) => ({ key, path: key })),
            },
          },
          { configMap: { name: 'redis-ca', items: [{ key: 'ca.crt', path: 'redis-ca.crt' }] } },
        ],
      },
    });
  });
});
