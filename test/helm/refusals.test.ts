import { describe, expect, test } from 'vitest';
import { prepareDeploymentTools } from '../support/deployment-tools.ts';
import { missingTools, template } from '../support/helm-chart.ts';
import { type Members } from '../support/kubernetes-objects.ts';

const tools = await prepareDeploymentTools();
const noHelm = missingTools(tools, ['helm']);

const CONFIG: Members = {
  upstreams: { orders: { targets: ['http://orders:8080'] } },
  routes: [{ id: 'all', match: { path: '/**' }, public: true, upstream: 'orders' }],
};
const REDIS: Members = { ...CONFIG, store: { redis: { url: '${env:REDIS_URL}' } } };
// biome-ignore format: one row for each
const REFUSED: readonly (readonly [string, Members, string])[] = [
  ['no configuration', {}, 'there is no configuration: set config (the Gatehouse YAML) or existingConfig.configMap'],
  ['two configurations', { config: CONFIG, existingConfig: { configMap: 'other' } }, 'both set'],
  ['the embedded store with two replicas', { config: CONFIG, replicas: 2 }, 'replicas is 2, and the embedded store is for one process'],
  ['the embedded store of an existing configuration with two replicas', { existingConfig: { configMap: 'routes', store: 'embedded' }, replicas: 2 }, 'the embedded store is for one process'],
  ['the embedded store with several workers', { config: { ...CONFIG, workers: 2 } }, 'config.workers is 2, and the embedded store is for one process'],
  ['the embedded store with autoscaling', { config: CONFIG, autoscaling: { enabled: true } }, 'autoscaling.enabled with the embedded store'],
  ['autoscaling upside down', { config: REDIS, autoscaling: { enabled: true, minReplicas: 5, maxReplicas: 4 } }, 'minReplicas is above'],
  ['forwardAuth without its listener', { config: REDIS, mode: 'forwardAuth' }, 'mode forwardAuth without config.listen.forwardAuth.peers'],
  ['forwardAuth without peers', { config: { ...REDIS, listen: { forwardAuth: { address: '0.0.0.0:8082', peers: [] } } }, mode: 'forwardAuth' }, 'mode forwardAuth without config.listen.forwardAuth.peers'],
  ['forwardAuth with everybody as a peer', { config: { ...REDIS, listen: { forwardAuth: { address: '0.0.0.0:8082', peers: ['10.0.0.0/8', '0.0.0.0/0'] } } }, mode: 'forwardAuth' }, 'peers has 0.0.0.0/0, which lets everybody ask'],
  ['Envoy by gRPC without a listener for it', { config: { ...REDIS, listen: { forwardAuth: { address: '0.0.0.0:8082', peers: ['10.0.0.0/8'] } } }, mode: 'forwardAuth', forwardAuth: { istio: { enabled: true } } }, 'config.listen.forwardAuth.grpc is not set'],
  ['Envoy Gateway without targets', { existingConfig: { configMap: 'routes' }, mode: 'forwardAuth', forwardAuth: { envoyGateway: { enabled: true } } }, 'targetRefs is empty'],
  ['Traefik with fields that the chart cannot see', { existingConfig: { configMap: 'routes' }, mode: 'forwardAuth', forwardAuth: { traefik: { enabled: true } } }, 'forwardAuth.responseFields is empty'],
  ['Traefik in front of a proxy', { config: CONFIG, forwardAuth: { traefik: { enabled: true } } }, 'forwardAuth.traefik.enabled needs mode: forwardAuth'],
  ['a port that no Service leads to', { config: { ...CONFIG, listen: { public: '0.0.0.0:9000' } } }, 'config.listen.public is 0.0.0.0:9000, and ports.public is 8080'],
  ['the same with TLS', { config: { ...CONFIG, listen: { public: { address: '[::]:9000', tls: { cert: 'a', key: 'b' } } } } }, 'config.listen.public is [::]:9000, and ports.public is 8080'],
  ['probes that reach nothing', { config: { ...CONFIG, listen: { ops: '127.0.0.1:9464' } } }, 'config.listen.ops is 127.0.0.1:9464: neither the kubelet'],
  ['an end before the drain has ended', { config: { ...CONFIG, shutdown: { delay: '1500ms', drain: '1m' } }, terminationGracePeriodSeconds: 67 }, 'terminationGracePeriodSeconds is 67, and preStopSeconds, shutdown.delay and shutdown.drain take 67'],
  ['two monitors', { config: CONFIG, serviceMonitor: { enabled: true }, podMonitor: { enabled: true } }, 'counted twice'],
  ['a route without a Gateway', { config: CONFIG, httpRoute: { enabled: true } }, 'httpRoute.parentRefs is empty'],
  ['an Ingress without a host', { config: CONFIG, ingress: { enabled: true } }, 'ingress.hosts is empty'],
  ['a network without upstreams', { config: CONFIG, networkPolicy: { enabled: true } }, 'nothing could be forwarded'],
  ['a network without the store', { config: REDIS, networkPolicy: { enabled: true, egress: { upstreams: { to: [{ podSelector: {} }] } } } }, 'the store could not be reached'],
  ['a network without known proxies', { existingConfig: { configMap: 'routes' }, mode: 'forwardAuth', forwardAuth: { responseFields: ['X-Tenant-Id'] }, networkPolicy: { enabled: true, egress: { redis: { to: [{ podSelector: {} }] } } } }, 'networkPolicy.ingress.forwardAuth is empty'],
];

describe.skipIf(noHelm !== '')(`what would not work, or not be safe, is not rendered ${noHelm}`, () => {
  test.each(REFUSED)('%s', (_, values, message) => {
    const { status, stderr } = template(tools.helm, undefined, values);
    expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringContaining(message) });
  });

  test('one second more than the drain is enough', () => {
    const config = { ...CONFIG, shutdown: { delay: '1500ms', drain: '1m' } };
    expect(template(tools.helm, undefined, { config, terminationGracePeriodSeconds: 68 })).toMatchObject({
      status: 0,
    });
  });
});
